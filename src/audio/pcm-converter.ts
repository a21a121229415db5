import { BlockAligner } from './block-aligner.ts'
import { blockSize, type AudioFormat } from './format.ts'
import { deinterleave, interleave } from './interleave.ts'
import { MonoMixer } from './mono-mixer.ts'
import { Resampler } from './polyphase.ts'
import { decodeSamples, encodeS16 } from './samples.ts'

/**
 * PCM bytes of any {@link AudioFormat} in, PCM16 bytes of one sample rate out: mono, or with all channels kept. Where the
 * input already is that, the bytes pass through untouched.
 */
export class PcmConverter {
  readonly #from: AudioFormat
  readonly #mono: boolean
  readonly #untouched: boolean
  readonly #aligner: BlockAligner
  /** One for each channel that goes out. */
  readonly #resamplers: Resampler[]
  /** Present where several channels become one. */
  readonly #mixer: MonoMixer<Float32Array> | undefined

  /**
   * @param from - What comes in.
   * @param sampleRate - Samples per second that go out.
   * @param channels - What becomes of several channels: `mix` makes one of them, their mean where they do not cancel out.
   */
  constructor(from: AudioFormat, sampleRate: number, channels: 'mix' | 'keep' = 'mix') {
    this.#from = from
    this.#mono = channels === 'mix' || from.channels === 1
    const sameChannels = !this.#mono || from.channels === 1
    this.#untouched = from.encoding === 's16le' && sameChannels && from.sampleRate === sampleRate
    this.#aligner = new BlockAligner(blockSize(from))
    this.#mixer =
      this.#mono && from.channels > 1 ? new MonoMixer(from.channels, from.sampleRate, Float32Array) : undefined
    this.#resamplers = Array.from(
      { length: this.#mono ? 1 : from.channels },
      () => new Resampler(from.sampleRate, sampleRate),
    )
  }

  /** Bytes of an unfinished block that are held; at the end of the stream these are lost. */
  get heldBytes(): number {
    return this.#aligner.heldBytes
  }

  /** `true` once: when its channels would have cancelled each other out in the mix for so long that the user is to be told. */
  noticedCancelling(): boolean {
    return this.#mixer?.noticed() ?? false
  }

  /** What can be told of the output so far; may be empty. `bytes` may end anywhere, also within a sample. */
  push(bytes: Buffer): Buffer {
    const blocks = this.#aligner.push(bytes)
    if (this.#untouched) return blocks
    const samples = decodeSamples(blocks, this.#from.encoding)
    const split = this.#mono ? [this.#mixer?.process(samples) ?? samples] : deinterleave(samples, this.#from.channels)
    return this.#encode(split.map((one, channel) => this.#resamplers[channel]!.process(one)))
  }

  /** The rest of the output. */
  flush(): Buffer {
    const mixed = this.#mixer?.flush()
    const last = mixed === undefined ? undefined : this.#encode([this.#resamplers[0]!.process(mixed)])
    const rest = this.#encode(this.#resamplers.map((resampler) => resampler.flush()))
    return last === undefined ? rest : Buffer.concat([last, rest])
  }

  #encode(channels: Float32Array[]): Buffer {
    return encodeS16(interleave(channels))
  }
}
