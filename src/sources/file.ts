import { accessSync, closeSync, constants, createReadStream, openSync, readSync, type Stats, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pipeline, type Readable } from 'node:stream'
import type { InputIdentity } from '../checkpoint/checkpoint.ts'
import { type ConfigurationError, errorCode, InputError } from '../errors.ts'
import type { TypedReadable } from '../events.ts'
import { type FfmpegOptions, fileInput, resolveFfmpegOptions } from '../ffmpeg/arguments.ts'
import { FfmpegByteDecoder } from '../ffmpeg/byte-decoder.ts'
import { FfmpegDecoder, type FfmpegDecoderOptions } from '../ffmpeg/decoder.ts'
import {
  declaredLength,
  elementsEnd,
  filesIn,
  isOneOgg,
  isOneRecording,
  mayBeLonger,
  oggEnd,
} from '../ffmpeg/bytes/file-kinds.ts'
import { afterTags, frameKind, kindBytes, mp3Extent, tagHeadBytes, tagLength } from '../ffmpeg/bytes/frames.ts'
import {
  encryptedInput,
  headLimit,
  isEncrypted,
  isGapless,
  isStereo,
  mediaDuration,
  silencesOf,
  wavExtent,
} from '../ffmpeg/probe.ts'
import type { ReadAt } from '../ffmpeg/bytes/read-at.ts'
import { inputIdentity, inputLost, type Sha256, trackIdentity } from '../checkpoint/stages.ts'
import { clockMayLeap } from '../ffmpeg/program/packets.ts'
import { checkBoolean, invalidOption, refusedOption } from '../options.ts'
import { oneLine } from '../redact.ts'
import { filePath } from './address.ts'
import type { SourceGap } from './live/timeline.ts'

/** The names of the standard input, which may be a socket: those can be opened by no name. */
export const standardInput = /^(?:-|\/dev\/stdin|\/(?:dev|proc\/self)\/fd\/0)$/

/** Most characters of a path in a message. */
const MOST_SHOWN = 4096

/** Options of {@link fileSource}. */
export interface FileSourceOptions extends FfmpegOptions {
  /**
   * Whether mono Opus is handed on as it is, as Ogg, to a `diarize()` straight below that can send it so: a tenth of the
   * bytes, and the server decodes it. Where that cannot be, the sound is decoded as ever, with the warning
   * `PASS_THROUGH_UNUSED`, which says why.
   *
   * @defaultValue `false`
   */
  passThrough?: boolean
}

/** Events of a file, beside those of every readable stage. */
export interface FileSourceEvents {
  /** Sound is missing in the middle; silence stands for it. */
  gap: [SourceGap]
}

/** A file: a WAV byte stream. */
export interface FileSource extends TypedReadable<FileSourceEvents> {
  /** Length in ms, where the file says so itself in a way that costs no more than a few small reads. */
  readonly duration: number | undefined
}

/**
 * Reads an audio or video file as a WAV byte stream: 16-bit PCM in the file's own sample rate and channels, or in those
 * that `resample()` asks for when it comes next. With `passThrough`, Opus is not decoded at all.
 *
 * The file is looked at once, at this call. Whatever is wrong with it (`INPUT_NOT_FOUND`, `INPUT_UNREADABLE`,
 * `NO_AUDIO` if it is empty) is the stream's error, before any process is started. Later it may fail with `NO_AUDIO`,
 * `INPUT_NOT_MEDIA`, `FFMPEG_NOT_FOUND` or `FFMPEG_FAILED`. Emits `warning` (`FFMPEG_WARNING`, `INPUT_TRUNCATED`) where
 * part of the audio is damaged or missing, `WAV_SIZE_WRONG` where a WAV is longer than its header says (all of it is decoded),
 * `SEVERAL_AUDIO_TRACKS` where none was named, and `gap` (`{ start, end, missing }`, ms) where for a second or more there is no
 * sound between others, or in FLAC, TTA and WavPack for any time. A sample's place is its time in the file, as players have it.
 *
 * @param file - a path, taken literally whatever characters it has; a `file:` URL; or `-` for the standard input.
 * @throws ConfigurationError `INVALID_OPTION`, also for addresses other than `file:`.
 * @event warning Warning - FFmpeg had trouble with the input: `FFMPEG_WARNING`, it is shorter than its header says: `INPUT_TRUNCATED`; or longer: `WAV_SIZE_WRONG`; or it is several files, joined: `INPUT_JOINED`, of WAV `WAV_JOINED`; or it has several audio tracks: `SEVERAL_AUDIO_TRACKS`; or its times leap further than can be: `TIMESTAMP_JUMP`; or channels that cancel each other out: `CHANNELS_CANCEL`; or it cannot be passed through: `PASS_THROUGH_UNUSED`
 * @event gap SourceGap - sound is missing in the middle; silence stands for it
 */
