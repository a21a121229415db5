/**
 * One full-covariance Gaussian over feature frames, kept as sums, so that two can be added; and the Bayesian
 * information criterion (BIC) that says whether two stretches of frames are better described by one Gaussian or two.
 */
export class Gaussian {
  readonly size: number
  /** Number of frames. */
  count = 0
  readonly #sum: Float64Array
  /** Sums of products, lower triangle by rows. */
  readonly #products: Float64Array
  #logDeterminant: number | undefined

  constructor(size: number) {
    this.size = size
    this.#sum = new Float64Array(size)
    this.#products = new Float64Array((size * (size + 1)) / 2)
  }

  /** The Gaussian of `frames`, each `size` numbers long. */
  static of(size: number, frames: Iterable<ArrayLike<number>>): Gaussian {
    const result = new Gaussian(size)
    for (const frame of frames) result.add(frame)
    return result
  }

  /** Adds one frame. */
  add(frame: ArrayLike<number>): void {
    this.count++
    this.#logDeterminant = undefined
    for (let i = 0, k = 0; i < this.size; i++) {
      this.#sum[i] = this.#sum[i]! + frame[i]!
      for (let j = 0; j <= i; j++, k++) this.#products[k] = this.#products[k]! + frame[i]! * frame[j]!
    }
  }

  /** A new Gaussian over the frames of both. */
  plus(other: Gaussian): Gaussian {
    const result = new Gaussian(this.size)
    result.count = this.count + other.count
    for (let i = 0; i < this.#sum.length; i++) result.#sum[i] = this.#sum[i]! + other.#sum[i]!
    for (let i = 0; i < this.#products.length; i++) result.#products[i] = this.#products[i]! + other.#products[i]!
    return result
  }

  /** Natural logarithm of the covariance's determinant. */
  get logDeterminant(): number {
    this.#logDeterminant ??= this.#computeLogDeterminant()
    return this.#logDeterminant
  }

  #computeLogDeterminant(): number {
    const { size, count } = this
    const sum = this.#sum
    const products = this.#products
    const factor = new Float64Array(products.length)
    let result = 0
    // Cholesky decomposition; the small diagonal keeps short or constant stretches finite.
    for (let i = 0, rowI = 0; i < size; rowI += ++i) {
      const meanI = sum[i]! / count
      for (let j = 0, rowJ = 0; j <= i; rowJ += ++j) {
        const k = rowI + j
        let value = products[k]! / count - (meanI * sum[j]!) / count
        if (i === j) value += 0.01
        for (let m = 0; m < j; m++) value -= factor[rowI + m]! * factor[rowJ + m]!
        if (i === j) {
          const pivot = Math.max(value, 1e-6)
          factor[k] = Math.sqrt(pivot)
          result += Math.log(pivot)
        } else factor[k] = value / factor[rowJ + j]!
      }
    }
    return result
  }
}

/**
 * The BIC difference between two Gaussians and one for the frames of `a` and `b`: above 0 they are better kept apart.
 * `strictness` scales the price of the second Gaussian: the higher, the more is taken for the same.
 */
export function deltaBic(a: Gaussian, b: Gaussian, strictness: number): number {
  const both = a.plus(b)
  const { size } = a
  const gain = 0.5 * (both.count * both.logDeterminant - a.count * a.logDeterminant - b.count * b.logDeterminant)
  const parameters = size + (size * (size + 1)) / 2
  return gain - 0.5 * strictness * parameters * Math.log(both.count)
}
