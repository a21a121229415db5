import { type AudioFormat, blockSize } from './format.ts'

/** Most silence made at a time, in bytes: 100 ms of 16 kHz mono. */
const SILENCE_BYTES = 3200

/** Audio and silence in the order in which they go out. However long the silence, little of it is in memory. */
export class AudioQueue {
  readonly #pieces: (Buffer | number)[] = []

  /** Whether silence is next. */
  get isSilent(): boolean {
    return typeof this.#pieces[0] === 'number'
  }

  push(audio: Buffer): void {
    this.#pieces.push(audio)
  }

  pushSilence(bytes: number): void {
    const last = this.#pieces.at(-1)
    if (bytes === 0) return
    if (typeof last === 'number') this.#pieces[this.#pieces.length - 1] = last + bytes
    else this.#pieces.push(bytes)
  }

  /** The next bytes, whole samples of `format` where they are silence; `undefined` where there are none. */
  shift(format: AudioFormat | undefined): Buffer | undefined {
    for (;;) {
      const first = this.#pieces.shift()
      if (first === undefined) return undefined
      if (typeof first !== 'number') {
        if (first.length > 0) return first
        continue
      }
      const block = format === undefined ? 1 : blockSize(format)
      const bytes = Math.min(first, Math.max(block, SILENCE_BYTES - (SILENCE_BYTES % block)))
      if (first > bytes) this.#pieces.unshift(first - bytes)
      return Buffer.alloc(bytes)
    }
  }
}
