import { amplify, powerOf, samplesOf, spectraOf } from './spectrum.ts'

/*
 * Hiss, a fan or the hum of the mains sound the same in whatever is said, and so make all voices one. What is heard where
 * nobody speaks is taken out before voices are told apart: by the Wiener filter, with a ratio of signal to noise that is
 * smoothed over time ("decision-directed", Ephraim and Malah 1984), or what is left of the noise would chirp.
 */

/** The softest of an utterance is nobody's voice, such a share of it, ... */
const softShare = 0.15
/** ... where it is this much softer than what is loud, in power: somebody may speak without a pause. */
const softerBy = 0.1
/** The noise as a whole is louder than where it is softest, in power. */
const louder = 1.5
/** So many spectra of noise are remembered (3 s), for it may change. */
const remembered = 200
/** How much of the ratio of signal to noise is that of the spectrum before. */
const smoothing = 0.85
/** What is only noise becomes this much of itself, in amplitude. */
const leastGain = 0.05

/** Takes out of the utterances of a session what drones or hisses behind all of them. */
export class NoiseReduction {
  /** Mean power of the noise at each frequency. */
  #noise: Float64Array | undefined
  #spectra = 0

  /** Mono PCM16 at 16 kHz without its noise; where nothing is heard between the words, as it is. */
  reduce(samples: Int16Array): Int16Array {
    const spectra = spectraOf(samples)
    const powers = spectra.map(powerOf)
    // The first and the last lie half outside.
    const noise = this.#learn(powers.slice(1, -1))
    if (noise === undefined) return samples
    /** Power of what was taken for the voice in the spectrum before. */
    const before = new Float64Array(noise.length)
    const gains = new Float64Array(noise.length)
    spectra.forEach((spectrum, index) => {
      const power = powers[index]!
      for (let k = 0; k < gains.length; k++) {
        const signal = smoothing * before[k]! + (1 - smoothing) * Math.max(0, power[k]! - noise[k]!)
        // Of nothing, where there is no noise, nothing is left.
        gains[k] = Math.max(leastGain, signal / (signal + noise[k]! || 1))
        before[k] = gains[k]! ** 2 * power[k]!
      }
      amplify(spectrum, gains)
    })
    return samplesOf(spectra, samples.length)
  }

  /** The noise, as far as it is known. */
  #learn(powers: readonly Float64Array[]): Float64Array | undefined {
    const spectra = powers
      .map((power) => ({ power, energy: power.reduce((sum, value) => sum + value, 0) }))
      .toSorted((a, b) => a.energy - b.energy)
    const loud = spectra[Math.floor(0.9 * spectra.length)]?.energy ?? 0
    for (const { power, energy } of spectra.slice(0, Math.ceil(softShare * spectra.length))) {
      if (energy > loud * softerBy) break
      this.#spectra = Math.min(remembered, this.#spectra + 1)
      const known = (this.#noise ??= new Float64Array(power.length))
      for (let k = 0; k < power.length; k++) known[k]! += (power[k]! - known[k]!) / this.#spectra
    }
    return this.#noise?.map((power) => louder * power)
  }
}
