import type { Transform } from 'node:stream'
import { maxChannels, msToBytes, sampleRateRange, silenceByte, type AudioFormat } from '../audio/format.ts'
import { pcmBytes } from '../audio/chunks.ts'
import type { Framer } from '../audio/framer.ts'
import type { PcmInput } from '../audio/pcm.ts'
import { ConfigurationError } from '../errors.ts'
import type { TypedDuplex } from '../events.ts'
import { type Check, checkOptions, checkSignal, defined, integer, oneOf } from '../options.ts'
import { pcmFormat } from '../stage.ts'
import type { PassedOnEvents } from './diarize-events.ts'
import { PiecewiseTransform } from './piecewise.ts'

/** Options of {@link frame}. */
export interface FrameOptions {
  /** Length of a frame in milliseconds, an integer from 50 to 1000. @defaultValue 50 */
  duration?: number
  /** Samples per second of the input, in Hz. @defaultValue what the stage above gives, else 16000 */
  sampleRate?: number
  /** Encoding of the input: `s16le` or `mulaw`. @defaultValue what the stage above gives, else `s16le` */
  encoding?: 's16le' | 'mulaw'
  /** Interleaved channels of the input, 1 to 8. @defaultValue what the stage above gives, else 1 */
  channels?: number
  /** Ends the stage with an `AbortError`. */
  signal?: AbortSignal
}

/** A Transform of PCM to frames, each a Buffer; see {@link frame}. */
export type FrameStage = TypedDuplex<PassedOnEvents>

const defaults = { duration: 50, format: { sampleRate: 16_000, channels: 1, encoding: 's16le' } } as const
const encodings: readonly string[] = ['s16le', 'mulaw'] satisfies FrameOptions['encoding'][]
const checks: Record<keyof FrameOptions, Check> = {
  duration: integer(50, 1000, 'milliseconds'),
  sampleRate: integer(sampleRateRange.min, sampleRateRange.max, 'Hz'),
  encoding: oneOf(...encodings),
  channels: integer(1, maxChannels),
  signal: checkSignal,
}
/** 100 ms of PCM16 at 16 kHz on the way in, 200 ms of shortest frames on the way out. */
const BUFFERED_BYTES = 3200
const BUFFERED_FRAMES = 4

class Frame extends PiecewiseTransform {
  readonly #options: FrameOptions
  #audio!: typeof import('../audio/pcm.ts') & typeof import('../audio/framer.ts')
  #started: { format: AudioFormat; input: PcmInput; framer: Framer } | undefined
  #empty = true

  constructor(options: FrameOptions) {
    super({
      readableObjectMode: true,
      readableHighWaterMark: BUFFERED_FRAMES,
      writableHighWaterMark: BUFFERED_BYTES,
      ...defined({ signal: options.signal }),
    })
    this.#options = options
  }

  /** What the frames hold; may still change until something is piped in, and not after the first byte. */
  get [pcmFormat](): AudioFormat {
    if (this.#started !== undefined) return this.#started.format
    const above = this.upstream?.[pcmFormat] ?? defaults.format
    return {
      sampleRate: this.#options.sampleRate ?? above.sampleRate,
      channels: this.#options.channels ?? above.channels,
      encoding: this.#options.encoding ?? above.encoding,
    }
  }

  protected override async load(): Promise<void> {
    const [pcm, framer] = await Promise.all([import('../audio/pcm.ts'), import('../audio/framer.ts')])
    this.#audio = { ...pcm, ...framer }
  }

  #start(): { format: AudioFormat; input: PcmInput; framer: Framer } {
    const format = this[pcmFormat]
    const above = this.upstream?.[pcmFormat]
    for (const fact of ['sampleRate', 'channels', 'encoding'] as const) {
      if (above === undefined || format[fact] === above[fact]) continue
      throw invalidPipeline(`frame() was told ${fact} ${format[fact]}, but the stage above gives ${above[fact]}`)
    }
    if (!encodings.includes(format.encoding)) {
      throw invalidPipeline(`frame() takes s16le or mulaw, but the stage above gives ${format.encoding}`)
    }
    const frameBytes = msToBytes(this.#options.duration ?? defaults.duration, format)
    return {
      format,
      input: new this.#audio.PcmInput('frame()', format),
      framer: new this.#audio.Framer(frameBytes, silenceByte[format.encoding]),
    }
  }

  #frames(audio: Buffer, framer: Framer): Buffer[] {
    if (audio.length > 0) this.#empty = false
    return framer.push(audio)
  }

  protected override bytesOf(chunk: unknown): Buffer {
    return pcmBytes('frame()', chunk, this[pcmFormat].encoding, true)
  }

  protected override *pieces(chunk: Buffer): Iterable<Buffer> {
    const { input, framer } = (this.#started ??= this.#start())
    yield* this.#frames(input.push(chunk), framer)
  }

  protected override *lastPieces(): Iterable<Buffer> {
    if (this.#started === undefined) throw this.noAudio('frame()')
    const { input, framer } = this.#started
    yield* this.#frames(input.flush(), framer)
    if (this.#empty) throw this.noAudio('frame()')
    if (input.sizeWarning !== undefined) this.emit('warning', input.sizeWarning)
    this.warnOfPartialSample(input.heldBytes)
    const last = framer.flush()
    if (last !== undefined) yield last
  }
}

function invalidPipeline(what: string): ConfigurationError {
  return new ConfigurationError('INVALID_PIPELINE', `${what}: put resample() between, or leave the option out`)
}

/**
 * Cuts PCM into frames of one length, the unit in which audio is sent: 50 ms are 1600 bytes at 16 kHz. The last frame is
 * padded with silence.
 *
 * In: headerless PCM bytes of mono or interleaved channels, as {@link resample} gives them (a WAV stream of exactly that
 * format is taken too). Out: objects, each a `Buffer` of one frame; do not change them, they may share memory.
 *
 * Emits `warning` with code `PARTIAL_SAMPLE` when the input ends within a sample, and `WAV_SIZE_WRONG` when it is WAV that
 * goes on after the end that its header says. Fails with `NO_AUDIO` when no sample
 * came in, and with `INVALID_PIPELINE` when the input is not the PCM it should be.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 * @event warning Warning - `PARTIAL_SAMPLE`: the input ended within a sample; `WAV_SIZE_WRONG`: it is longer than its WAV header says; `WAV_JOINED`: it is several WAV files
 */
export function frame(options: FrameOptions = {}): FrameStage {
  checkOptions('frame()', options, checks)
  const stage: Transform = new Frame({ ...options })
  return stage as FrameStage
}
