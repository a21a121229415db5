import { type DiarizeStreamError, FfmpegError, InputError } from '../errors.ts'
import { defined } from '../options.ts'
import { oneLine, redact } from '../redact.ts'

const LONGEST_LINE = 2000
const LONGEST_TAIL = 4096
const MOST_TROUBLES = 20

/** Warnings of FFmpeg that mean lost audio; its others (a guessed channel layout, say) are noise. */
const damage = /corrupt|truncat|mismatch|partial|prematurely|do(?:es)? not match|discontinu/i

/**
 * Printed at each jump in a spooled byte stream, and where times leap, which are placed as they are; and before a packet is called
 * corrupt, of which FFmpeg also says whose it is. Means nothing.
 */
const noise =
  /Inner protocol failed to seekback|^ *Last message repeated|DTS discontinuity in stream|PES packet size mismatch/

/**
 * Containers of plain samples. FFmpeg calls their last, shorter packet corrupt where it does not know their length, as on a
 * pipe; what they lack is counted in bytes, by their own headers.
 */
const plain = '(?:wav|w64|aiff|au|caf|voc)'
const plainContainer = new RegExp(`^${plain}$`)
const shortPacket = new RegExp(`^\\[(?:in#\\d+/)?${plain}\\] .*(?:Packet corrupt|corrupt input packet)`)

/**
 * Decoders of pictures, which FFmpeg runs only to learn what the streams are: a recording often begins in mid-picture. What only looks
 * for their beginnings has no name before FFmpeg 7, but says which set of their parameters it lacks.
 */
