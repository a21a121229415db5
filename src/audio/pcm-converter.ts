import { BlockAligner } from './block-aligner.ts'
import { blockSize, type AudioFormat } from './format.ts'
import { deinterleave, interleave } from './interleave.ts'
import { Resampler } from './polyphase.ts'
import { decodeSamples, encodeS16, mixToMono } from './samples.ts'

/** How long a stretch of sound is mixed in one way, in ms. */
const blockMs = 20
/** Share of what channels that have nothing in common would leave: with less, the channels cancel each other out. */
const leastLeft = 0.1
/** Mean square of the quietest sound that counts: -60 dB of full scale. */
const quietest = 1e-6

/**
 * Several interleaved channels as one: their mean, but the loudest of them wherever they cancel each other out in it, as
 * where one is inverted. What comes out does not depend on how the samples arrive.
 */
class MonoMixer {
  readonly #channels: number
  readonly #blockSamples: number
  #held = new Float32Array(0)
  #cancelledBlocks = 0

  constructor(channels: number, sampleRate: number) {
    this.#channels = channels
    this.#blockSamples = Math.max(1, Math.round((sampleRate * blockMs) / 1000)) * channels
  }

  /** Ms in which the channels cancelled each other out so far. */
  get cancelledMs(): number {
    return this.#cancelledBlocks * blockMs
  }

  process(samples: Float32Array): Float32Array {
    const all = new Float32Array(this.#held.length + samples.length)
    all.set(this.#held)
    all.set(samples, this.#held.length)
    const whole = all.length - (all.length % this.#blockSamples)
    const mono = new Float32Array(whole / this.#channels)
    for (let at = 0; at < whole; at += this.#blockSamples) {
      mono.set(this.#mix(all.subarray(at, at + this.#blockSamples)), at / this.#channels)
    }
    this.#held = all.slice(whole)
    return mono
  }

  flush(): Float32Array {
    const held = this.#held
    this.#held = new Float32Array(0)
    return this.#mix(held)
  }

  #mix(block: Float32Array): Float32Array {
    const mono = mixToMono(block, this.#channels)
    const left = energy(mono, 0, 1)
    const energies = Array.from({ length: this.#channels }, (_, channel) => energy(block, channel, this.#channels))
    const expected = energies.reduce((sum, one) => sum + one, 0) / this.#channels ** 2
    const most = Math.max(...energies)
    if (left >= leastLeft * expected || most < quietest * mono.length) return mono
    this.#cancelledBlocks += 1
    const loudest = energies.indexOf(most)
    return mono.map((_, index) => block[index * this.#channels + loudest]!)
  }
}

function energy(samples: Float32Array, first: number, step: number): number {
  let sum = 0
  for (let at = first; at < samples.length; at += step) sum += samples[at]! ** 2
  return sum
}

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
  readonly #mixer: MonoMixer | undefined

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
    this.#mixer = this.#mono && from.channels > 1 ? new MonoMixer(from.channels, from.sampleRate) : undefined
    this.#resamplers = Array.from(
      { length: this.#mono ? 1 : from.channels },
      () => new Resampler(from.sampleRate, sampleRate),
    )
  }

  /** Bytes of an unfinished block that are held; at the end of the stream these are lost. */
  get heldBytes(): number {
    return this.#aligner.heldBytes
  }

  /** Ms of the input so far in which its channels would have cancelled each other out in the mix. */
  get cancelledMs(): number {
    return this.#mixer?.cancelledMs ?? 0
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
