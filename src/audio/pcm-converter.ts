import { BlockAligner } from './block-aligner.ts'
import { blockSize, type AudioFormat } from './format.ts'
import { Resampler } from './polyphase.ts'
import { decodeSamples, encodeS16, mixToMono } from './samples.ts'

/**
 * PCM bytes of any {@link AudioFormat} in, mono PCM16 bytes of one sample rate out. Where the input already is that, the
 * bytes pass through untouched.
 */
export class PcmConverter {
  readonly #from: AudioFormat
  readonly #untouched: boolean
  readonly #aligner: BlockAligner
  readonly #resampler: Resampler

  /**
   * @param from - What comes in.
   * @param sampleRate - Samples per second that go out.
   */
  constructor(from: AudioFormat, sampleRate: number) {
    this.#from = from
    this.#untouched = from.encoding === 's16le' && from.channels === 1 && from.sampleRate === sampleRate
    this.#aligner = new BlockAligner(blockSize(from))
    this.#resampler = new Resampler(from.sampleRate, sampleRate)
  }

  /** Bytes of an unfinished block that are held; at the end of the stream these are lost. */
  get heldBytes(): number {
    return this.#aligner.heldBytes
  }

  /** What can be told of the output so far; may be empty. `bytes` may end anywhere, also within a sample. */
  push(bytes: Buffer): Buffer {
    const blocks = this.#aligner.push(bytes)
    if (this.#untouched) return blocks
    const mono = mixToMono(decodeSamples(blocks, this.#from.encoding), this.#from.channels)
    return encodeS16(this.#resampler.process(mono))
  }

  /** The rest of the output. */
  flush(): Buffer {
    return encodeS16(this.#resampler.flush())
  }
}
