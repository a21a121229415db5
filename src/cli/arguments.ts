import { type Region, regions, serverUrl } from '../protocol/endpoint.ts'
import { checkParameters } from '../protocol/parameters.ts'
import { type CaptionFormat, captionFormats } from '../captions/formats/options.ts'
import {
  type CueLayoutOptions,
  layoutChecks,
  layoutSettings,
  PRESET_NAMES,
  type PresetName,
} from '../captions/layout/options.ts'
import type { SpeakerNames } from '../captions/speakers.ts'
import type { FfmpegOptions } from '../ffmpeg/arguments.ts'
import { checkOneOf, defined } from '../options.ts'
import { redact } from '../redact.ts'
import type { HeardRange } from '../stream/options.ts'
import { resolveTranscribeOptions } from '../transforms/transcribe/options.ts'
import { isRotatingPattern, type RotatingSinkOptions } from '../sinks/rotating.ts'
import { BATCH_OPTIONS, type BatchCommand, parseBatch } from './batch/options.ts'
import { check, integer, list, numberOrText, parseNames, parseOptions, parseTracks, readKey, usage } from './options.ts'
import path from 'node:path'

const VIDEO_ENDINGS: readonly string[] = ['.mp4', '.m4v', '.mov', '.mkv', '.webm']

export interface Command {
  /** The input, or the first of several. */
  input: string
  /** What is asked of several inputs. */
  batch: BatchCommand | undefined
  /** Files, and `-` for standard output. */
  outputs: string[]
  /** What is written to standard output by `-o -`. */
  stdoutFormat: CaptionFormat
  mux: string | undefined
  burn: string | undefined
  engine: 'assemblyai' | 'embedded' | undefined
  /** Whether AssemblyAI's service for finished files is to hear it. */
  finished: boolean
  /** The key in the file that was named. */
  apiKey: string | undefined
  url: string | undefined
  region: Region | undefined
  model: string | undefined
  keyterms: string[]
  /** The part that is heard, where it is not all. */
  range: HeardRange | undefined
  /** Into how many parts a recording is cut, to be heard at the same time. */
  parallel: number | undefined
  passThrough: boolean
  maxSpeakers: number | undefined
  channels: string[] | undefined
  names: SpeakerNames
  /** Whether speakers are called as the server calls them, and not by letters. */
  serverNames: boolean
  /** The book of voices that speakers are named by; `false` where no voices are to be heard. */
  voices: string | false | undefined
  /** Whether new voices go into it. */
  learnVoices: boolean
  preset: PresetName
  /** Limits that replace those of the preset. */
  limits: Omit<CueLayoutOptions, 'preset' | 'language' | 'speakers'>
  language: string | undefined
  /** Whether words are highlighted as they are said. */
  highlightWords: boolean
  /** Whether speakers have colours in WebVTT. */
  colours: boolean
  /** Whether captions that are burnt in stand on a box. */
  box: boolean
  tracks: Pick<FfmpegOptions, 'audioTrack' | 'language'>
  /** The microphone, as `--list-microphones` calls it. */
  device: string | undefined
  report: boolean
  json: boolean
  quiet: boolean
  /** Whether files that exist are left as they are. */
  keepsFiles: boolean
  /** Where the checkpoint is, where that is said. */
  checkpoint: string | undefined
  /** Whether it goes on from a checkpoint that is there. */
  resume: boolean
  /** When an output whose name has a `{…}` is followed by the next. */
  rotate: RotatingSinkOptions | undefined
  /** Names of the options that were given. */
  given: readonly string[]
}

