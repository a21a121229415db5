import { Writable } from 'node:stream'
import type { Turn } from '../../src/index.ts'

/** Collects the turns of a stream, the highest revision of each, and sees whether they come as promised. */
export class Collector extends Writable {
  readonly #turns = new Map<number, Turn>()
  /** What was not as promised, in words. */
  readonly complaints: string[] = []
  #lastOrder = -1

  readonly #options: { partials: boolean; delay: number }
  #timer: NodeJS.Timeout | undefined

  /**
   * @param options - whether partials are expected, and the milliseconds that every turn takes.
   */
  constructor(options: { partials?: boolean; delay?: number } = {}) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#options = { partials: false, delay: 0, ...options }
  }

  override _write(turn: Turn, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const earlier = this.#turns.get(turn.order)
    if (!turn.endOfTurn) {
      if (!this.#options.partials) this.#complain(`a partial of turn ${turn.order}`)
      if (earlier) this.#complain(`a partial of turn ${turn.order} after its final`)
    } else if (earlier === undefined) {
      if (turn.order <= this.#lastOrder) this.#complain(`turn ${turn.order} comes after turn ${this.#lastOrder}`)
      this.#lastOrder = Math.max(this.#lastOrder, turn.order)
      this.#turns.set(turn.order, turn)
    } else if (turn.revision <= earlier.revision) {
      this.#complain(`revision ${turn.revision} of turn ${turn.order} comes after revision ${earlier.revision}`)
    } else {
      this.#turns.set(turn.order, turn)
    }
    if (this.#options.delay > 0) this.#timer = setTimeout(callback, this.#options.delay)
    else callback()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    callback(error)
  }

  /** The final state of all turns, by rising order. */
  turns(): Turn[] {
    return [...this.#turns.values()].toSorted((a, b) => a.order - b.order)
  }

  #complain(what: string): void {
    if (this.complaints.length < 20) this.complaints.push(what)
  }
}
