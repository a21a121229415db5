import type { Environment } from '../engine/models/places.ts'
import { ConfigurationError } from '../errors.ts'
import type { TranscribeOptions } from '../transforms/transcribe/options.ts'
import { bookOf, type Command, isLocal } from './arguments.ts'
import { usage } from './options.ts'
import { inputKind } from './input.ts'
import { rememberOffer, wasOffered } from './offers.ts'
import { clock } from './view/text.ts'

/** Shorter ones are done before anybody has read what would be faster. */
const WORTH_MS = 120_000

/**
 * The options of `transcribe()` that a command asks for.
 *
 * @param environmentKey - the key in the environment; it goes to AssemblyAI only.
 * @throws ConfigurationError `INVALID_OPTION` for what such a file cannot be, or such an engine cannot do;
 * `MISSING_API_KEY`.
 */
export async function finishedOptions(
  command: Command,
  environmentKey: string | undefined,
): Promise<TranscribeOptions> {
  const { input, apiKey, url, region, model, keyterms, maxSpeakers, language } = command
  const kind = inputKind(input)
  if (kind === 'microphone' || kind === 'rtsp') throw usage(`--finished is for what has an end; got ${kind}`)
  refuse('--channels', command.channels)
  refuse('--server-names', command.serverNames || undefined)
  refuse('--no-voices', command.voices === false || undefined)
  if (region === 'global') throw usage('--finished has the regions us and eu; got global')
  const key = apiKey ?? (url === undefined ? environmentKey : undefined)
  if (key === undefined && url === undefined) {
    const message = '--finished needs a key of AssemblyAI: set ASSEMBLYAI_API_KEY, or give --api-key-file'
    throw new ConfigurationError('MISSING_API_KEY', message)
  }
  const voices = await bookOf(command)
  return {
    parameters: {
      ...(model !== undefined && { speechModels: [model] }),
      ...(keyterms.length > 0 && { keytermsPrompt: keyterms }),
      ...(maxSpeakers !== undefined && { maxSpeakers }),
      ...(language !== undefined && language !== 'auto' && { languageCode: serviceLanguage(language) }),
    },
    ...(key !== undefined && { apiKey: key }),
    ...(url !== undefined && { url }),
    ...(region !== undefined && { region }),
    ...(voices !== undefined && { voices }),
  }
}

/** The service knows languages, and places for English only. */
function serviceLanguage(language: string): string {
  const [code = '', place = ''] = language.toLowerCase().split('-')
  const places: Readonly<Record<string, string>> = { us: 'en_us', gb: 'en_uk', au: 'en_au' }
  return code === 'en' ? (places[place] ?? code) : code
}

function refuse(option: string, value: unknown): void {
  if (value !== undefined) throw usage(`${option} is of no use with --finished; leave one of them out`)
}

/** What decides whether `--finished` is offered. */
export interface FinishedSurroundings {
  /** The key in the environment. */
  environmentKey: string | undefined
  /** Length of the input in ms, where it is a file. */
  duration: number | undefined
  /** Whether a person reads standard error. */
  isTerminal: boolean
  /** @defaultValue that of the process */
  env?: Environment
}

/**
 * The line that says what `--finished` would save, once for a user; `undefined` where it was chosen, where it would save
 * little, where AssemblyAI does not hear the file, in pipes, where it is to be quiet, and from the second time on.
 */
export function finishedOffer(command: Command, surroundings: FinishedSurroundings): string | undefined {
  const { environmentKey, duration, isTerminal, env = process.env } = surroundings
  const { quiet, json, finished, url, input, channels } = command
  if (!isTerminal || quiet || json || finished || url !== undefined || channels !== undefined) return undefined
  if (isLocal(command, environmentKey) || inputKind(input) !== 'file') return undefined
  if (duration === undefined || duration < WORTH_MS || wasOffered('finished', env)) return undefined
  rememberOffer('finished', env)
  return `this takes ${clock(duration)}, as long as the file; --finished takes minutes, after npm install assemblyai`
}
