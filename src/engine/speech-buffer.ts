import { speechFrameMs } from './parts.ts'

const samplesPerMs = 16

/** Samples at 16 kHz with the level of speech of each 10 ms, addressed in ms of their stream. */
export class SpeechBuffer {
  #samples = new Int16Array(32_000)
  /** Place in the stream of the first sample kept. */
  startMs = 0
  #length = 0
  #speech: number[] = []

  /** Place in the stream of the end of the audio, in whole ms. */
  get endMs(): number {
    return this.startMs + Math.floor(this.#length / samplesPerMs)
  }

  /** Place in the stream up to which levels of speech are known. */
  get speechEndMs(): number {
    return this.startMs + this.#speech.length * speechFrameMs
  }

  /** Adds samples, and the levels of the next frames. */
  push(samples: Int16Array, speech: readonly number[] = []): void {
    for (const level of speech) this.#speech.push(level)
    const needed = this.#length + samples.length
    if (needed > this.#samples.length) {
      const larger = new Int16Array(Math.max(needed, this.#samples.length * 2))
      larger.set(this.#samples.subarray(0, this.#length))
      this.#samples = larger
    }
    this.#samples.set(samples, this.#length)
    this.#length = needed
  }

  pushSpeech(level: number): void {
    this.#speech.push(level)
  }

  samples(fromMs: number, toMs: number): Int16Array {
    return this.#samples.slice(this.#index(fromMs), this.#index(toMs))
  }

  speech(fromMs: number, toMs: number): number[] {
    const frame = (ms: number): number => Math.max(0, Math.floor((ms - this.startMs) / speechFrameMs))
    return this.#speech.slice(frame(fromMs), frame(toMs))
  }

  /** Drops what lies before `ms`; does so in strides of a second, so that it costs little. */
  forget(ms: number): void {
    const surplus = Math.floor((ms - this.startMs) / 1000) * 1000
    if (surplus <= 0) return
    this.#samples.copyWithin(0, surplus * samplesPerMs, this.#length)
    this.#length -= surplus * samplesPerMs
    this.#speech.splice(0, surplus / speechFrameMs)
    this.startMs += surplus
  }

  #index(ms: number): number {
    return Math.min(this.#length, Math.max(0, (ms - this.startMs) * samplesPerMs))
  }
}

export function joinedSamples(pieces: readonly Int16Array[]): Int16Array {
  if (pieces.length === 1) return pieces[0]!
  const samples = new Int16Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    samples.set(piece, at)
    at += piece.length
  }
  return samples
}
