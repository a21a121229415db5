import { checkInteger, checkOptions, type Checks, checkSignal, invalidOption, string } from '../options.ts'
import type { RequestedFormat } from '../stage.ts'
import type { Surround } from './log.ts'

/** Where FFmpeg reads from, and which of its protocols it may use for that. */
export interface FfmpegInput {
  /** What follows `-i`; always begins with a protocol, so that it can be no option and no other protocol. */
  url: string
  /** The only protocols FFmpeg may open, whatever the input asks for. */
  protocols: string
  /** The only formats FFmpeg may take it for; {@link allowedContainers} where absent. */
  containers?: string
  /** Whether its sound has as many channels at its end as at its beginning. */
  keepsChannels?: boolean
  /** Whether all of its sound has two channels, by what it says itself. */
  isStereo?: boolean
  /**
   * About where its clock begins, in s: FFmpeg is told to count from there. By how much it has a time wrong where the rate changes grows with
   * the time.
   */
  begins?: number
  /** Filters for the audio as it is decoded. */
  firstFilters?: readonly string[]
  /** Further options that belong to the input. */
  inputOptions: readonly string[]
  /** Further options that belong to the output. */
  outputOptions: readonly string[]
}

/**
 * The containers FFmpeg may open. Left out on purpose are those that name further files or addresses (playlists, concat
 * scripts, session descriptions, image sequences): a hostile input would make FFmpeg read those. None of these opens anything, by
 * its source; names that an older FFmpeg does not know do no harm.
 */
export const allowedContainers = [
  'wav,w64,aiff,caf,au,voc',
  'mp3,aac,loas,ac3,eac3,dts,flac,ogg,wv,ape,tta,tak,gsm,amr,amrnb,amrwb',
  'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,asf,flv,mxf,rm',
  // Video of cameras, studios and recorders.
  'dv,dhav,gxf,nut,wtv,live_flv',
  // Sound of discs, of Bluetooth and telephones, of dictating machines, of collections for research, and of old programs.
  'dtshd,truehd,mlp,dsf,aptx,sbc,g722,dss,nistsphere,ircam,iff,wsd,shn,mpc,mpc8',
].join(',')

/**
 * A file on disk, given to FFmpeg by name so that it can seek. `path` is absolute and taken literally; `whole` tells that
 * it is all there, and not a pipe that fills as somebody speaks; `gapless`, that its sound has no gaps; `stereo`, that it has two
 * channels.
 */
export function fileInput(path: string, whole = false, gapless = false, stereo = false): FfmpegInput {
  const file = { url: `file:${path}`, protocols: 'file', inputOptions: [], outputOptions: [] }
  if (!whole) return file
  // By default FFmpeg hands on each packet, less than a kilobyte, and to take so many costs as much as half the decoding.
  return { ...file, ...(gapless && { ...inLargePieces, isStereo: stereo }), outputOptions: ['-flush_packets', '0'] }
}

/** To pass on what it decodes a packet at a time, through each filter and into the output, costs FFmpeg a fifth of its time. */
const inLargePieces = { keepsChannels: true, firstFilters: ['asetnsamples=n=16384:p=0'] }

/**
 * Bytes on FFmpeg's stdin, in order; or, with `spooled`, kept in an unnamed temporary file where FFmpeg can seek. `isRecording`
 * tells that they are those of a whole file; `keepsChannels` and `begins` are those of {@link FfmpegInput}.
 */
export function pipeInput(
  spooled: boolean,
  {
    isRecording = false,
    keepsChannels = false,
    begins = 0,
  }: { isRecording?: boolean; keepsChannels?: boolean; begins?: number } = {},
): FfmpegInput {
  // Bytes may come as slowly as they are spoken: what is decoded leaves at once, not with the next 32 kB.
  const outputOptions = ['-flush_packets', isRecording ? '0' : '1']
  const input = { keepsChannels, begins, outputOptions }
  if (!spooled) return { ...input, url: 'pipe:0', protocols: 'pipe', inputOptions: [] }
  // By default FFmpeg gives up on an index that is more than 64 kB away.
  return { ...input, url: 'cache:pipe:0', protocols: 'pipe,cache', inputOptions: ['-read_ahead_limit', '-1'] }
}

