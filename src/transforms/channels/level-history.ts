import { mulawToInt16 } from '../../audio/mulaw.ts'

/**
 * How loud each channel was, frame by frame, for a bounded time back. A frame of 50 ms takes four bytes a channel.
 */
export class LevelHistory {
  readonly #frameMs: number
  readonly #size: number
  /** Mean squares of the last frames of each channel, each at its number modulo the size. */
  readonly #squares: Float32Array[]
  readonly #encoding: 's16le' | 'mulaw'
  #frames = 0

  /**
   * @param frameMs - length of a frame; may be fractional.
   * @param keepMs - how far back levels are known.
   */
  constructor(channels: number, frameMs: number, keepMs: number, encoding: 's16le' | 'mulaw') {
    this.#frameMs = frameMs
    this.#size = Math.ceil(keepMs / frameMs) + 1
    this.#squares = Array.from({ length: channels }, () => new Float32Array(this.#size))
    this.#encoding = encoding
  }

  /** Takes the next frame of every channel. */
  add(frames: readonly Buffer[]): void {
    for (const [channel, squares] of this.#squares.entries()) {
      squares[this.#frames % this.#size] = meanSquare(frames[channel]!, this.#encoding)
    }
    this.#frames += 1
  }

  /** Root of the mean square of a channel from `start` to `end` in ms, 0 to 1; `undefined` where that is not known. */
  level(channel: number, start: number, end: number): number | undefined {
    const first = Math.floor(start / this.#frameMs)
    const last = Math.max(first, Math.ceil(end / this.#frameMs) - 1)
    if (first < Math.max(0, this.#frames - this.#size) || last >= this.#frames) return undefined
    let sum = 0
    let weights = 0
    for (let frame = first; frame <= last; frame++) {
      // A frame at the edge counts for as much of it as was asked for.
      const within = Math.min(end, (frame + 1) * this.#frameMs) - Math.max(start, frame * this.#frameMs)
      const weight = Math.max(within, Number.EPSILON)
      sum += weight * this.#squares[channel]![frame % this.#size]!
      weights += weight
    }
    return Math.sqrt(sum / weights)
  }
}

function meanSquare(bytes: Buffer, encoding: 's16le' | 'mulaw'): number {
  let sum = 0
  const step = encoding === 's16le' ? 2 : 1
  for (let at = 0; at + step <= bytes.length; at += step) {
    const sample = (step === 2 ? bytes.readInt16LE(at) : mulawToInt16[bytes[at]!]!) / 32_768
    sum += sample * sample
  }
  return bytes.length === 0 ? 0 : (sum * step) / bytes.length
}
