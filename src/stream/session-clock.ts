/** A session's time in the stream's: silence that only closed a turn is in it, audio that was left out is not. */
export class SessionClock {
  readonly offset: number
  readonly #insertions: { at: number; ms: number }[] = []
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
    else this.#insertions.push({ at: this.#sent, ms })
    this.#sent += ms
  }

  /** Audio of the stream is never sent. */
  skip(ms: number): void {
    if (ms > 0) this.#insertions.push({ at: this.#sent, ms: -ms })
  }

  toStream(ms: number): number {
    let inserted = 0
    for (const insertion of this.#insertions) {
      if (ms <= insertion.at) break
      inserted += Math.min(insertion.ms, ms - insertion.at)
    }
    return Math.round(this.offset + ms - inserted)
  }
}