export function fileSource(file: string | URL, options: FileSourceOptions = {}): FileSource {
  const settings = resolveFfmpegOptions('fileSource', options, { passThrough: checkBoolean })
  const source: Readable = openFile(file, { ...settings, passThrough: options.passThrough ?? false })
  return source as FileSource
}

type Settings = ReturnType<typeof resolveFfmpegOptions> & { passThrough: boolean }

function openFile(file: unknown, settings: Settings): Readable {
  const path = toPath(file)
  if (standardInput.test(path)) return fromBytes('the standard input', () => process.stdin, settings)
  // Descriptors of this process, as a shell makes them for <(command), mean nothing to another process.
  if (/^\/(?:dev|proc\/self)\/fd\/\d+$/.test(path)) return fromBytes(path, () => createReadStream(path), settings)
  const absolute = resolve(path)
  const shown = oneLine(absolute, MOST_SHOWN)
  const found = inspect(absolute, shown, settings.passThrough)
  if (found instanceof InputError) {
    const refuse = (): never => {
      throw found
    }
    return Object.assign(new FfmpegDecoder({ inputName: shown, refusal: found, ...settings }), {
      [inputIdentity]: refuse,
    })
  }
  if (found === 'pipe') return fromBytes(shown, (signal) => readPipe(absolute, signal), settings)
  if (found === 'device') return new FfmpegDecoder({ input: fileInput(absolute), inputName: shown, ...settings })
  const { stats, readable, gapless, stereo, keepsChannels, missing, duration, silences } = found
  const lost = (): number => lostBytes(absolute, stats)
  const known = { ...settings, isRecording: true, duration, lost }
  const source = readable
    ? new FfmpegDecoder({
        ...known,
        input: fileInput(absolute, true, gapless, stereo),
        inputName: shown,
        missing,
        silences,
      })
    : fromBytes(shown, () => createReadStream(absolute), { ...known, keepsChannels })
  let identity: InputIdentity | undefined
  return Object.assign(source, {
    [inputIdentity]: (sha256: Sha256) => (identity ??= { ...identityOf(absolute, sha256), ...trackIdentity(settings) }),
    [inputLost]: lost,
  })
}

/** Bytes that a file has lost since it was looked at; 0 where another is in its place by now. */
function lostBytes(path: string, { dev, ino, size }: Stats): number {
  try {
    const now = statSync(path)
    return now.dev === dev && now.ino === ino ? Math.max(0, size - now.size) : 0
  } catch {
    return 0
  }
}

async function readPipe(path: string, signal: AbortSignal): Promise<Readable> {
  const { readNamedPipe } = await import('./named-pipe.ts')
  return readNamedPipe(path, signal)
}

/** As much of a file is hashed as tells it from others. */
const HASHED_BYTES = 1_048_576

function identityOf(path: string, sha256: Sha256): InputIdentity {
  const { size, mtimeMs } = statSync(path)
  const beginning = opened(path, (readAt) => sha256(readAt(0, Math.min(size, HASHED_BYTES))))
  return { kind: 'file', size, modified: Math.round(mtimeMs), beginning }
}

