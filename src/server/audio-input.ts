import { BlockAligner } from '../audio/block-aligner.ts'
import { blockSize, bytesToMs, type AudioFormat } from '../audio/format.ts'
import { Resampler } from '../audio/polyphase.ts'
import { decodeSamples, floatToInt16 } from '../audio/samples.ts'
import type { SessionSettings } from './settings.ts'

/** Turns audio messages of a client into the samples an engine takes. Messages may end in the middle of a sample. */
export class AudioInput {
  readonly #format: AudioFormat
  readonly #aligner: BlockAligner
  readonly #resampler: Resampler
  #bytes = 0

  /** @param engineRate - samples per second the engine wants, in Hz. */
  constructor(settings: Pick<SessionSettings, 'encoding' | 'sampleRate'>, engineRate: number) {
    this.#format = {
      sampleRate: settings.sampleRate,
      channels: 1,
      encoding: settings.encoding === 'pcm_mulaw' ? 'mulaw' : 's16le',
    }
    this.#aligner = new BlockAligner(blockSize(this.#format))
    this.#resampler = new Resampler(settings.sampleRate, engineRate)
  }

  /** Milliseconds of audio taken so far. */
  get receivedMs(): number {
    return bytesToMs(this.#bytes, this.#format)
  }

  /** Milliseconds that a message of `bytes` bytes lasts. */
  duration(bytes: number): number {
    return bytesToMs(bytes, this.#format)
  }

  /** The samples that a message completes; may be none. */
  push(message: Buffer): Int16Array {
    this.#bytes += message.length
    const samples = decodeSamples(this.#aligner.push(message), this.#format.encoding)
    return floatToInt16(this.#resampler.process(samples))
  }

  /** The samples still due when no more messages come. */
  flush(): Int16Array {
    return floatToInt16(this.#resampler.flush())
  }
}
