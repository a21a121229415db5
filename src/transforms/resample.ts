import type { Transform } from 'node:stream'
import {
  type AudioFormat,
  channelMismatch,
  checkFormat,
  describeFormat,
  maxChannels,
  msToBytes,
} from '../audio/format.ts'
import { pcmBytes } from '../audio/chunks.ts'
import type { PcmConverter } from '../audio/pcm.ts'
import type { WavReader } from '../audio/wav-reader.ts'
import { ConfigurationError, InputError } from '../errors.ts'
import type { TypedDuplex } from '../events.ts'
import { type Check, checkOptions, checkSignal, defined, integer, invalidOption } from '../options.ts'
import { pcmFormat, requestFormat, type UpstreamStage } from '../stage.ts'
import type { PassedOnEvents } from './diarize-events.ts'
import { PiecewiseTransform } from './piecewise.ts'

/** Options of {@link resample}. */
export interface ResampleOptions {
  /** Samples per second that go out, in Hz, from 8000 to 96000. @defaultValue 16000 */
  sampleRate?: number
  /**
   * Channels that go out: 1 mixes several that come in into their mean, or takes the loudest where they cancel out in it; `'keep'` lets all through, interleaved; another
   * number, up to 8, does so too and fails with `CHANNEL_MISMATCH` where there are not so many.
   * @defaultValue 1
   */
  channels?: 'keep' | number
  /**
   * What comes in, when it is headerless PCM. All bytes are then samples; a WAV header among them is not looked for.
   * @defaultValue what the WAV header, or the stage above, says
   */
  input?: AudioFormat
  /** Ends the stage with an `AbortError`. */
  signal?: AbortSignal
}

/** A Transform of audio to headerless PCM16; see {@link resample}. */
export type ResampleStage = TypedDuplex<PassedOnEvents>

const checks: Record<keyof ResampleOptions, Check> = {
  sampleRate: integer(8000, 96_000, 'Hz'),
  channels: checkChannels,
  input: checkFormat,
  signal: checkSignal,
}
/** 100 ms of PCM16 at 16 kHz, on both sides. */
const BUFFERED_BYTES = 3200

interface Target {
  sampleRate: number
  channels: 'keep' | number
}

type Audio = typeof import('../audio/pcm.ts') &
  typeof import('../audio/wav.ts') &
  typeof import('../audio/wav-reader.ts') &
  Pick<typeof import('../audio/mono-mixer.ts'), 'channelsCancel'>

class Resample extends PiecewiseTransform {
  #audio!: Audio
  readonly #target: Target
  #output: AudioFormat | undefined
  readonly #input: AudioFormat | undefined
  /** Looks for a WAV header; `undefined` where the input is known to have none. */
  #reader: WavReader | undefined
  #converter: PcmConverter | undefined
  #sliceBytes = BUFFERED_BYTES
  #started = false
  #audioBytes = 0
  #warnedOfSize = false

  constructor(target: Target, input: AudioFormat | undefined, signal: AbortSignal | undefined) {
    super({
      readableHighWaterMark: BUFFERED_BYTES,
      writableHighWaterMark: BUFFERED_BYTES,
      ...defined({ signal }),
    })
    this.#target = target
    this.#input = input
    const channels = target.channels === 'keep' ? input?.channels : target.channels
    if (channels !== undefined) this.#output = this.#format(channels)
  }

  /** What goes out; unknown until the first byte where the channels are kept. */
  get [pcmFormat](): AudioFormat | undefined {
    return this.#output
  }

  #format(channels: number): AudioFormat {
    return { sampleRate: this.#target.sampleRate, channels, encoding: 's16le' }
  }

  protected override async load(): Promise<void> {
    const [pcm, wav, reader, { channelsCancel }] = await Promise.all([
      import('../audio/pcm.ts'),
      import('../audio/wav.ts'),
      import('../audio/wav-reader.ts'),
      import('../audio/mono-mixer.ts'),
    ])
    this.#audio = { ...pcm, ...wav, ...reader, channelsCancel }
  }

  protected override adopt(upstream: UpstreamStage): void {
    if (this.#started) return
    this.upstream = upstream
    const request = upstream[requestFormat]
    if (request === undefined) return
    if (this.#input === undefined) {
      // Whatever the answer, the header that arrives tells what came of it.
      const { sampleRate, channels } = this.#target
      request.call(upstream, { sampleRate, encoding: 's16le', ...(channels === 1 && { channels }) })
      return
    }
    this.destroy(
      new ConfigurationError(
        'INVALID_PIPELINE',
        'resample() was told by input that headerless PCM comes in, but the stage above gives WAV: leave input out',
      ),
    )
  }

  #start(first: Buffer): void {
    this.#started = true
    const declared = this.#input ?? this.upstream?.[pcmFormat]
    if (declared === undefined) {
      const { WavReader: Reader, convertSamples } = this.#audio
      this.#reader = new Reader(false, convertSamples, this.upstream?.[requestFormat] !== undefined)
      return
    }
    this.#convertFrom(declared)
    if (looksLikeWav(first, this.#audio)) {
      this.emit('warning', {
        code: 'WAV_HEADER_IGNORED',
        message: `The input begins like a WAV file but is read as headerless PCM of ${describeFormat(declared)}, as told`,
      })
    }
  }

  #convertFrom(format: AudioFormat): void {
    const { sampleRate, channels } = this.#target
    if (channels !== 'keep' && channels !== 1 && channels !== format.channels) {
      const advice = `give resample() channels: ${format.channels}, or 'keep'`
      throw channelMismatch('resample()', channels, format.channels, advice)
    }
    this.#output = this.#format(channels === 1 ? 1 : format.channels)
    this.#converter = new this.#audio.PcmConverter(format, sampleRate, channels === 1 ? 'mix' : 'keep')
    this.#sliceBytes = msToBytes(100, format)
  }

