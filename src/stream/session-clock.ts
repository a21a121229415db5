/** A session's time in the stream's: silence that only closed a turn is in it, audio that was left out is not. */
export class SessionClock {
  readonly offset: number
  /** In order, each with what was inserted before it. */
  readonly #insertions: { at: number; ms: number; before: number }[] = []
  #sent = 0

  constructor(offset: number) {
    this.offset = offset
  }

  /** Ms of the stream up to which the session has heard. */
  get heard(): number {
    return this.toStream(this.#sent)
  }

  /** Audio of the stream has been sent. */
  audio(ms: number): void {
    this.#sent += ms
  }

  /** Silence that is not in the stream has been sent. */
  silence(ms: number): void {
    if (ms === 0) return
    const last = this.#insertions.at(-1)
    if (last && last.at + last.ms === this.#sent) last.ms += ms
    else this.#insert(ms)
    this.#sent += ms
  }

  /** Audio of the stream is never sent. */
  skip(ms: number): void {
    if (ms > 0) this.#insert(-ms)
  }

  #insert(ms: number): void {
    const last = this.#insertions.at(-1)
    this.#insertions.push({ at: this.#sent, ms, before: last === undefined ? 0 : last.before + last.ms })
  }

  toStream(ms: number): number {
    // A session of hours may have thousands of pauses, and each word has two times.
    let [low, high] = [0, this.#insertions.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#insertions[middle]!.at < ms) low = middle + 1
      else high = middle
    }
    const last = this.#insertions[low - 1]
    const inserted = last === undefined ? 0 : last.before + Math.min(last.ms, ms - last.at)
    return Math.round(this.offset + ms - inserted)
  }
}