/** In which way FFmpeg decodes a file. */
export interface DecodingWay {
  /** Which audio track, from 0. */
  track: number
  /** Whether its packets are handed on as they are. */
  copies: boolean
  /** What it is known to have of more than two channels. */
  surround: Surround | undefined
  /** Whether FFmpeg may mix two channels itself: not where they have cancelled each other out. */
  mixesTwo: boolean
  /** Whether it may work in large pieces: not where packets are missing. */
  inPieces: boolean
  /** Whether it seeks to where it is to begin; else what comes before is decoded and left out. */
  seeks: boolean
}

/** The way in which a file is decoded of which nothing is known. */
export const firstWay: DecodingWay = {
  track: 0,
  copies: false,
  surround: undefined,
  mixesTwo: true,
  inPieces: true,
  seeks: true,
}

/** What is to be decoded. */
export interface DecodeRequest {
  input: FfmpegInput
  /** Sample rate and channels to convert to; what is `undefined` is kept as in the input. */
  target: RequestedFormat | undefined
  /** Where it is to begin, in ms. */
  from?: number
  /** Whether FFmpeg may begin anew once it has said what the channels are: then it guesses of no more than two which they are. */
  mayBeginAnew?: boolean
}

/** What FFmpeg is told, and what that comes to. */
export interface WayArguments {
  args: string[]
  /** Whether FFmpeg mixes two channels; what comes with it shows where they cancel each other out. */
  isMixed: boolean
  /** Whether it works in large pieces. */
  isInPieces: boolean
  /** Where it seeks to, in ms; 0 where it does not. */
  sought: number
}

/** Added to all times, in seconds: NUT has none below 0. */
export const timeOffset = 1000

/**
 * Arguments with which FFmpeg turns one audio track of any input into 16-bit PCM in NUT on its stdout, or hands over its packets as
 * they are, with the times of the container plus {@link timeOffset}; on its stderr it says what the input is.
 */
export function argumentsOf(
  way: DecodingWay,
  { input, target, from = 0, mayBeginAnew = false }: DecodeRequest,
): WayArguments {
  const sought = way.seeks ? from : 0
  const first = way.inPieces ? (input.firstFilters ?? []) : []
  const mixes = target?.channels === 1 && way.surround === undefined && !way.copies
  const isMixed = mixes && input.isStereo === true && way.mixesTwo
  const seeking = sought === 0 ? [] : ['-ss', String(sought / 1000)]
  // One of three channels would be taken for that of the subwoofer, in which nobody speaks.
  const guesses = mayBeginAnew && target?.channels === 1 && !way.copies && !isMixed ? ['-guess_layout_max', '2'] : []
  const output = isMixed ? mixingArguments(first, way.track, target) : trackArguments(way, input, first, target)
  const args = [...openArguments(input, [...seeking, ...guesses]), ...output, ...nutArguments(input)]
  return { args, isMixed, isInPieces: first.length > 0, sought }
}

function openArguments(input: FfmpegInput, options: readonly string[]): string[] {
  // With cache:pipe:0 FFmpeg does not notice that stdin is its input: without -nostdin it takes bytes as keystrokes.
  const general = ['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+info', '-copyts']
  const guards = ['-protocol_whitelist', input.protocols, '-format_whitelist', input.containers ?? allowedContainers]
  const { begins = 0 } = input
  const clock = begins === 0 ? [] : ['-itsoffset', String(-begins)]
  return [...general, ...guards, ...input.inputOptions, ...clock, ...options, '-i', input.url]
}

