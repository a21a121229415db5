import { existsSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { ConfigurationError } from '../errors.ts'
import { defined } from '../options.ts'
import { languageCodes } from '../protocol/parameters.ts'
import type { DiarizeOptions, SessionParameters } from '../transforms/diarize-options.ts'
import type { TranscribeOptions } from '../transforms/transcribe/options.ts'
import type { VoiceBook } from '../voices/book.ts'
import type { Command } from './arguments.ts'
import { inputKind } from './input.ts'
import { checkBookFolder, usage } from './options.ts'

/** A command that has no key of its own with the one in the environment, which goes to AssemblyAI only. */
export function withKey(command: Command, environmentKey: string | undefined): Command {
  return { ...command, apiKey: command.apiKey ?? (command.url === undefined ? environmentKey : undefined) }
}

/**
 * Makes what hears an input, as often as it is called, by what a command asks for.
 *
 * @throws (rejects with) {@link ConfigurationError}, as {@link engineOptions} and {@link finishedOptions} do
 */
export async function hearingStages(command: Command): Promise<() => Duplex> {
  if (command.finished) {
    const { transcribe } = await import('../transforms/transcribe/transcribe.ts')
    const options = await finishedOptions(command)
    return () => transcribe(options)
  }
  const { diarize } = await import('../transforms/diarize.ts')
  const options = await engineOptions(command)
  return () => diarize(options)
}

/** Whether the engine on this machine hears. */
export function isLocal({
  engine,
  finished,
  apiKey,
  url,
  region,
  model,
}: Pick<Command, 'engine' | 'finished' | 'apiKey' | 'url' | 'region' | 'model'>): boolean {
  if (finished) return false
  if (engine !== undefined) return engine === 'embedded'
  return [apiKey, url, region, model].every((item) => item === undefined)
}

/**
 * The options of `diarize()` that a command asks for.
 *
 * @throws (rejects with) {@link ConfigurationError} `INVALID_OPTION` where options exclude each other, `MISSING_API_KEY` where
 * AssemblyAI is asked for without a key.
 */
export async function engineOptions(command: Command): Promise<DiarizeOptions> {
  const { engine, apiKey, url, region, model, keyterms, maxSpeakers, channels, language } = command
  const voices = (await bookOf(command)) ?? (command.voices === false ? false : undefined)
  if (url !== undefined && engine !== undefined) throw usage('--url and --engine exclude each other; give one of them')
  if (url !== undefined && region !== undefined) throw usage('--url and --region exclude each other; give one of them')
  // On channels, speakers are told apart for a book of voices only; a warning says so.
  const isApart = channels !== undefined && typeof voices !== 'object'
  const parameters: SessionParameters = defined({
    maxSpeakers: isApart ? undefined : maxSpeakers,
    keytermsPrompt: keyterms.length > 0 ? keyterms : undefined,
  })
  const withParameters = (all: SessionParameters): DiarizeOptions =>
    defined({
      parameters: Object.keys(all).length > 0 ? all : undefined,
      channels,
      range: command.range,
      parallel: command.parallel,
      serverLabels: command.serverNames ? ('asGiven' as const) : undefined,
      voices,
    })
  if (isLocal(command)) {
    refuse('--engine local', {
      '--api-key-file': command.given.includes('api-key-file') || undefined,
      '--region': region,
    })
    if (model === undefined && language === undefined) {
      // Where nobody chose it, a warning says that it runs.
      return { ...withParameters(parameters), ...defined({ engine }) }
    }
    // Much, of which a session elsewhere has no use.
    const { embeddedEngine } = await import('../engine/embedded.ts')
    return { ...withParameters(parameters), engine: embeddedEngine(defined({ model, language })) }
  }
  if (url === undefined && apiKey === undefined) {
    const message = 'AssemblyAI needs a key: set ASSEMBLYAI_API_KEY, or give --api-key-file; --engine local needs none'
    throw new ConfigurationError('MISSING_API_KEY', message)
  }
  const code = language?.toLowerCase().split('-')[0] ?? ''
  const told = defined({ speechModel: model, languageCodes: languageCodes.includes(code) ? [code] : undefined })
  return {
    ...withParameters({ ...parameters, ...told }),
    ...(url === undefined ? { engine: 'assemblyai' } : { url }),
    ...defined({ apiKey, region }),
  }
}

/**
 * The options of `transcribe()` that a command asks for.
 *
 * @throws (rejects with) {@link ConfigurationError} `INVALID_OPTION` for what such a file cannot be, or such an engine cannot do;
 * `MISSING_API_KEY`.
 */
export async function finishedOptions(command: Command): Promise<TranscribeOptions> {
  const { input, apiKey, url, region, model, keyterms, maxSpeakers, language } = command
  const kind = inputKind(input)
  if (kind === 'microphone' || kind === 'rtsp') throw usage(`--finished is for what has an end; got ${kind}`)
  refuse('--finished', {
    '--channels': command.channels,
    '--server-names': command.serverNames || undefined,
    '--no-voices': command.voices === false || undefined,
  })
  if (url !== undefined && region !== undefined) throw usage('--url and --region exclude each other; give one of them')
  if (region === 'global') throw usage('--finished has the regions us and eu; got global')
  if (apiKey === undefined && url === undefined) {
    const message = '--finished needs a key of AssemblyAI: set ASSEMBLYAI_API_KEY, or give --api-key-file'
    throw new ConfigurationError('MISSING_API_KEY', message)
  }
  const parameters = defined({
    speechModels: model === undefined ? undefined : [model],
    keytermsPrompt: keyterms.length > 0 ? keyterms : undefined,
    maxSpeakers,
    languageCode: language === undefined || language === 'auto' ? undefined : serviceLanguage(language),
  })
  return { parameters, ...defined({ apiKey, url, region, voices: await bookOf(command) }) }
}

/** The service knows languages, and places for English only. */
function serviceLanguage(language: string): string {
  const [code = '', place = ''] = language.toLowerCase().split('-')
  const places: Readonly<Record<string, string>> = { us: 'en_us', gb: 'en_uk', au: 'en_au' }
  return code === 'en' ? (places[place] ?? code) : code
}

/** The book that speakers are named by, if any. @throws {@link ConfigurationError} `INVALID_OPTION` */
async function bookOf({
  voices,
  learnVoices,
}: Pick<Command, 'voices' | 'learnVoices'>): Promise<VoiceBook | undefined> {
  if (learnVoices && typeof voices !== 'string') {
    throw usage('--learn-voices needs --voices <file>, the book they go into')
  }
  if (typeof voices !== 'string') return undefined
  if (learnVoices) checkBookFolder(voices)
  else if (!existsSync(voices)) {
    throw usage(
      `there is no voice book ${voices}; make one by diarize-stream voices add <name> <clip> --book ${voices}`,
    )
  }
  const { voiceBook } = await import('../voices/book.ts')
  return voiceBook(voices, { learn: learnVoices })
}

/** Refuses what was given of options that are of no use with another. */
function refuse(other: string, options: Readonly<Record<string, unknown>>): void {
  const [given] = Object.entries(options).find(([, value]) => value !== undefined) ?? []
  if (given !== undefined) throw usage(`${given} is of no use with ${other}; leave one of them out`)
}
