import { blockMs, quietest } from './mono-mixer.ts'

/**
 * With less than this share of the energy of the difference of two channels, their mean may have lost what was said. A
 * `MonoMixer` takes a channel alone below a ninth: the difference is only roughly known here, and whoever is wrong in
 * this direction has the channels mixed with care.
 */
const leastShare = 0.15
/** Mean square of the quietest difference that counts; it has lost a little of its high notes. */
const quietestDifference = (quietest * 32_768 ** 2) / 4

/** Energies are taken of so many samples in a second, whatever their rate: 40 in a stretch. */
const countedRate = 2000

/** Energies of stretches of 20 ms of one signal, in order. */
class Stretches {
  readonly #rate: number
  readonly #step: number
  /** Numbers of the stretches that are whole, and the mean square of each; read up to `taken`. */
  readonly numbers: number[] = []
  readonly energies: number[] = []
  taken = 0
  /** The stretch at hand. */
  current = -1
  #sum = 0
  #count = 0

  constructor(rate: number) {
    this.#rate = rate
    this.#step = Math.max(1, Math.round(rate / countedRate))
  }

  add(at: number, samples: Int16Array): void {
    const length = (this.#rate * blockMs) / 1000
    for (let from = 0; from < samples.length;) {
      // Where times go back, what comes belongs to the stretch at hand.
      const number = Math.max(this.current, Math.floor((at + from) / length))
      if (number !== this.current) this.finish(number)
      const to = Math.min(samples.length, Math.max(from + 1, Math.ceil((number + 1) * length) - at))
      for (let index = from; index < to; index += this.#step) {
        const sample = samples[index]!
        this.#sum += sample * sample
        this.#count++
      }
      from = to
    }
  }

  finish(next: number): void {
    if (this.#count > 0) {
      this.numbers.push(this.current)
      this.energies.push(this.#sum / this.#count)
    }
    this.current = next
    this.#sum = this.#count = 0
  }

  get hasMore(): boolean {
    return this.taken < this.numbers.length
  }

  forgetTaken(): void {
    if (this.taken < 256) return
    this.numbers.splice(0, this.taken)
    this.energies.splice(0, this.taken)
    this.taken = 0
  }
}

/**
 * Tells where two channels may cancel each other out in their mean, by the mean and by half of their difference, of which a few
 * samples are enough. Both come with their times, in 16-bit samples.
 */
export class DownmixCheck {
  readonly #mean: Stretches
  readonly #difference: Stretches
  #isLost = false

  /** @param rates - samples in a second of the mean and of the difference. */
  constructor(rates: { mean: number; difference: number }) {
    this.#mean = new Stretches(rates.mean)
    this.#difference = new Stretches(rates.difference)
    this.#meanStretch = (rates.mean * blockMs) / 1000
  }

  readonly #meanStretch: number

  /** Samples of the mean, of which the first was recorded at `at`, in samples. */
  mean(at: number, samples: Int16Array): void {
    this.#mean.add(at, samples)
    this.#compare()
  }

  /** The same of half of the difference, at its own rate. */
  difference(at: number, samples: Int16Array): void {
    this.#difference.add(at, samples)
    this.#compare()
  }

  /** Nothing more will come: what is there of the last stretch counts as all of it. */
  end(): void {
    this.#mean.finish(Infinity)
    this.#difference.finish(Infinity)
    this.#compare()
  }

  /** Whether anything may be lost in what has come so far. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** The time up to which that is known, in samples of the mean. */
  get checkedTo(): number {
    return Math.min(this.#mean.current, this.#difference.current) * this.#meanStretch
  }

  #compare(): void {
    const [mean, difference] = [this.#mean, this.#difference]
    while (mean.hasMore && difference.hasMore) {
      const ahead = mean.numbers[mean.taken]! - difference.numbers[difference.taken]!
      if (ahead === 0) {
        const energy = difference.energies[difference.taken]!
        if (energy >= quietestDifference && mean.energies[mean.taken]! < leastShare * energy) this.#isLost = true
      }
      if (ahead <= 0) mean.taken++
      if (ahead >= 0) difference.taken++
    }
    mean.forgetTaken()
    difference.forgetTaken()
  }
}