function nutArguments(input: FfmpegInput): string[] {
  const others = ['-vn', '-sn', '-dn', '-map_metadata', '-1']
  const offset = timeOffset + (input.begins ?? 0)
  const times = ['-avoid_negative_ts', 'disabled', '-output_ts_offset', String(offset)]
  return [...others, '-f', 'nut', ...times, ...input.outputOptions, 'pipe:1']
}

/**
 * Arguments with which FFmpeg turns one stream on its stdin, without a clock that matters, into mono 16-bit PCM on its
 * stdout, as soon as its bytes are there. It ends at the first damage.
 */
export function streamArguments(container: 'ogg' | 'aac', sampleRate: number): string[] {
  const general = ['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+warning']
  const strict = ['-xerror', '-err_detect', 'explode']
  // Nothing is read ahead to learn what the stream is: that is known. "nobuffer" would cost it its first packet.
  const source = ['-probesize', '32', '-analyzeduration', '0', '-protocol_whitelist', 'pipe', '-f', container, '-i']
  const filters = ['-af', `aresample=${sampleRate}:${lowPass}`, '-ac', '1']
  const output = ['-c:a', 'pcm_s16le', '-f', 's16le', '-flush_packets', '1', 'pipe:1']
  return [...general, ...strict, ...source, 'pipe:0', '-map', '0:a:0', ...filters, ...output]
}

/**
 * The low-pass before samples are dropped, in the terms of FFmpeg's resampler. To 16 kHz it takes 0.1 dB of 7 kHz, as ours
 * does, and lets 8.5 kHz through at -84 dB; by default FFmpeg takes 0.4 dB and lets through -26 dB. So it is in whole numbers of 16
 * bits, too, which take half the time of others.
 */
const lowPass = 'filter_size=52:cutoff=0.952:kaiser_beta=9'

/** Samples in a second of the difference of two channels: enough to tell how loud it is in 20 ms. */
const differenceRate = 4000

/**
 * The mean of two channels, mixed before it is resampled, which is half of the work; and half of their difference. That is
 * hardly filtered before samples of it are dropped: it is for its energy alone, and high notes count.
 */
function mixingArguments(first: readonly string[], track: number, { sampleRate }: RequestedFormat): string[] {
  const both = [...first, 'asplit[first][second]'].join(',')
  const whole = `${lowPass}:internal_sample_fmt=s16p`
  const mean = `aresample=rematrix_maxval=1.0,aformat=sample_fmts=s16p:channel_layouts=mono,aresample=${sampleRate}:${whole}`
  const few = `aresample=${differenceRate}:filter_size=1:kaiser_beta=16,aformat=sample_fmts=s16:channel_layouts=stereo`
  const difference = `${few},pan=mono|c0=0.5*FL-0.5*FR`
  const filters = `[0:a:${track}]${both};[first]${mean}[mean];[second]${difference}[difference]`
  return ['-filter_complex', filters, '-map', '[mean]', '-map', '[difference]', '-c:a', 'pcm_s16le']
}

function trackArguments(
  { track, copies, surround }: DecodingWay,
  input: FfmpegInput,
  first: readonly string[],
  target: RequestedFormat | undefined,
): string[] {
  const output = copies ? ['-c:a', 'copy'] : [...filterArguments(target, input, first, surround), '-c:a', 'pcm_s16le']
  return ['-map', `0:a:${track}`, ...output]
}

