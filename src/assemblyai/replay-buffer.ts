import { type Frames, FrameList } from './frame-list.ts'

/**
 * The audio that may be needed again: frames of one length, numbered from the first of the stream. All times in ms of
 * the stream.
 */
export class ReplayBuffer {
  readonly #frameMs: number
  readonly #frames: Frames
  #first = 0

  /**
   * @param frameMs - length of a frame; may be fractional.
   * @param frames - where they are kept.
   */
  constructor(frameMs: number, frames: Frames = new FrameList()) {
    this.#frameMs = frameMs
    this.#frames = frames
  }

  /** Number of the first frame that is kept. */
  get first(): number {
    return this.#first
  }

  /** Number that the next frame will have. */
  get next(): number {
    return this.#first + this.#frames.length
  }

  push(frame: Buffer): void {
    this.#frames.push(frame)
  }

  /** The frame with this number, if it is kept. */
  get(number: number): Buffer | undefined {
    return number < this.#first ? undefined : this.#frames.at(number - this.#first)
  }

  /** Forgets all frames before number `number`. */
  dropBefore(number: number): void {
    const count = Math.min(number, this.next) - this.#first
    if (count <= 0) return
    this.#frames.drop(count)
    this.#first += count
  }

  /** Number of the frame that holds millisecond `ms`. */
  frameAt(ms: number): number {
    return Math.max(0, Math.floor(ms / this.#frameMs))
  }

  /** Ms at which the frame with this number begins. */
  msAt(number: number): number {
    return Math.round(number * this.#frameMs)
  }
}
