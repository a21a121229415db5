import { joinedProfile, type VoiceProfile } from '../voices/profile.ts'

/** As many letters have voices at most; those of who was heard least lately are forgotten. */
const MOST_VOICES = 100

/** The speaker letters of one stream: `A` to `Z`, then `AA`, …, each given once, and the voices behind them. */
export class SpeakerLetters {
  readonly #used = new Set<string>()
  /** Letters that are given for the time being, and those that were and came back. */
  readonly #reserved = new Set<string>()
  #returned: string[] = []
  readonly #voices = new Map<string, VoiceProfile>()
  #next = 0

  get any(): boolean {
    return this.#used.size > 0
  }

  has(letter: string): boolean {
    return this.#used.has(letter)
  }

  claim(letter: string): string {
    this.#used.add(letter)
    return letter
  }

  /** Letters that were given for good, those with voices first, and of the others the newest; as many as can be weighed. */
  get known(): string[] {
    const without = [...this.#used].filter((letter) => !this.#reserved.has(letter) && !this.#voices.has(letter))
    return [...this.#voices.keys(), ...without.toReversed()].slice(0, MOST_VOICES)
  }

  /** The voices behind letters, as far as they were heard. */
  get voices(): ReadonlyMap<string, VoiceProfile> {
    return this.#voices
  }

  /** Whose voice a letter stands for, as far as it was heard. */
  voiceOf(letter: string): VoiceProfile {
    return this.#voices.get(letter) ?? {}
  }

  /** Speech of whoever has `letter`. */
  hear(letter: string, profile: VoiceProfile): void {
    const before = this.voiceOf(letter)
    this.#voices.delete(letter)
    this.#voices.set(letter, joinedProfile(before, profile))
    if (this.#voices.size > MOST_VOICES) this.#voices.delete(this.#voices.keys().next().value!)
  }

  /** The next letter that nobody has, until it is clear whether it is needed. */
  reserve(): string {
    const letter = this.unused()
    this.#reserved.add(letter)
    return letter
  }

  /** A reserved letter is given for good, or was not needed. */
  settle(letter: string, isNeeded: boolean): void {
    if (!this.#reserved.delete(letter) || isNeeded) return
    this.#used.delete(letter)
    this.#returned = [...this.#returned, letter].toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))
  }

  /** The next letter that nobody has. */
  unused(): string {
    let letter: string | undefined
    while ((letter = this.#returned.shift()) !== undefined) if (!this.#used.has(letter)) return this.claim(letter)
    do {
      letter = letterAt(this.#next)
      this.#next += 1
    } while (this.#used.has(letter))
    return this.claim(letter)
  }
}

function letterAt(index: number): string {
  const last = String.fromCodePoint(65 + (index % 26))
  return index < 26 ? last : letterAt(Math.floor(index / 26) - 1) + last
}