/** A downmix is scaled so that channels in phase do not clip. */
function filterArguments(
  target: RequestedFormat | undefined,
  { keepsChannels }: FfmpegInput,
  first: readonly string[],
  surround: DecodingWay['surround'],
): string[] {
  if (target === undefined) return first.length === 0 ? [] : ['-af', first.join(',')]
  const resample = `aresample=${target.sampleRate}:${lowPass}`
  if (target.channels !== 1) {
    const channels = target.channels === undefined ? [] : ['-ac', String(target.channels)]
    return ['-af', [...first, `${resample}:rematrix_maxval=1.0`].join(','), ...channels]
  }
  const whole = `${resample}:internal_sample_fmt=s16p`
  // Channels are mixed behind FFmpeg, which would not notice that they cancel each other out; of more it makes a few first.
  const few = `aformat=channel_layouts=${surround === undefined ? 'mono|stereo' : 'stereo|4.0'}`
  if (typeof surround === 'number') return ['-af', [...first, fourOf(surround), whole, few].join(',')]
  // What comes out first says of how many channels all is: behind sound of one, FFmpeg would mix two by itself.
  const same = keepsChannels === true ? [] : ['pan=stereo|FL=FL+FC|FR=FR+FC']
  const filters = [...first, whole, few, ...(surround === undefined ? same : [fewer[surround]])]
  return ['-af', filters.join(','), '-rematrix_maxval', '1.0']
}

/**
 * What becomes of more than two channels: left, right, centre, and one of all that is behind. Half of their sum is what FFmpeg
 * would make of them by way of stereo, and does not clip. Where stereo comes first, that has the level it has everywhere, and what
 * comes later is as much louder.
 */
const fewer = {
  now: 'pan=4.0|FL=0.586*FL|FR=0.586*FR|FC=0.829*FC|BC=0.586*BC',
  later: 'pan=4.0|FL=FL|FR=FR|FC=1.414*FC|BC=BC',
}

/** Four of more channels of which nobody knows what they are: half of their sum is the mean of all. */
function fourOf(channels: number): string {
  const mixed = [0, 1, 2, 3].map((out) => {
    const those = Array.from({ length: channels }, (_, at) => at).filter((at) => at % 4 === out)
    return `c${out}=${those.map((at) => `${2 / channels}*c${at}`).join('+') || '0*c0'}`
  })
  return `pan=4.0|${mixed.join('|')}`
}

/** Which audio track is wanted. */
export interface TrackWish {
  /** Its number, from 0, or its language; absent where nobody has said. */
  audioTrack: number | string | undefined
  /** The language that is rather taken where nobody has said more. */
  language?: string | undefined
}

/** Options of every stage that decodes with FFmpeg. */
export interface FfmpegOptions {
  /**
   * Which audio track of the input to take: its number, counted from 0, or its language (ISO 639, e.g. `de` or `deu`).
   *
   * @defaultValue the first in `language`, else the one marked as default, else the first; one with descriptions or comments last
   */
  audioTrack?: number | string
  /**
   * Language of the audio track that is rather taken where there are several and `audioTrack` names none (ISO 639).
   *
   * @defaultValue any
   */
  language?: string
  /**
   * FFmpeg to run: a path, or a name to look up in `PATH`.
   *
   * @defaultValue `FFMPEG_PATH`, `FFMPEG_BIN`, the package ffmpeg-static, then `PATH`
   */
  ffmpegPath?: string
  /** Destroys the stage when it fires. */
  signal?: AbortSignal
}

const checks: Checks = {
  audioTrack: (name, value) =>
    typeof value === 'string' ? checkLanguage(name, value) : checkInteger(name, value, 0, 1000),
  language: checkLanguage,
  ffmpegPath: string(),
  signal: checkSignal,
}

/** Checks the options of the stage named `where`, which may have `others`; gives those of {@link FfmpegOptions}. */
export function resolveFfmpegOptions(
  where: string,
  options: FfmpegOptions,
  others: Checks = {},
): TrackWish & { ffmpegPath: string | undefined; signal: AbortSignal | undefined } {
  checkOptions(where, options, { ...checks, ...others })
  const { audioTrack, language, ffmpegPath, signal } = options
  return { audioTrack, language, ffmpegPath, signal }
}

function checkLanguage(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'string' && /^[a-z]{2,3}(?:-[a-z\d-]+)?$/i.test(value))) return
  throw invalidOption(
    name,
    name === 'audioTrack' ? 'an integer from 0 to 1000 or a language code' : 'a language code',
    value,
  )
}
