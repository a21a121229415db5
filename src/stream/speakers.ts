import { isLetter } from '../protocol/messages.ts'
import { bestAssignment } from '../voices/assignment.ts'
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

/** One word is too little to know a voice by, unless it is long; ms. */
const LONG_WORD_MS = 400
/** Share of a label's votes that its letter must have. */
const MAJORITY = 0.6
/** As many labels and letters as the assignment can weigh; the protocol allows ten speakers. */
const MOST = 12

/** As many labels of a session as are told apart, against a server that makes them up without end. */
const MOST_LABELS = 1000

/** Labels that are not the protocol's get `letters` in order of appearance, or are shown `asGiven`. */
export type ServerLabels = 'letters' | 'asGiven'

export interface Votes {
  ms: number
  words: number
}

/** Whom a session's labels mean, by votes of words that two sessions heard. A label keeps its letter. */
export class LabelMap {
  protected readonly letters: SpeakerLetters
  readonly #first: boolean
  readonly #others: ServerLabels
  /** The first label that is none of the protocol's and got a letter, if any did. */
  foreign: string | undefined
  protected readonly votes = new Map<string, Map<string, Votes>>()
  protected readonly fixed = new Map<string, string>()

  /** @param first - whether this is the stream's first session, whose labels are the letters. */
  constructor(letters: SpeakerLetters, first: boolean, others: ServerLabels = 'letters') {
    this.letters = letters
    this.#first = first
    this.#others = others
  }

  get mapping(): Record<string, string> {
    return Object.fromEntries(this.fixed)
  }

  /** A word of `ms` milliseconds that had `letter` before has `label` in this session. */
  vote(label: string, letter: string, ms: number): void {
    const letters = this.votes.get(label) ?? new Map<string, Votes>()
    this.votes.set(label, letters)
    const votes = letters.get(letter) ?? { ms: 0, words: 0 }
    letters.set(letter, { ms: votes.ms + ms, words: votes.words + 1 })
  }

  /** The letter of `label`, if it has one already. */
  known(label: string): string | undefined {
    return this.fixed.get(label)
  }

  /**
   * The letter of `label` in a turn that ends at `at`, ms of the stream; the first call for a label fixes it. `undefined`
   * where there are more labels than anybody has.
   */
  letter(label: string, _at = 0): string | undefined {
    const known = this.fixed.get(label)
    if (known !== undefined || this.fixed.size === MOST_LABELS) return known
    const letter = this.#chosen(label)
    this.fixed.set(label, letter)
    return letter
  }

  /** Whether the letter of `label` may still become another. */
  isOpen(_label: string): boolean {
    return false
  }

  /** Whether there is a label of which that is so. */
  get anyOpen(): boolean {
    return false
  }

  /** Labels that have become those of others since this was last asked. */
  takeChanged(): string[] {
    return []
  }

  /** No more can be heard: every label has its letter for good. */
  settle(): void {}

  /** Whether a label's letter needs no evidence: those of the first session, and names that are shown, mean themselves. */
  protected isPlain(label: string): boolean {
    return this.#first || (!isLetter(label) && this.#others === 'asGiven')
  }

  #chosen(label: string): string {
    if (!isLetter(label)) {
      // A name that is shown means the same in every session.
      if (this.#others === 'asGiven') return this.letters.claim(label)
      this.foreign ??= label
    }
    const elected = this.#elected(label)
    if (elected !== undefined) return this.letters.claim(elected)
    const isOwn = this.#first && isLetter(label) && !this.letters.has(label)
    return isOwn ? this.letters.claim(label) : this.letters.unused()
  }

  #elected(label: string): string | undefined {
    const taken = new Set(this.fixed.values())
    const labels = [...this.votes.keys()].filter((name) => !this.fixed.has(name)).slice(0, MOST)
    const candidates = new Set(labels.flatMap((name) => [...(this.votes.get(name)?.keys() ?? [])]))
    const letters = [...candidates].filter((letter) => !taken.has(letter)).slice(0, MOST)
    const row = labels.indexOf(label)
    if (row < 0 || letters.length === 0) return undefined
    const weights = labels.map((name) => letters.map((letter) => this.votes.get(name)?.get(letter)?.ms ?? 0))
    const letter = letters[bestAssignment(weights)[row] ?? -1]
    return letter !== undefined && this.#convincing(label, letter) ? letter : undefined
  }

  /** With too little evidence a label is better new than wrong. */
  #convincing(label: string, letter: string): boolean {
    const all = [...(this.votes.get(label)?.values() ?? [])]
    const votes = this.votes.get(label)?.get(letter) ?? { ms: 0, words: 0 }
    const total = all.reduce((sum, { ms }) => sum + ms, 0)
    return votes.ms >= MAJORITY * total && (votes.words >= 2 || votes.ms >= LONG_WORD_MS)
  }
}
