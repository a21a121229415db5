import { cosine, jointLength, usualDistance, type Voice } from '../../voices/voice.ts'
import type { Stretch } from '../parts.ts'

/** Neighbouring pieces with a shorter pause between them (frames of 10 ms) are of one voice, almost always. */
const samePause = 6
const kept = 200
/** How many pairs it takes to believe the session as much as what is usual. */
const trustFrom = 12
const limits = { min: 0.6, max: 1.3 }
/** It is believed in steps, so that not every utterance makes all odds anew. */
const step = 0.05

/** How much vectors of one voice scatter in this session: what is said in one breath is said by one person. */
export class SessionScatter {
  #ratios: number[] = []
  now = 1

  /** Learns from the pieces of an utterance, of which `voices` are the voices. */
  learn(pieces: readonly Stretch[], voices: readonly Voice[]): void {
    for (let index = 1; index < pieces.length; index++) {
      if (pieces[index]!.start - pieces[index - 1]!.end >= samePause) continue
      const [one, other] = [voices[index - 1]!, voices[index]!]
      const angle = cosine(one, other)
      if (angle === undefined) continue
      this.#ratios.push((1 - angle) / usualDistance(jointLength(one.frames, other.frames), one.narrowband))
    }
    this.#ratios = this.#ratios.slice(-kept)
    const count = this.#ratios.length
    // A change of voice among them is rare, and moves the median little.
    const median = this.#ratios.toSorted((a, b) => a - b)[Math.floor(count / 2)] ?? 1
    const mean = (count * median + trustFrom) / (count + trustFrom)
    const rounded = Math.round(mean / step) * step
    this.now = Math.min(limits.max, Math.max(limits.min, rounded))
  }
}
