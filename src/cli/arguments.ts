import { type FfmpegOptions, resolveFfmpegOptions } from '../ffmpeg/options.ts'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Region, regions, serverUrl } from '../assemblyai/endpoint.ts'
import { checkParameters } from '../assemblyai/parameters.ts'
import { checkLayoutOptions, type PresetName } from '../captions/layout-options.ts'
import { checkSpeakerNames, type SpeakerNames } from '../captions/names.ts'
import { PRESET_NAMES } from '../captions/presets.ts'
import { ConfigurationError } from '../errors.ts'
import { checkInteger, checkOneOf } from '../options.ts'
import { VIDEO_ENDINGS } from './video-arguments.ts'

/** What the command was asked to do. */
export interface Command {
  input: string
  outputs: string[]
  mux: string | undefined
  burn: string | undefined
  engine: 'assemblyai' | 'embedded' | undefined
  /** The key in the file that was named. */
  apiKey: string | undefined
  url: string | undefined
  region: Region | undefined
  model: string | undefined
  keyterms: string[]
  maxSpeakers: number | undefined
  channels: string[] | undefined
  names: SpeakerNames
  /** Whether speakers are called as the server calls them, and not by letters. */
  serverNames: boolean
  preset: PresetName
  language: string | undefined
  /** Which audio track is wanted. */
  tracks: Pick<FfmpegOptions, 'audioTrack' | 'language'>
  report: boolean
  json: boolean
  quiet: boolean
}

const OPTIONS = {
  output: { type: 'string', short: 'o', multiple: true },
  mux: { type: 'string' },
  burn: { type: 'string' },
  engine: { type: 'string' },
  'api-key': { type: 'string' },
  'api-key-file': { type: 'string' },
  url: { type: 'string' },
  region: { type: 'string' },
  model: { type: 'string' },
  keyterms: { type: 'string', multiple: true },
  speakers: { type: 'string' },
  channels: { type: 'string' },
  names: { type: 'string' },
  'server-names': { type: 'boolean' },
  preset: { type: 'string' },
  language: { type: 'string' },
  'audio-track': { type: 'string' },
  report: { type: 'boolean' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const

const KEY_REFUSED =
  'a key is not taken as an argument, because every user of this machine can read it in the list of processes; set ' +
  'ASSEMBLYAI_API_KEY, or put it in a file and give --api-key-file. Treat the one just given as known to others'

/**
 * The command that `argv` asks for, or which text is to be printed instead.
 *
 * @throws {@link ConfigurationError} `INVALID_OPTION`; the message holds no key.
 */
export function parseCommand(argv: readonly string[]): Command | 'help' | 'version' {
  // Before anything else is said: a message must not repeat the value.
  if (argv.some((argument) => /^--api[-_]?key(?:=|$)/i.test(argument))) throw usage(KEY_REFUSED)
  const { values, positionals } = parse(argv)
  if (values.help === true) return 'help'
  if (values.version === true) return 'version'
  const [input, ...more] = positionals
  if (input === undefined || input === '') {
    throw usage('an input is needed: a file, an address, mic, or - for standard input')
  }
  if (more.length > 0) throw usage(`one input at a time; got also ${more.join(', ')}`)
  const maxSpeakers = values.speakers === undefined ? undefined : Number(values.speakers)
  checkInteger('--speakers', maxSpeakers, 1, 10)
  checkOneOf('--engine', values.engine, ['assemblyai', 'local', 'embedded'])
  checkOneOf('--region', values.region, regions)
  checkOneOf('--preset', values.preset, PRESET_NAMES)
  if (values.language !== undefined) checkLayoutOptions({ language: values.language }, '--')
  if (values.url !== undefined) check('--url', () => serverUrl(values.url as string))
  for (const name of ['mux', 'burn'] as const) checkVideo(`--${name}`, values[name])
  const keyterms = (values.keyterms ?? []).flatMap((terms) => list('--keyterms', terms))
  if (keyterms.length > 0) check('--keyterms', () => checkParameters({ keytermsPrompt: keyterms }))
  const engine = values.engine === 'local' ? 'embedded' : values.engine
  return {
    input,
    outputs: values.output ?? [],
    mux: values.mux,
    burn: values.burn,
    engine: engine as Command['engine'],
    apiKey: values['api-key-file'] === undefined ? undefined : readKey(values['api-key-file']),
    url: values.url,
    region: values.region as Region | undefined,
    model: values.model,
    keyterms,
    maxSpeakers,
    channels: values.channels === undefined ? undefined : list('--channels', values.channels),
    names: parseNames(values.names),
    serverNames: values['server-names'] ?? false,
    preset: (values.preset ?? 'netflix') as PresetName,
    language: values.language,
    tracks: parseTracks(values['audio-track'], values.language),
    report: values.report ?? false,
    json: values.json ?? false,
    quiet: values.quiet ?? false,
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw usage((error as Error).message)
  }
}

function parseTracks(track: string | undefined, language: string | undefined): Command['tracks'] {
  const audioTrack = track !== undefined && /^\d+$/.test(track) ? Number(track) : track
  const tracks = {
    ...(audioTrack !== undefined && { audioTrack }),
    // A language that is to be found out, or one of the model's own, says nothing of tracks.
    ...(language !== undefined && /^[a-z]{2,3}(?:-|$)/i.test(language) && { language }),
  }
  check('--audio-track', () => resolveFfmpegOptions('', tracks))
  return tracks
}

/**
 * One speaker and the name. A comma belongs to the name unless another speaker follows it: `A=Smith, John,B=Bob`. What
 * follows may also be quoted, `A="x, B=y"`, or have a backslash before the comma.
 */
const NAME = /\s*([^=,]+?)\s*=\s*(?:"([^"]*)"|((?:\\,|(?!,[^,=]*=).)*?))\s*(?:,(?=[^,=]*=)|$)/suy

function parseNames(text: string | undefined): SpeakerNames {
  if (text === undefined) return {}
  const names = new Map<string, string>()
  NAME.lastIndex = 0
  for (let at = 0; at < text.length || at === 0; at = NAME.lastIndex) {
    const [, speaker = '', quoted, plain = ''] = NAME.exec(text) ?? []
    if (speaker === '' || (quoted === undefined && plain.endsWith(','))) {
      throw usage(`--names, when given, must be like A=Alice,B=Bob; got '${text}'`)
    }
    names.set(speaker, quoted ?? plain.replaceAll('\\,', ','))
  }
  const given = Object.fromEntries(names)
  checkSpeakerNames('--names', given)
  return given
}

function list(option: string, text: string): string[] {
  const items = text.split(',').map((item) => item.trim())
  if (items.includes('')) throw usage(`${option}, when given, must be like One,Two; got '${text}'`)
  return items
}

function checkVideo(option: string, file: string | undefined): void {
  if (file === undefined || VIDEO_ENDINGS.includes(path.extname(file).toLowerCase())) return
  throw usage(`${option} must end in one of ${VIDEO_ENDINGS.join(' ')}; got '${file}'`)
}

/** Runs a check of the library, whose message names an option of the library. */
function check(option: string, run: () => unknown): void {
  try {
    run()
  } catch (error) {
    throw usage(`${option}: ${(error as Error).message}`)
  }
}

function readKey(file: string): string {
  let key: string
  try {
    key = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw usage(`--api-key-file cannot be read: ${(error as Error).message}`)
  }
  if (key === '') throw usage(`--api-key-file ${file} is empty`)
  return key
}

/** The error for a wrong command line. */
export function usage(message: string): ConfigurationError {
  return new ConfigurationError('INVALID_OPTION', `${message}; see diarize-stream --help`)
}
