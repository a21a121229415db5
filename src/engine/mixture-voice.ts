import { Gaussian } from './gaussian.ts'
import type { Voice } from './voice.ts'
import type { MixtureStatistics, VoiceMixture } from './voice-mixture.ts'

/**
 * A voice as two kinds of statistics see it: how far it lies from the average voice, sound by sound (the cosine of the
 * mixture's vectors), and how much better two Gaussians describe two stretches than one does. The first knows voices,
 * the second needs no training; how much each counts, and how much speech that takes, was trained (`training/`).
 */
export class MixtureVoice implements Voice<MixtureVoice> {
  readonly #mixture: VoiceMixture
  readonly #gaussian: Gaussian
  readonly #statistics: MixtureStatistics
  readonly #narrowband: boolean
  #vector: Float64Array | undefined

  private constructor(mixture: VoiceMixture, gaussian: Gaussian, statistics: MixtureStatistics, narrowband: boolean) {
    this.#mixture = mixture
    this.#gaussian = gaussian
    this.#statistics = statistics
    this.#narrowband = narrowband
  }

  /**
   * The voice of some `frames` of cepstra.
   *
   * @param narrowband - whether it came by telephone: all voices are alike then to the mixture, which knows microphones,
   * so that two of them are held against each other by weights of their own.
   */
  static of(mixture: VoiceMixture, frames: readonly Float64Array[], narrowband = false): MixtureVoice {
    return new MixtureVoice(mixture, Gaussian.of(mixture.size, frames), mixture.statistics(frames), narrowband)
  }

  get frames(): number {
    return this.#gaussian.count
  }

  plus(other: MixtureVoice): MixtureVoice {
    const add = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, index) => value + b[index]!)
    const [mine, theirs] = [this.#statistics, other.#statistics]
    const statistics = { counts: add(mine.counts, theirs.counts), sums: add(mine.sums, theirs.sums) }
    const narrowband = this.#narrowband && other.#narrowband
    return new MixtureVoice(this.#mixture, this.#gaussian.plus(other.#gaussian), statistics, narrowband)
  }

  logOdds(other: MixtureVoice): number {
    const [fewer, more] = [this.frames, other.frames].toSorted((a, b) => a - b) as [number, number]
    if (fewer === 0) return 0
    const { calibration, narrowbandCalibration } = this.#mixture
    const weights = this.#narrowband && other.#narrowband ? narrowbandCalibration : calibration
    const { bias, cosine, gain, shorter, longer } = weights
    return (
      bias +
      cosine * dot(this.#direction(), other.#direction()) +
      gain * Math.log(Math.max(leastGain, this.#gainOver(other))) +
      shorter * Math.log(fewer / 100) +
      longer * Math.log(more / 100)
    )
  }

  /** What two Gaussians gain over one in log likelihood, for each frame that counts. */
  #gainOver(other: MixtureVoice): number {
    const [a, b] = [this.#gaussian, other.#gaussian]
    const both = a.plus(b)
    const gain = 0.5 * (both.count * both.logDeterminant - a.count * a.logDeterminant - b.count * b.logDeterminant)
    return (gain * both.count) / (a.count * b.count)
  }

  #direction(): Float64Array {
    this.#vector ??= this.#mixture.vector(this.#statistics)
    return this.#vector
  }
}

/** Keeps the logarithm finite where two stretches are the same. */
const leastGain = 1e-3

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
