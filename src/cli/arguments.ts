import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { checkLayoutOptions, type PresetName } from '../captions/layout-options.ts'
import { checkSpeakerNames, type SpeakerNames } from '../captions/names.ts'
import { PRESET_NAMES } from '../captions/presets.ts'
import { ConfigurationError } from '../errors.ts'
import { checkInteger, checkOneOf } from '../options.ts'

/** What `--help` prints. */
export const USAGE = `diarize-stream <input> [options]

Captions a file with the names of its speakers. Without a key it uses the engine on this machine; with
ASSEMBLYAI_API_KEY in the environment, or --api-key-file, it uses AssemblyAI.

  <input>                a video or audio file, or - for standard input

  -o, --output <file>    where to write; again for more files. The ending says what: .srt .vtt .jsonl .ass .txt .rttm
                         .ctm .stm. Without it, a transcript goes to standard output
  --engine <name>        assemblyai, or embedded
  --api-key-file <file>  a file that holds the key
  --speakers <number>    most speakers to tell apart, 1 to 10
  --names <list>         what speakers are called: A=Alice,B=Bob
  --preset <name>        how captions look: ${PRESET_NAMES.join(', ')}
  --language <code>      language of what is said, for breaking lines, e.g. de
  --report               say at the end how well the captions keep to the preset
  --quiet                say nothing but errors
  --help, --version

Exit codes: 0 complete, 1 output failed, 2 usage, 3 input, 4 engine or network, 5 complete but for gaps, 130 stopped
`

/** What the command was asked to do. */
export interface Command {
  input: string
  outputs: string[]
  engine: 'assemblyai' | 'embedded' | undefined
  apiKey: string | undefined
  maxSpeakers: number | undefined
  names: SpeakerNames
  preset: PresetName
  language: string | undefined
  report: boolean
  quiet: boolean
}

const OPTIONS = {
  output: { type: 'string', short: 'o', multiple: true },
  engine: { type: 'string' },
  'api-key-file': { type: 'string' },
  speakers: { type: 'string' },
  names: { type: 'string' },
  preset: { type: 'string' },
  language: { type: 'string' },
  report: { type: 'boolean' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const

/**
 * The command that `argv` asks for, or which text is to be printed instead.
 *
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function parseCommand(argv: readonly string[]): Command | 'help' | 'version' {
  const { values, positionals } = parse(argv)
  if (values.help === true) return 'help'
  if (values.version === true) return 'version'
  const [input, ...more] = positionals
  if (input === undefined || input === '') throw usage('an input is needed: a file, or - for standard input')
  if (more.length > 0) throw usage(`one input at a time; got also ${more.join(', ')}`)
  const maxSpeakers = values.speakers === undefined ? undefined : Number(values.speakers)
  checkInteger('--speakers', maxSpeakers, 1, 10)
  checkOneOf('--engine', values.engine, ['assemblyai', 'embedded'])
  checkOneOf('--preset', values.preset, PRESET_NAMES)
  if (values.language !== undefined) checkLayoutOptions({ language: values.language }, '--')
  return {
    input,
    outputs: values.output ?? [],
    engine: values.engine as Command['engine'],
    apiKey: values['api-key-file'] === undefined ? undefined : readKey(values['api-key-file']),
    maxSpeakers,
    names: parseNames(values.names),
    preset: (values.preset ?? 'netflix') as PresetName,
    language: values.language,
    report: values.report ?? false,
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

function parseNames(list: string | undefined): SpeakerNames {
  if (list === undefined) return {}
  const pairs = list.split(',').map((pair) => /^\s*([^=]+?)\s*=\s*(.*?)\s*$/.exec(pair))
  if (pairs.includes(null)) throw usage(`--names, when given, must be like A=Alice,B=Bob; got '${list}'`)
  const names = Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']))
  checkSpeakerNames('--names', names)
  return names
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw usage(`--api-key-file cannot be read: ${(error as Error).message}`)
  }
}

function usage(message: string): ConfigurationError {
  return new ConfigurationError('INVALID_OPTION', `${message}; see diarize-stream --help`)
}