/** What `use` makes of a file. @throws what the system says where that cannot be read */
function opened<T>(path: string, use: (readAt: ReadAt) => T): T {
  const descriptor = openSync(path, 'r')
  try {
    return use((offset, length) => {
      const bytes = Buffer.alloc(length)
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset))
    })
  } finally {
    closeSync(descriptor)
  }
}

/** A source on bytes of this process, which are touched only once somebody wants audio. */
function fromBytes(
  inputName: string,
  open: (signal: AbortSignal) => Readable | Promise<Readable>,
  settings: Settings & Pick<FfmpegDecoderOptions, 'keepsChannels' | 'isRecording' | 'lost' | 'duration'>,
): Readable {
  const stream = new FfmpegByteDecoder({
    inputName,
    ...settings,
    onWanted: () => {
      const opened = open(closing.signal)
      if (opened instanceof Promise) opened.then(begin, fail)
      else begin(opened)
    },
  })
  const closing = new AbortController()
  stream.once('close', () => closing.abort())
  const fail = (cause: unknown): void => void stream.destroy(explain(inputName, cause))
  const begin = (bytes: Readable): void => {
    bytes.once('error', fail)
    // An end of either ends the other; errors reach the user as the error of the returned stream.
    if (stream.destroyed) bytes.destroy()
    else pipeline(bytes, stream, () => {})
  }
  return stream
}

function toPath(file: unknown): string {
  if (file instanceof URL && file.protocol !== 'file:') throw notAFile(file.href)
  if (file instanceof URL || (typeof file === 'string' && file.startsWith('file://'))) return filePath(file)
  if (typeof file !== 'string' || file === '' || file.includes('\0')) {
    throw invalidOption('file', "a path, a file: URL or '-'", file)
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(file)) throw notAFile(file)
  return file
}

function notAFile(address: string): ConfigurationError {
  const scheme = address.slice(0, address.indexOf(':'))
  const other = new Map([
    ['http', 'httpSource()'],
    ['https', 'httpSource()'],
    ['rtsp', 'rtspSource()'],
    ['rtsps', 'rtspSource()'],
  ]).get(scheme.toLowerCase())
  const advice = other === undefined ? 'Pipe its bytes through decode(), or download it first' : `Use ${other}`
  return refusedOption('file', `fileSource takes files, not ${scheme}: addresses; got '${address}'. ${advice}`)
}

/** What is known of a file, wherever it is, before anybody decodes it. */
interface FileFacts {
  /** Whether FFmpeg reads it to its end, at the right times and without complaint, when it opens it itself. */
  readable: boolean
  /** Where its sound is to be silent, of each track. */
  silences: FfmpegDecoderOptions['silences']
  /** Bytes it lacks, by its own header. */
  missing: number
  /** Length in ms, where it says. */
  duration: number | undefined
}

/** What is known of a file of this machine. */
interface FoundFile extends FileFacts {
  stats: Stats
  /** Whether its sound has no gaps. */
  gapless: boolean
  /** Whether it has two channels. */
  stereo: boolean
  /** Whether it has as many channels at its end as at its beginning, where FFmpeg does not open it itself. */
  keepsChannels: boolean
}

/** What is wrong with a file before anybody decodes it; else what is known of it, or that it is no regular file. */
function inspect(path: string, shown: string, passThrough: boolean): InputError | FoundFile | 'pipe' | 'device' {
  let stats: Stats
  try {
    stats = statSync(path)
    if (stats.isDirectory()) {
      return new InputError('INPUT_UNREADABLE', `${shown} is a directory; give one file in it`)
    }
    accessSync(path, constants.R_OK)
  } catch (cause) {
    return explain(shown, cause)
  }
  if (stats.isFIFO()) return 'pipe'
  // Only a regular file has a size, and can be read here without taking bytes from FFmpeg.
  if (!stats.isFile()) return 'device'
  if (stats.size === 0) return new InputError('NO_AUDIO', `${shown} is empty (0 bytes); check what wrote it`)
  try {
    return opened(path, (readAt) => look(readAt, stats, passThrough)) ?? encryptedInput(shown)
  } catch (cause) {
    return explain(shown, cause)
  }
}

