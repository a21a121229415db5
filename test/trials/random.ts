import { seededRandom } from '../helpers/random.ts'

/** Random choices that a seed repeats. */
export class Random {
  readonly #next: () => number

  constructor(seed: number) {
    this.#next = seededRandom(seed)
  }

  /** An integer from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.#next() * (max - min + 1))
  }

  /** An integer from `min` (at least 1) to `max`, small ones as often as large ones of ten times their size. */
  spread(min: number, max: number): number {
    return Math.round(Math.exp(Math.log(min) + this.#next() * (Math.log(max) - Math.log(min))))
  }

  /** `true` with the given probability. */
  chance(probability: number): boolean {
    return this.#next() < probability
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.integer(0, items.length - 1)] as Item
  }

  /** One of the choices, as often as its weight says. */
  weighted<Item>(choices: readonly (readonly [weight: number, item: Item])[]): Item {
    let left = this.#next() * choices.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, item] of choices) {
      left -= weight
      if (left < 0) return item
    }
    return choices.at(-1)![1]
  }
}
