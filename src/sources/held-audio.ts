/** Most audio held, in bytes. */
const MOST_BYTES = 4 * 1024 * 1024

/** Audio whose place in the stream is not known yet. */
export class HeldAudio {
  #pieces: Buffer[] = []
  #bytes = 0

  /** Whether no more should be held. */
  get full(): boolean {
    return this.#bytes >= MOST_BYTES
  }

  push(audio: Buffer): void {
    this.#pieces.push(audio)
    this.#bytes += audio.length
  }

  /** All that was held, in order; nothing is held any more. */
  take(): Buffer[] {
    const pieces = this.#pieces
    this.#pieces = []
    this.#bytes = 0
    return pieces
  }
}
