import { type AudioFormat, msToBytes } from '../audio/format.ts'
import { writeWavHeader } from '../audio/wav.ts'

/** Puts the header of a WAV of unknown length before the first audio, and cuts the audio off where it has become enough. */
export class WavOutput {
  #left = Infinity
  #begun = false

  /** Whether all is out that may be. */
  get full(): boolean {
    return this.#left <= 0
  }

  /** Lets no more than `duration` ms of audio in `format` out. */
  limit(duration: number, format: AudioFormat): void {
    this.#left = msToBytes(duration, format)
  }

  /** What goes out of `audio`, behind the header where it is the first; without one while `format` is unknown. */
  take(audio: Buffer, format: AudioFormat | undefined): Buffer {
    const piece = audio.subarray(0, this.#left)
    this.#left -= piece.length
    if (this.#begun || format === undefined) return piece
    this.#begun = true
    return Buffer.concat([writeWavHeader(format), piece])
  }
}