/** The options of a command line, by their names. */
export const OPTIONS = {
  output: { type: 'string', short: 'o', multiple: true },
  mux: { type: 'string' },
  burn: { type: 'string' },
  engine: { type: 'string' },
  finished: { type: 'boolean' },
  'api-key': { type: 'string' },
  'api-key-file': { type: 'string' },
  url: { type: 'string' },
  region: { type: 'string' },
  model: { type: 'string' },
  keyterms: { type: 'string', multiple: true },
  start: { type: 'string' },
  duration: { type: 'string' },
  parallel: { type: 'string' },
  'pass-through': { type: 'boolean' },
  speakers: { type: 'string' },
  channels: { type: 'string' },
  names: { type: 'string' },
  'server-names': { type: 'boolean' },
  voices: { type: 'string' },
  'learn-voices': { type: 'boolean' },
  'no-voices': { type: 'boolean' },
  preset: { type: 'string' },
  'max-line-width': { type: 'string' },
  'max-lines': { type: 'string' },
  cps: { type: 'string' },
  'min-duration': { type: 'string' },
  'max-duration': { type: 'string' },
  'min-gap': { type: 'string' },
  'highlight-words': { type: 'boolean' },
  colours: { type: 'boolean' },
  box: { type: 'boolean' },
  language: { type: 'string' },
  'audio-track': { type: 'string' },
  report: { type: 'boolean' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean' },
  'no-clobber': { type: 'boolean' },
  resume: { type: 'boolean' },
  checkpoint: { type: 'string' },
  rotate: { type: 'string' },
  'rotate-times': { type: 'string' },
  device: { type: 'string' },
  'list-microphones': { type: 'boolean' },
  ...BATCH_OPTIONS,
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const

type Values = ReturnType<typeof parseOptions<typeof OPTIONS>>['values']

/** The output that is standard output. */
export const STDOUT = '-'

/** The files that a command writes, and addresses. */
export function filesOf({ outputs, mux, burn }: Pick<Command, 'outputs' | 'mux' | 'burn'>): string[] {
  return [...outputs, mux, burn].filter((file) => file !== undefined && file !== STDOUT) as string[]
}

/** Options that replace limits of the preset, and what the layout calls them. */
const LIMITS = {
  'max-line-width': 'maxLineWidth',
  'max-lines': 'maxLines',
  'min-duration': 'minDuration',
  'max-duration': 'maxDuration',
  'min-gap': 'minGap',
  cps: 'maxReadingSpeed',
} as const

/** All options on how captions look. */
export const LAYOUT_FLAGS = ['preset', ...Object.keys(LIMITS)]

/** A transcript, which is not heard but written anew. */
export const TRANSCRIPT = /\.(?:jsonl|srt|vtt)$/i

/** Options on how something is heard, or on what is made of a video. */
const HEARING = [
  ...(['engine', 'finished', 'api-key-file', 'url', 'region', 'model', 'keyterms', 'parallel', 'speakers'] as const),
  ...(['start', 'duration'] as const),
  ...(['channels', 'voices', 'learn-voices', 'no-voices', 'server-names', 'audio-track', 'pass-through'] as const),
  ...(['mux', 'burn'] as const),
]

const KEY_REFUSED =
  'a key is not taken as an argument, because every user of this machine can read it in the list of processes; set ' +
  'ASSEMBLYAI_API_KEY, or put it in a file and give --api-key-file. Treat the one just given as known to others'

/** What `argv` asks for. @throws ConfigurationError `INVALID_OPTION`; the message holds no key. */
export function parseCommand(argv: readonly string[]): Command | 'help' | 'version' | 'microphones' {
  // Before anything else is said: a message must not repeat the value.
  if (argv.some((argument) => /^--api[-_]?key(?:=|$)/i.test(argument))) throw usage(KEY_REFUSED)
  const { values, positionals } = parseOptions(argv, OPTIONS, { allowPositionals: true })
  if (values.help === true) return 'help'
  if (values.version === true) return 'version'
  if (values['list-microphones'] === true) return 'microphones'
  const [input] = positionals
  if (input === undefined || input === '') {
    throw usage('an input is needed: a file, an address, mic, or - for standard input')
  }
  const { output: outputs = [], format, ...others } = values
  const toStdout = outputs.includes(STDOUT)
  const batch = parseBatch(positionals, toStdout ? { ...others, output: outputs } : values)
  if (toStdout && values.json === true) {
    throw usage('-o - and --json both write to standard output; leave one of them out')
  }
  const maxSpeakers = integer('--speakers', values.speakers, 1, 10)
  const parallel = integer('--parallel', values.parallel, 1, 100)
  checkOneOf('--engine', values.engine, ['assemblyai', 'assemblyai-batch', 'local', 'embedded'])
  checkOneOf('--region', values.region, regions)
  checkOneOf('--preset', values.preset, PRESET_NAMES)
  const preset = (values.preset ?? 'netflix') as PresetName
  layoutChecks.language('--language', values.language)
  const heard = HEARING.find((name) => values[name] !== undefined)
  if (TRANSCRIPT.test(input) && heard !== undefined) {
    throw usage(`--${heard} is of no use with a transcript, which is not heard again; leave it out`)
  }
  if (input === 'mic' && values['audio-track'] !== undefined) throw usage('--audio-track is of no use with mic')
  if (input !== 'mic' && values.device !== undefined) throw usage(`--device is for mic; got ${redact(input)}`)
  const { engine, finished } = engineOf(values)
  if (parallel !== undefined) {
    if (finished) throw usage('--parallel is of no use with --finished; leave one of them out')
    if (values.channels !== undefined) throw usage('--parallel and --channels exclude each other; give one of them')
    if (/^(?:mic$|rtsps?:)/i.test(input)) throw usage(`--parallel is for what has an end; got ${input}`)
  }
  if (values['pass-through'] === true) {
    if (finished) throw usage('--pass-through is of no use with --finished; leave one of them out')
    if (/^(?:mic$|https?:|rtsps?:)/i.test(input)) {
      throw usage(`--pass-through is for files; got ${input}`)
    }
  }
  const { url } = values
  if (url !== undefined) check('--url', () => (finished ? resolveTranscribeOptions({ url }) : serverUrl(url)))
  for (const name of ['mux', 'burn'] as const) checkVideo(`--${name}`, values[name])
  const keyterms = (values.keyterms ?? []).flatMap((terms) => list('--keyterms', terms))
  if (keyterms.length > 0) check('--keyterms', () => checkParameters({ keytermsPrompt: keyterms }))
  return {
    input,
    batch,
    outputs,
    stdoutFormat: toStdout ? onlyFormat(format) : 'srt',
    mux: values.mux,
    burn: values.burn,
    engine,
    finished,
    apiKey: values['api-key-file'] === undefined ? undefined : readKey(values['api-key-file']),
    url,
    region: values.region as Region | undefined,
    model: values.model,
    keyterms,
    range: rangeOf(values, input, finished),
    parallel,
    passThrough: values['pass-through'] ?? false,
    maxSpeakers,
    channels: values.channels === undefined ? undefined : list('--channels', values.channels),
    names: parseNames(values.names),
    serverNames: values['server-names'] ?? false,
    voices: voicesOf(values),
    learnVoices: values['learn-voices'] ?? false,
    preset,
    limits: parseLimits(values, preset),
    language: values.language,
    highlightWords: values['highlight-words'] ?? false,
    colours: values.colours ?? false,
    box: values.box ?? false,
    tracks: parseTracks(values['audio-track'], values.language),
    device: values.device,
    report: values.report ?? false,
    json: values.json ?? false,
    quiet: values.quiet ?? false,
    keepsFiles: values['no-clobber'] ?? false,
    checkpoint: values.checkpoint,
    resume: values.resume ?? false,
    rotate: rotationOf(values, outputs, batch),
    given: Object.keys(values),
  }
}

const ROTATION = { s: 1000, min: 60_000, h: 3_600_000, kB: 1000, MB: 1_000_000, GB: 1_000_000_000 } as const

function rotationOf(
  { rotate, 'rotate-times': times }: Values,
  outputs: readonly string[],
  batch: BatchCommand | undefined,
): RotatingSinkOptions | undefined {
  checkOneOf('--rotate-times', times, ['continue', 'restart'])
  if (rotate === undefined) {
    if (times !== undefined) throw usage('--rotate-times is of no use without --rotate')
    return undefined
  }
  if (batch !== undefined) throw usage('--rotate is of no use with several inputs; leave it out')
  if (!outputs.some(isRotatingPattern)) {
    throw usage("--rotate wants {number}, {date} or {time} in the name of an output, e.g. -o 'radio-{date}-{time}.srt'")
  }
  const document = outputs.find((output) => isRotatingPattern(output) && /\.docx$/i.test(output))
  if (document !== undefined) throw usage(`--rotate is for what is written as it comes, not for .docx; got ${document}`)
  const more = times === undefined ? {} : { times: times as 'continue' | 'restart' }
  if (rotate === 'hour' || rotate === 'day') return { every: rotate, ...more }
  const [, count = '', unit = ''] = /^(\d{1,9})(s|min|h|kB|MB|GB)$/.exec(rotate) ?? []
  const size = Number(count) * (ROTATION[unit as keyof typeof ROTATION] ?? 0)
  if (size === 0) throw usage(`--rotate must be hour, day, a time such as 30min, or a size such as 10MB; got ${rotate}`)
  return { ...(unit.endsWith('B') ? { maxBytes: size } : { every: size }), ...more }
}

function rangeOf(values: Values, input: string, finished: boolean): HeardRange | undefined {
  const range: HeardRange = {}
  for (const name of ['start', 'duration'] as const) {
    const text = values[name]
    if (text === undefined) continue
    const ms = msOf(text)
    if (ms === undefined || (name === 'duration' && ms === 0)) {
      throw usage(`--${name} must be a time such as 90, 1:30 or 1:02:03.5; got '${text}'`)
    }
    if (finished)
      throw usage(`--${name} is of no use with --finished, which hears all of a file; leave one of them out`)
    if (/^(?:mic$|rtsps?:)/i.test(input)) throw usage(`--${name} is for recordings; got ${redact(input)}`)
    for (const other of ['parallel', 'channels'] as const) {
      if (values[other] !== undefined) throw usage(`--${name} and --${other} exclude each other; give one of them`)
    }
    range[name] = ms
  }
  return Object.keys(range).length > 0 ? range : undefined
}

/** Seconds, minutes and seconds, or hours, minutes and seconds, as ms; `undefined` for what is none of these. */
function msOf(text: string): number | undefined {
  if (!/^(?:\d+:)?(?:\d+:)?\d+(?:\.\d{1,3})?$/.test(text)) return undefined
  const parts = text.split(':').map(Number)
  if (parts.slice(1).some((part) => part >= 60)) return undefined
  const ms = Math.round(parts.reduce((sum, part) => sum * 60 + part, 0) * 1000)
  return Number.isSafeInteger(ms) ? ms : undefined
}

function voicesOf({ voices: book, 'no-voices': isOff = false }: Values): Command['voices'] {
  if (isOff && book !== undefined) throw usage('--voices and --no-voices exclude each other; give one of them')
  return isOff ? false : book
}

function onlyFormat(given: readonly string[] = ['srt']): CaptionFormat {
  const [format = ''] = given.map((name) => name.trim().toLowerCase().replace(/^\./, ''))
  if (given.length > 1 || format.includes(',')) throw usage('standard output takes one --format; got several')
  checkOneOf('--format', format, captionFormats)
  return format as CaptionFormat
}

function parseLimits(values: Values, preset: PresetName): Command['limits'] {
  const limits: Command['limits'] = {}
  for (const [option, name] of Object.entries(LIMITS)) {
    const value = numberOrText(values[option as keyof typeof LIMITS])
    layoutChecks[name](`--${option}`, value)
    if (value !== undefined) limits[name] = value as number
  }
  const { minDuration, maxDuration } = { ...layoutSettings({ preset }), ...limits }
  if (minDuration > maxDuration) {
    throw usage(`--min-duration must be at most --max-duration; got ${minDuration} and ${maxDuration} ms`)
  }
  return limits
}

/** `assemblyai-batch` is another name for `--finished`. */
function engineOf({ engine, finished = false }: Values): Pick<Command, 'engine' | 'finished'> {
  if (engine === 'assemblyai-batch' || (finished && engine === 'assemblyai'))
    return { engine: undefined, finished: true }
  if (finished && engine !== undefined)
    throw usage(`--finished is of no use with --engine ${engine}; leave one of them out`)
  return { engine: (engine === 'local' ? 'embedded' : engine) as Command['engine'], finished }
}

function checkVideo(option: string, file: string | undefined): void {
  if (file === undefined || VIDEO_ENDINGS.includes(path.extname(file).toLowerCase())) return
  throw usage(`${option} must end in one of ${VIDEO_ENDINGS.join(' ')}; got '${file}'`)
}

export const USAGE = `diarize-stream <input> [options]
diarize-stream <inputs> [--output-dir <folder>] [--format srt,vtt] [--skip-existing] [--jobs 2] [options]
diarize-stream models list | pull <name> | path
diarize-stream voices add <name> <clip> | name <transcript> | list | forget <name>
diarize-stream fleet add <inputs> | work | status | drain | retry
diarize-stream serve [options]
diarize-stream doctor [--network]
diarize-stream completion bash | zsh | fish

Captions what is said in <input>, with the names of the speakers. With a key it asks AssemblyAI, without one the engine
on this machine, with an English model that comes with it or any other that was pulled.

  <input>                 a video or audio file; - for standard input; an address that begins with http:, https:, rtsp:
                          or rtsps:; mic for the microphone (a file of that name is ./mic); a transcript, .jsonl, to be
                          written with other names, by another preset or in another format; captions, .srt or
                          .vtt, whose times and lines stay

Output
  -o, --output <file>     where to write; again for more files. The ending says what: .srt .vtt .ass .ttml .sbv .lrc;
                          .txt .csv .jsonl, .docx after npm install docx, and .json as Whisper writes it; .rttm .ctm
                          .stm; s3://bucket/talk.jsonl, after npm install @aws-sdk/client-s3, stores it there, and is an
                          input, too. Without it, what is said goes to standard output; - writes captions there, in the one
                          --format that is given, else srt
  --mux <file>            a copy of the video with the captions as a text track: .mp4 .m4v .mov .mkv .webm
  --burn <file>           a copy of the video with the captions in its picture: .mp4 .m4v .mov .mkv .webm
  --resume                keep a checkpoint while it runs, beside the first output, and go on from it where a run was cut off;
                          with several inputs each its own, and what is done is skipped
  --checkpoint <file>     another place for it; without --resume, begin anew
  --no-clobber            replace no file that exists: the command ends before it has begun
  --rotate <when>         end an output with {number}, {date} or {time} in its name, and begin the next: with each hour or day
                          of UTC, or after 30min, 10MB, …; files that exist are never replaced
  --rotate-times <how>    continue (default): times go on from part to part; restart: each begins at 0
  --json                  events as JSON lines on standard output, for programs
  --report                say at the end how well the captions keep to the preset
  --quiet                 nothing on standard error but errors, and what --report says

Several inputs: files, folders (all audio and video in them), lists (a .txt with an input on each line), addresses. Each output
has the name of its input, and a .part behind it until it is complete
  --output-dir <folder>   where to write, folders of inputs made anew; else beside each input
  --format <list>         what to write, by the endings above: srt,vtt,txt; srt where nothing is said
  --skip-existing         make only what is not there yet; else nothing is begun where an output is there
  --overwrite             make all anew
  --jobs <number>         inputs that are heard at the same time, 1 to 100; 1 where nothing is said
  --continue-on-error     begin the next inputs after one has failed

Engine
  --engine <name>         assemblyai, or local (also: embedded)
  --finished              for files that have an end: AssemblyAI hears all of it at once, an hour in minutes, and the
                          captions come then (also: --engine assemblyai-batch). Needs npm install assemblyai
  --parallel <number>     cut a recording into so many parts that are heard at the same time, each by a session of its own:
                          with 8 an hour takes 8 minutes, and the captions come at the end
  --pass-through          send a file of mono Opus (.webm .opus .ogg .mkv .mp4) as it is: a tenth of the bytes
  --api-key-file <file>   a file that holds the key; else it is taken from ASSEMBLYAI_API_KEY. There is no option for the
                          key itself: every user of this machine could read it in the list of processes
  --url <address>         a v3 server of your own, ws: or wss:, with --finished one of that API, http: or https:;
                          ASSEMBLYAI_API_KEY is never sent to it
  --region <name>         where AssemblyAI works on it: us, eu, global
  --model <name>          model of AssemblyAI; with --engine local, one that was pulled, or the folder of one: ./folder
  --keyterms <list>       words and names to expect: Hanseatic,Buxtehude
  --language <code>       language of what is said, e.g. de, or auto; the model on this machine must know it. It also says
                          how lines are broken, and chooses among several audio tracks
  --start <time>, --duration <time>
                          hear a part of a recording only: 90, 1:30 or 1:02:03.5; times stay those of the recording
  --audio-track <which>   number of the audio track, from 0, or its language; else the one that the file marks as default
  --device <id>           which microphone; --list-microphones says which there are

Speakers
  --speakers <number>     most speakers to tell apart, 1 to 10
  --channels <list>       names of the channels of the audio, one speaker on each: Agent,Customer
  --names <list>          what speakers are called: A=Alice,B=Bob
  --voices <file>         name speakers by a book of voices: diarize-stream voices --help
  --learn-voices          put new voices into it, as Voice 1, Voice 2
  --no-voices             know speakers again by words alone where a session takes over from another, and make no voices
  --server-names          speakers as the server of --url calls them, where these are no letters

Captions
  --preset <name>         how they look: ${PRESET_NAMES.join(', ')}
  --max-line-width <number>, --max-lines <number>
                          columns of a line; lines of a caption, 1 or 2
  --cps <number>          characters a second that a reader can follow at most
  --min-duration <ms>, --max-duration <ms>, --min-gap <ms>
                          how long a caption is shown, and milliseconds between two of them; these replace limits of the
                          preset
  --highlight-words       words are highlighted as they are said: .vtt .ass --burn
  --colours               speakers have colours in .vtt, as browsers show it; FFmpeg does not read such a file
  --box                   --burn puts captions on a black box

  --help, --version

Ctrl-C ends the input there: the last words come, and all files are complete. A second Ctrl-C stops at once.

Exit codes: 0 complete, 1 output failed or cut off, 2 usage, 3 input, 4 engine or network, 5 written but with gaps, or the
input is cut off, 6 of several inputs some failed, 130 ended by Ctrl-C and complete until there
`

/** The options of caption sinks that a command asks for. */
export function captionOptions({
  names,
  preset,
  limits,
  language,
}: Pick<Command, 'names' | 'preset' | 'limits' | 'language'>) {
  return { speakers: names, layout: { preset, ...limits, ...defined({ language }) } }
}
