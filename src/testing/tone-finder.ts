import { readToneWord, WORD_SAMPLES, type ToneSign } from './tone-code.ts'

/** A word as found in a stream of samples. */
export interface FoundWord extends ToneSign {
  /** Place of its first sample in the stream. */
  onset: number
}

/** Samples louder than this may begin a word. */
const LOUD = 400
/** Quiet samples (1 ms) that must come before a word; within a word there are never more than two in a row. */
const QUIET_SAMPLES = 16

/**
 * Finds tone words in a stream of samples, exact to the sample, however the stream is cut into pieces. Anything else,
 * half words included, is passed over. A word is found when its last sample has come.
 */
export class ToneFinder {
  readonly #burst = new Int16Array(WORD_SAMPLES)
  #filled = 0
  #collecting = false
  #onset = 0
  // The beginning of the stream counts as silence: a session may begin exactly with a word.
  #quiet = QUIET_SAMPLES
  #position = 0

  /** Samples taken so far. */
  get position(): number {
    return this.#position
  }

  /** Place in the stream up to which no word can be found any more: the onset of what may become one, or the end. */
  get settled(): number {
    return this.#collecting ? this.#onset : this.#position
  }

  /** Takes the next samples and returns the words they complete. */
  push(samples: Int16Array): FoundWord[] {
    const found: FoundWord[] = []
    this.#scan(samples, this.#position, found)
    this.#position += samples.length
    return found
  }

  /** @param place - place in the stream of the first of `samples`. */
  #scan(samples: Int16Array, place: number, found: FoundWord[]): void {
    let at = 0
    while (at < samples.length) {
      if (this.#collecting) {
        const taken = Math.min(samples.length - at, WORD_SAMPLES - this.#filled)
        this.#burst.set(samples.subarray(at, at + taken), this.#filled)
        this.#filled += taken
        at += taken
        if (this.#filled === WORD_SAMPLES) this.#finish(found)
      } else {
        at = this.#search(samples, at, place)
      }
    }
  }

  /** Looks for the next onset; returns where collecting begins, or the end. */
  #search(samples: Int16Array, from: number, place: number): number {
    let quiet = this.#quiet
    for (let at = from; at < samples.length; at++) {
      const sample = samples[at]!
      if (sample < LOUD && sample > -LOUD) {
        quiet++
      } else if (quiet < QUIET_SAMPLES) {
        quiet = 0
      } else {
        this.#collecting = true
        this.#filled = 0
        this.#onset = place + at
        return at
      }
    }
    this.#quiet = quiet
    return samples.length
  }

  #finish(found: FoundWord[]): void {
    this.#collecting = false
    this.#quiet = 0
    const sign = readToneWord(this.#burst)
    if (sign !== undefined) found.push({ ...sign, onset: this.#onset })
    // What was no word may hold the onset of one: a half word at the start of a session, then a whole one.
    else this.#scan(this.#burst.slice(1), this.#onset + 1, found)
  }
}
