import { Readable } from 'node:stream'
import { toneAudio, type ToneWord } from '../../../src/testing/index.ts'

const SAMPLES_PER_MS = 16
const CHUNK_MS = 100

/** Speaks a script on each of several channels: interleaved PCM16 at 16 kHz, made as it is read. */
export class ChannelSource extends Readable {
  readonly #scripts: readonly (readonly ToneWord[])[]
  readonly #duration: number
  #at = 0

  /** @param duration - ms of audio. */
  constructor(scripts: readonly (readonly ToneWord[])[], duration: number) {
    super({ highWaterMark: CHUNK_MS * SAMPLES_PER_MS * 2 * scripts.length })
    this.#scripts = scripts
    this.#duration = duration
  }

  override _read(): void {
    const from = this.#at
    if (from >= this.#duration) {
      this.push(null)
      return
    }
    this.#at = Math.min(from + CHUNK_MS, this.#duration)
    const channels = this.#scripts.map((words) => {
      const bytes = toneAudio(words, { from, to: this.#at })
      return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
    })
    this.push(interleaved(channels))
  }
}

/** Samples of channels of one length as interleaved bytes. */
export function interleaved(channels: readonly Int16Array[]): Buffer {
  const whole = new Int16Array(channels.reduce((sum, { length }) => sum + length, 0))
  for (const [channel, samples] of channels.entries()) {
    for (let i = 0, at = channel; i < samples.length; i++, at += channels.length) whole[at] = samples[i]!
  }
  return Buffer.from(whole.buffer)
}