  /** The audio in `chunk`; settles what the input is, as soon as that is known. */
  #audioOf(chunk: Buffer): Buffer {
    if (this.#reader === undefined) return chunk
    const audio = this.#reader.push(chunk)
    if (this.#reader.kind === 'other') throw undeclared(this.#reader.container)
    this.#warnOfSize()
    if (this.#converter === undefined && this.#reader.header !== undefined) {
      this.#convertFrom(this.#reader.header.format)
    }
    return audio
  }

  #warnOfSize(): void {
    if (this.#warnedOfSize || this.#reader === undefined) return
    const warning = this.#audio.wavSizeWarning(this.#reader)
    if (warning === undefined) return
    this.#warnedOfSize = true
    this.emit('warning', warning)
  }

  protected override *pieces(chunk: Buffer): Iterable<Buffer> {
    if (!this.#started) this.#start(chunk)
    yield* this.#converted(this.#audioOf(chunk))
  }

  protected override bytesOf(chunk: unknown): Buffer {
    return pcmBytes('resample()', chunk, (this.#input ?? this.upstream?.[pcmFormat])?.encoding)
  }

  *#converted(audio: Buffer): Iterable<Buffer> {
    this.#audioBytes += audio.length
    for (let at = 0, bytes = 0; this.#converter !== undefined && at < audio.length; at += bytes) {
      // What is handed on costs by the piece; twice what the buffer is to hold may stand in it.
      bytes = this.readableLength === 0 ? 2 * this.#sliceBytes : this.#sliceBytes
      yield this.#converter.push(audio.subarray(at, at + bytes))
    }
    if (this.#converter?.noticedCancelling()) this.emit('warning', { ...this.#audio.channelsCancel })
  }

  protected override *lastPieces(): Iterable<Buffer> {
    const rest = this.#reader?.flush()
    if (this.#reader?.kind === 'other' && rest !== undefined && rest.length > 0) throw undeclared(undefined)
    if (rest !== undefined) yield* this.#converted(rest)
    this.#warnOfSize()
    const lost = this.#converter?.heldBytes ?? 0
    if (this.#converter === undefined || this.#audioBytes === lost) {
      const where =
        this.#reader?.kind === 'wav' && this.#converter === undefined ? 'within its WAV header' : 'without audio'
      throw this.noAudio('resample()', where)
    }
    this.warnOfPartialSample(lost)
    const missing = this.#reader?.missingBytes ?? 0
    if (missing > 0) {
      this.emit('warning', {
        code: 'INPUT_TRUNCATED',
        message: `The input ended ${missing} bytes before the length its WAV header says; the captions end there too`,
        bytes: missing,
      })
    }
    yield this.#converter.flush()
  }
}

function looksLikeWav(first: Buffer, { parseWavHeader }: Audio): boolean {
  try {
    return first.length >= 12 && parseWavHeader(first).kind !== 'other'
  } catch {
    return true
  }
}

function undeclared(container: string | undefined): InputError {
  const seen = container === undefined ? '' : `; it looks like ${container}`
  return new InputError(
    'UNSUPPORTED_AUDIO',
    `The input of resample() is neither WAV nor declared PCM${seen}. Put decode() in front, or say what it is with ` +
      'input: { sampleRate, channels, encoding }',
  )
}

/**
 * Makes audio of any format and rate into what recognisers take: PCM16 of one sample rate, without header; mono, unless
 * `channels` says otherwise.
 *
 * In: a WAV byte stream, PCM of a stage that says what it gives, or headerless PCM declared by `input`, whose samples may also
 * come as `Int16Array`, `Int32Array` or `Float32Array`. Piped straight
 * from an FFmpeg-backed stage, it has FFmpeg do the conversion and passes the samples through; else it resamples
 * itself, with exact length (`ceil(samples * sampleRate / inputRate)`) and no delay. Out: bytes.
 *
 * Emits `warning` with code `PARTIAL_SAMPLE` or `INPUT_TRUNCATED` when the input ends too early, `WAV_SIZE_WRONG` when it
 * goes on after the end that its WAV header says (all of it is heard), `WAV_HEADER_IGNORED` when `input` is given for
 * what seems to be WAV, and `CHANNELS_CANCEL` when channels that it mixes itself cancel each other out; the stage above says so of those that FFmpeg decodes. Fails with `NO_AUDIO` when no sample came in, with
 * `UNSUPPORTED_AUDIO` when the input is not known to be PCM, and with `CHANNEL_MISMATCH` when it has not the channels it was
 * told.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 * @event warning Warning - `PARTIAL_SAMPLE`, `INPUT_TRUNCATED`, `WAV_SIZE_WRONG`, `WAV_JOINED`, `WAV_HEADER_IGNORED` or `CHANNELS_CANCEL`
 */
export function resample(options: ResampleOptions = {}): ResampleStage {
  checkOptions('resample()', options, checks)
  const { sampleRate = 16_000, channels = 1, input, signal } = options
  const stage: Transform = new Resample({ sampleRate, channels }, input, signal)
  return stage as ResampleStage
}

function checkChannels(name: string, value: unknown): void {
  if (value === undefined || value === 'keep') return
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= maxChannels) return
  throw invalidOption(name, `'keep' or an integer from 1 to ${maxChannels}`, value)
}