const pictures =
  /^\[(?:vist#[^\]]*\] \[)?(?:dec:)?(?:h26[134]|hevc|vvc|av1|libdav1d|vp[6-9]f?|mpeg[124]video|mpeg4|msmpeg4v?\d?|mjpegb?|png|gif|bmp|webp|tiff|vc1|wmv[123]|flv|theora|prores|dnxhd|dvvideo|ffv1|rawvideo|svq[13]|cinepak|dvbsub|dvdsub|pgssub)\] |^\[NULL\] \[error\] .*\b[SPV]PS\b/

/** FFmpeg 8.0 takes the end of Opus in Matroska for one more packet, and says that it is none. */
const eightZero = /^ +encoder +: Lavf62\.3\./
const noPacket = '[opus] [error] Error parsing Opus packet header.'

/** One audio track of an input, as FFmpeg describes it. */
export interface AudioTrack {
  /** Its number among all tracks of the input. */
  stream: number
  /** As the file has it: mostly an ISO 639 code of three letters, also `en-US`, or `jpn,eng` of one with two; absent where it does not say. */
  language?: string
  /** Whether the file marks it as the one to play. */
  isDefault: boolean
  /** For whom the file marks it, or as what, where it is not for all, in FFmpeg's words: `visual impaired`, say. */
  mark?: string
  /** Codec, rate and channels, in FFmpeg's words. */
  about: string
}

/** As many channels as FFmpeg mixes. */
const MOST_CHANNELS = 64

/** Containers in which each frame of AAC says how many channels it has. */
const framedAac = new Set(['aac', 'loas', 'mpegts', 'mpeg'])

/**
 * More than two channels: for loudspeakers, `now`, or maybe `later`, as in TV, where films and advertisements follow one another; or so
 * many of which nobody says what they are, as of a recorder with a microphone each.
 */
export type Surround = 'now' | 'later' | number

/** What a track has of more than two channels, as far as FFmpeg knows; `undefined` where it has not more. */
export function surroundOf({ about }: AudioTrack, container: string): Surround | undefined {
  const [, layout] = / Hz, ([^,]+)/.exec(about) ?? []
  const unnamed = Number(/^(\d+) channels/.exec(layout ?? '')?.[1])
  if (unnamed > 2 && unnamed <= MOST_CHANNELS) return unnamed
  const mayChange = /^e?ac3\b/.test(about) || (about.startsWith('aac') && framedAac.has(container))
  if (layout === 'stereo' && mayChange) return 'later'
  return layout === undefined || /^(?:mono|stereo|downmix|[012] channels)/.test(layout) ? undefined : 'now'
}

/** Why nothing can be heard of a track, by what FFmpeg knows before it decodes; `undefined` where it can be. */
export function unheardReason({ about }: AudioTrack): string | undefined {
  // TV announces tracks that are not sent at the time, or are scrambled.
  if (/, 0 channels\b/.test(about)) return 'FFmpeg finds no sound in it'
  // In which form samples come out only their decoder says.
  return /, (?:u8|s16|s32|s64|flt|dbl)p?\b/.test(about) ? undefined : 'FFmpeg has no decoder for it'
}

/** What FFmpeg says of an input before it decodes it. */
export interface InputFacts {
  /** Names of the demuxer, e.g. `mov,mp4,m4a,3gp,3g2,mj2`. */
  container: string
  /** The earliest time of any of its tracks, in seconds; 0 where it has none. */
  start: number
  /** In the order in which they are numbered. */
  tracks: readonly AudioTrack[]
}

/** The languages that a file gives a track, without those that say nothing. */
function languageIn(brackets = ''): string | undefined {
  const known = brackets.split(',').map((language) => language.trim())
  return known.filter((language) => /^[\w-]+$/.test(language) && language !== 'und').join(',') || undefined
}

/** Most audio tracks that are told of. */
const MOST_TRACKS = 100

/** What the parts of FFmpeg say beside warnings, where it is told to say what it knows of its input. */
const isAside = /^(?:\[[^\]]*\] )+\[info\] /

/**
 * Reads FFmpeg's stderr, written with `-loglevel level+…`: keeps the last lines for an error message, and tells lines
 * that mean trouble from the rest. However much comes, it holds a bounded amount. What it gives away is free of credentials;
 * hiding those costs too much to be done for every line of a flood.
 */
export class FfmpegLog {
  readonly #onTrouble: (line: string) => void
  readonly #seen = new Set<string>()
  #lines: string[] = []
  #length = 0
  #unfinished = ''
  readonly #onInput: ((facts: InputFacts) => void) | undefined
  #input: { container: string; start: number; tracks: Map<number, AudioTrack> } | undefined
  #inputTold = false
  /** Whether the input has a short last packet, of which FFmpeg speaks twice. */
  #hasShortPacket = false
  /** Whether FFmpeg may still call the end a packet that is none. */
  #hasFalseEnd = false

  /**
   * `onTrouble` is called with each line that means trouble, alike lines once, and after twenty no more; `onInput` once,
   * with what is said of the input where FFmpeg is told to say that (`-loglevel level+info`).
   */
  constructor(onTrouble: (line: string) => void, onInput?: (facts: InputFacts) => void) {
    this.#onTrouble = onTrouble
    this.#onInput = onInput
  }

  /** Takes text as it comes from stderr. */
  push(text: string): void {
    const lines = (this.#unfinished + text).split(/\r?\n|\r/)
    // A line without end is kept a little beyond the limit, so that it is still known to be too long.
    this.#unfinished = (lines.pop() ?? '').slice(0, LONGEST_LINE + 1)
    for (const line of lines) this.#take(line)
  }

  /** Takes a last line that has no line end. */
  end(): void {
    const last = this.#unfinished
    this.#unfinished = ''
    this.#take(last)
    this.told()
  }

  /** Nothing more will be said of the input: what has been is all there is. */
  told(): void {
    if (this.#inputTold) return
    this.#inputTold = true
    const { container = '', start = 0, tracks = new Map<number, AudioTrack>() } = this.#input ?? {}
    this.#onInput?.({ container, start, tracks: [...tracks.values()].toSorted((a, b) => a.stream - b.stream) })
  }

  /** The last lines, at most 4096 characters. */
  get tail(): string {
    return redact(this.#lines.join('\n'))
  }

  #take(raw: string): void {
    const line = clean(raw)
    if (line === '' || noise.test(line)) return
    const [, info] = /^\[info\] ?(.*)$/.exec(line) ?? []
    if (info !== undefined) return this.#inform(info)
    if (isAside.test(line)) return
    // FFmpeg begins its lines with what they are of; what does not is the rest of a text that it quotes.
    const told = `${line.startsWith('[') ? '' : '… '}${oneLine(line, LONGEST_LINE + 1)}`
    this.#lines.push(told)
    this.#length += told.length + 1
    while (this.#length > LONGEST_TAIL && this.#lines.length > 1) this.#length -= (this.#lines.shift() ?? '').length + 1
    const isCorrupt = /Packet corrupt|corrupt input packet in stream/.test(line)
    this.#hasShortPacket ||= shortPacket.test(line) || (isCorrupt && plainContainer.test(this.#input?.container ?? ''))
    if (this.#hasShortPacket && isCorrupt) return
    // Its demuxer has no other word for an end; where it loses its way, it says so before.
    if (this.#input?.container === 'gxf' && line.endsWith(': Operation not permitted')) return
    // It says the same of a damaged packet: one of all such lines is of the end.
    if (this.#hasFalseEnd && line === noPacket) this.#hasFalseEnd = false
    else if (isTrouble(line)) this.#report(line)
  }

  /** What a file calls itself may have lines of its own, but FFmpeg begins those with spaces and a colon. */
  #inform(line: string): void {
    if (this.#inputTold) {
      // The encoder of the output is this FFmpeg; that of the input made the file.
      this.#hasFalseEnd ||= this.#input?.container === 'matroska,webm' && eightZero.test(line)
      return
    }
    const [, container] = /^Input #0, (\S+), from /.exec(line) ?? []
    if (container !== undefined) this.#input ??= { container, start: 0, tracks: new Map() }
    if (this.#input === undefined) return
    const [, start] = /^ {2}Duration: \S+, start: (-?\d+\.\d+)/.exec(line) ?? []
    if (start !== undefined) this.#input.start = Number(start)
    // Whatever stands in the brackets, the track counts: FFmpeg numbers it, too.
    const [, number, brackets, about] =
      /^ {2,4}Stream #0:(\d+)(?:\[0x[\da-f]+\])?(?:\((.*?)\))?: Audio: (.*)$/.exec(line) ?? []
    const language = languageIn(brackets)
    const [, mark] = / \((visual impaired|hearing impaired|comment|descriptions)\)/.exec(about ?? '') ?? []
    if (number !== undefined && about !== undefined && this.#input.tracks.size < MOST_TRACKS) {
      this.#input.tracks.set(Number(number), {
        stream: Number(number),
        ...defined({ language, mark }),
        isDefault: / \(default\)/.test(about),
        // FFmpeg 7.1 and later say when a track begins, too.
        about: about.replaceAll(/ ?\([^()]*\)|, \d+ kb\/s|, start -?\d+\.\d+/g, ''),
      })
    }
    if (/^(?:Stream mapping:|Output #0, )/.test(line)) this.told()
  }

  #report(line: string): void {
    // "dts = 429056" and "dts = 429057" are the same trouble.
    const kind = line.replaceAll(/\d+/g, '#')
    if (this.#seen.size >= MOST_TROUBLES || this.#seen.has(kind)) return
    this.#seen.add(kind)
    this.#onTrouble(
      this.#seen.size === MOST_TROUBLES
        ? 'FFmpeg goes on reporting trouble; the rest is left out'
        : redact(oneLine(line, LONGEST_LINE + 1)),
    )
  }
}

/** Whether a line of FFmpeg's means that audio is lost or wrong. */
export function isTrouble(line: string): boolean {
  if (shortPacket.test(line) || pictures.test(line)) return false
  // FFmpeg 7 names up to two of its parts before the severity.
  const severity = /^(?:\[[^\]]*\] )*?\[(warning|error|fatal|panic)\] /.exec(line)?.[1]
  return severity === 'warning' ? damage.test(line) : severity !== undefined
}

/** Cuts a line that is too long, and takes out memory addresses. */
function clean(raw: string): string {
  // What is cut off could be the part of a URL by which its password is known: the word at the cut goes, too.
  const cut = raw.length > LONGEST_LINE ? `${raw.slice(0, LONGEST_LINE).replace(/(?<!\S)\S*$/, '')}…` : raw
  return cut.replaceAll(/ @ 0x[0-9a-f]+(?=\])/gi, '').trim()
}

/** How a child process ended. */
export interface ProcessEnd {
  /** Exit code; `null` if it was killed or never ran. */
  code: number | null
  /** Signal that killed it. */
  signal: NodeJS.Signals | null
  /** Why it never ran. */
  spawnError?: Error
}

/** What is known of a run of FFmpeg that has ended. */
export interface FfmpegRun {
  end: ProcessEnd
  /** The binary. */
  ffmpeg: string
  /** The input as people know it: a path, or `the piped input`. */
  input: string
  /** Which audio track was asked for, from 0. */
  audioTrack: number
  /** What FFmpeg said of that, if it came so far. */
  track?: AudioTrack | undefined
  /** Whether any audio came out. */
  produced: boolean
  /** Name of its demuxer, where FFmpeg reads a file of this machine itself. */
  fileKind?: string | undefined
  /** The last lines of stderr, free of credentials. */
  stderr: string
}

/** Signals by which a program ends that does what it may not. */
const crashes = new Set<string>(['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGABRT'])

/**
 * FFmpeg's exit code after it has read an input to its end and could decode less than a third of its packets. A phone says
 * in AMR that it sends nothing of a silence, and FFmpeg takes that for packets which it cannot decode.
 */
const undecodable = 69

/** The error that a run of FFmpeg amounts to; `undefined` if it succeeded, which takes exit code 0 and some audio. */
export function explainEnd(run: FfmpegRun): DiarizeStreamError | undefined {
  const { end, input, produced, stderr } = run
  if (end.spawnError !== undefined) return explainSpawnError(run, end.spawnError)
  const facts = { exitCode: end.code, signal: end.signal, stderr }
  if (end.signal !== null) {
    const advice = crashes.has(end.signal)
      ? 'it crashes: set FFMPEG_PATH or ffmpegPath to another FFmpeg'
      : 'try again, with more memory if that ran out'
    const message = `FFmpeg was killed by ${end.signal} while reading ${input}; ${advice}`
    return new FfmpegError('FFMPEG_FAILED', withTail(message, run), { ...facts, retryable: true })
  }
  const unread = readFailure(run)
  if (unread !== undefined) {
    const message = `${input} could not be read to its end (${unread}); check the disk or network drive that it is on, and try again`
    return new FfmpegError('FFMPEG_FAILED', withTail(message, run), { ...facts, retryable: true })
  }
  const isUnsentSilence = end.code === undecodable && run.track?.about.startsWith('amr_') === true
  if ((end.code === 0 || isUnsentSilence) && produced) return undefined
  if (!produced) {
    const known = explainInput(run)
    if (known !== undefined) return new InputError(known.code, withTail(known.message, run), facts)
  }
  const message = `FFmpeg failed with exit code ${end.code} on ${input}; check that other programs can play it to its end`
  return new FfmpegError('FFMPEG_FAILED', withTail(message, run), facts)
}

/** Demuxers that call nothing an error of the system that is none; others do so where the input is cut, such as those of AAC and WavPack. */
const honest = /^(?:mov,|matroska,|(?:wav|mp3|flac|ogg|mpegts|avi)$)/

/** What the system answered where a file could not be read on, as when a network drive is gone: FFmpeg ends with success then. */
function readFailure({ fileKind, stderr }: FfmpegRun): string | undefined {
  if (fileKind === undefined) return undefined
  const [, words] =
    /^(?:\[[^\]]*\] )*\[error\] (?:file:.*|Error during demuxing): (Input\/output error|Stale file handle|Transport endpoint is not connected|Connection timed out|No such device)$/m.exec(
      stderr,
    ) ?? []
  return words === 'Input/output error' && !honest.test(fileKind) ? undefined : words
}

/** What FFmpeg's own words say about an input it made no audio from. */
function explainInput(run: FfmpegRun): Pick<InputError, 'code' | 'message'> | undefined {
  const { end, input, audioTrack, track, stderr } = run
  const unheard = track && unheardReason(track)
  if (track !== undefined && unheard !== undefined) {
    const message = `audio track ${audioTrack} of ${input} (${track.about}) cannot be heard: ${unheard}; choose another by audioTrack (--audio-track), or another input`
    return { code: 'NO_AUDIO', message }
  }
  if (/Stream (?:map '.*'|specifier '.*' in filtergraph description .*) matches no streams/.test(stderr)) {
    const message =
      audioTrack === 0
        ? 'has no audio track; give an input with sound'
        : `has no audio track ${audioTrack}; audioTrack counts from 0`
    return { code: 'NO_AUDIO', message: `${input} ${message}` }
  }
  if (/no 'data' tag found/.test(stderr))
    return { code: 'NO_AUDIO', message: `${input} is a WAV without audio in it; check what wrote it` }
  if (/Format not on whitelist/.test(stderr)) {
    const message = `${input} is a playlist, a script or of another kind that is not on the list of formats that are opened; give the audio or video itself, or make it a WAV with FFmpeg first`
    return { code: 'INPUT_NOT_MEDIA', message }
  }
  // Then it finds none of what it looks for, such as an index.
  if (/write in cache failed|Failed to create tempfile/.test(stderr)) {
    const message = `FFmpeg finds no room for ${input} in the folder for temporary files, /tmp as a rule, where it keeps it to seek in it; free some space there, or give a file`
    return { code: 'INPUT_UNREADABLE', message }
  }
  if (/moov atom not found/.test(stderr)) {
    const message = `${input} is an MP4 without an index: it is cut off, or its recording has not ended; fetch it again, or wait for its end`
    return { code: 'INPUT_NOT_MEDIA', message }
  }
  if (/(?:file:.*|Error opening input): No such file or directory/.test(stderr)) {
    return { code: 'INPUT_NOT_FOUND', message: `${input} does not exist; check the path` }
  }
  if (/(?:file:.*|Error opening input): Permission denied/.test(stderr)) {
    return { code: 'INPUT_UNREADABLE', message: `${input} may not be read; check its permissions` }
  }
  if (
    /Invalid data found when processing input|(?:file:.*|pipe:0|Error opening input): (?:Invalid argument|End of file)/.test(
      stderr,
    )
  ) {
    return {
      code: 'INPUT_NOT_MEDIA',
      message: `${input} is not audio or video that FFmpeg knows, or is damaged; check that other programs can play it`,
    }
  }
  const message = `${input} holds no audio: FFmpeg made none from it; check that other programs can play it`
  return end.code === 0 ? { code: 'NO_AUDIO', message } : undefined
}

function explainSpawnError({ ffmpeg }: FfmpegRun, cause: Error): FfmpegError {
  const reason = 'code' in cause ? String(cause.code) : cause.message
  // The machine is short of processes, files or memory; the binary is fine.
  if (['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM'].includes(reason)) {
    const message = `FFmpeg could not be started for lack of system resources (${reason}); run fewer at a time`
    return new FfmpegError('FFMPEG_FAILED', message, { cause, retryable: true })
  }
  const message = `${ffmpeg} could not be started (${reason}); set FFMPEG_PATH or ffmpegPath to an FFmpeg that runs here`
  return new FfmpegError('FFMPEG_NOT_FOUND', message, { cause, tried: [ffmpeg] })
}

function withTail(message: string, { stderr }: FfmpegRun): string {
  return stderr === '' ? message : `${message}. FFmpeg said:\n${stderr}`
}
