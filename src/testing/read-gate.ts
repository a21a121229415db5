/** A socket that can be read or left alone. */
interface Readable {
  pause(): void
  resume(): void
}

/** Why a socket is not read: its session is full, the fault says stop, or it is to be read slowly. */
type Reason = 'session' | 'stopped' | 'slow'

/** Decides whether a socket is read: only while there is no reason against it. */
export class ReadGate {
  readonly #socket: Readable
  readonly #later: (ms: number, action: () => void) => void
  readonly #reasons = new Set<Reason>()
  #rate = Infinity
  #readAgainAt = 0

  /** @param later - does something after so many ms. */
  constructor(socket: Readable, later: (ms: number, action: () => void) => void) {
    this.#socket = socket
    this.#later = later
  }

  close(reason: Reason): void {
    this.#reasons.add(reason)
    this.#socket.pause()
  }

  open(reason: Reason): void {
    this.#reasons.delete(reason)
    if (this.#reasons.size === 0) this.#socket.resume()
  }

  /** From now on lets `rate` seconds of audio through in a second. */
  limit(rate: number): void {
    this.#rate = rate
  }

  /** So many ms of audio were read: reads no further until they have been paid for in time. */
  spend(ms: number): void {
    if (this.#rate === Infinity || ms === 0) return
    this.#readAgainAt = Math.max(this.#readAgainAt, performance.now()) + ms / this.#rate
    if (!this.#reasons.has('slow')) this.#wait()
  }

  #wait(): void {
    const left = this.#readAgainAt - performance.now()
    if (left <= 0) return this.open('slow')
    this.close('slow')
    this.#later(left, () => this.#wait())
  }
}
