import type { Voice } from './voice.ts'

/** How fast the log odds rise with the cosine. */
const steepness = 15

/** A voice as vectors of a speaker model show it: their mean, weighted by the speech behind each. */
export class VectorVoice implements Voice<VectorVoice> {
  readonly frames: number
  readonly #sum: Float64Array
  readonly #threshold: number

  private constructor(frames: number, sum: Float64Array, threshold: number) {
    this.frames = frames
    this.#sum = sum
    this.#threshold = threshold
  }

  /** The voice of `frames` of speech that the model made `vector` of; `threshold` is the model's. */
  static of(vector: ArrayLike<number>, frames: number, threshold: number): VectorVoice {
    return new VectorVoice(
      frames,
      Float64Array.from(vector, (value) => value * frames),
      threshold,
    )
  }

  plus(other: VectorVoice): VectorVoice {
    const sum = this.#sum.map((value, index) => value + other.#sum[index]!)
    return new VectorVoice(this.frames + other.frames, sum, this.#threshold)
  }

  logOdds(other: VectorVoice): number {
    let product = 0
    let mine = 0
    let theirs = 0
    for (let i = 0; i < this.#sum.length; i++) {
      product += this.#sum[i]! * other.#sum[i]!
      mine += this.#sum[i]! ** 2
      theirs += other.#sum[i]! ** 2
    }
    if (mine === 0 || theirs === 0) return 0
    return steepness * (product / Math.sqrt(mine * theirs) - this.#threshold)
  }
}