function explain(path: string, cause: unknown): InputError {
  const code = errorCode(cause)
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    // What Node puts in the place of bytes that are no UTF-8, as in names of old archives; it finds no such file.
    const advice = path.includes('\uFFFD') ? ', or has a name that is not UTF-8; rename it' : '; check the path'
    return new InputError('INPUT_NOT_FOUND', `${path} does not exist${advice}`, { cause })
  }
  return new InputError(
    'INPUT_UNREADABLE',
    `${path} cannot be read (${String(code ?? cause)}); check its permissions`,
    { cause },
  )
}

/** `undefined` where its sound is encrypted. */
function look(readAt: ReadAt, stats: Stats, passThrough: boolean): FoundFile | undefined {
  const { size } = stats
  if (isEncrypted(readAt, size)) return undefined
  const found = lookAt(readAt, size, passThrough)
  const gapless = found.readable && isGapless(readAt, size)
  // Of joined MP3s each may have other channels; of joined FLACs each is decoded by itself.
  const keepsChannels = readAt(0, 4).toString('latin1') === 'fLaC'
  return { ...found, stats, gapless, stereo: gapless && isStereo(readAt, size), keepsChannels }
}

/** What is known of a file by some small reads, wherever it is. */
export function lookAt(readAt: ReadAt, size: number, passThrough: boolean): FileFacts {
  const wav = wavExtent(readAt, size)
  const head = readAt(0, headLimit)
  const start = afterTags(readAt, 0)
  const said = declaredLength(start === 0 ? head : readAt(start, headLimit))
  const declared =
    (said === undefined ? undefined : start + said) ??
    elementsEnd(readAt, size) ??
    (passThrough ? oggEnd(readAt, size) : undefined)
  // Of a WAV whose samples are all there nothing is missing, whatever its outer size says.
  const missing = wav?.asSaid === true ? 0 : (declared ?? 0) - size
  // FFmpeg believes a WAV header that says too little.
  const readable = wav?.asSaid ?? (isReadable(readAt, size, passThrough) && !clockMayLeap(head))
  return { readable, missing, duration: durationOf(readAt, size), silences: silencesOf(readAt, size) }
}

/** The length in ms; whether there is more is only looked for where something is said of it. */
function durationOf(readAt: ReadAt, size: number): number | undefined {
  const duration = mediaDuration(readAt, size)
  return duration === undefined || mayBeLonger(readAt, size) ? undefined : duration
}

/**
 * Of what is no WAV as the library reads it: FFmpeg takes tags between and behind frames of MP3 and the like for damaged sound, and
 * of most files that were joined hears the first alone. Whether an Ogg is one, or a WebM of no known length, costs a look at each of its
 * pages or blocks.
 */
function isReadable(readAt: ReadAt, size: number, passThrough: boolean): boolean {
  const head = readAt(0, 44)
  const kind = head.toString('latin1', 8, 12)
  if (kind === 'WAVE') return true
  // Where the index of an AVI is wrong in one place, FFmpeg goes by it all the same, and ends there without a word; so it does where an
  // AIFF, or a CAF whose packets are all alike, says that it has less than is there.
  if (/^(?:AVI |AIF[CF])$/.test(kind)) return false
  const isCaf = head.length === 44 && head.toString('latin1', 0, 4) === 'caff'
  if (isCaf && head.readUInt32BE(36) > 0 && head.readUInt32BE(40) > 0) return false
  const isOne = (): boolean => isOneOgg(readAt, size) || isOneRecording(readAt)
  if (filesIn(readAt, size) !== 'one' && !(passThrough && isOne())) return false
  const start = tagLength(readAt(0, tagHeadBytes)) ?? 0
  if (frameKind(readAt(start, kindBytes)) === undefined) return true
  return (mp3Extent(readAt, size)?.isSingle ?? false) && readAt(size - 2, 2).readUInt16BE() !== 0xffff
}
