import type { Warning } from '../errors.ts'
import { isLetter } from '../protocol/messages.ts'
import { oneLine } from '../redact.ts'
import { bestAssignment } from '../voices/assignment.ts'
import { framesOf, oddsOfOnePerson, type VoiceProfile, withVoice } from '../voices/profile.ts'
import type { Voice } from '../voices/voice.ts'
import type { SpeakerLetters } from './speakers.ts'

/** As many labels and letters as are weighed at a time; the protocol allows ten speakers. */
const MOST = 12
/** As many labels of a session as are told apart, against a server that makes them up without end; and as have voices. */
const MOST_LABELS = 1000
const MOST_VOICES = 100

/** By words alone: one is too little to know a voice by, unless it is long; ms. */
const LONG_WORD_MS = 400
/** Share of a label's votes that its letter must have. */
const MAJORITY = 0.6

/** A label has its letter for good this long after its first words, ms of the stream: a turn is revised within it. */
const OPEN_MS = 120_000
/** Where speech of it is still to be listened to, it is open longer, for as long as this, ms of the stream. */
const MOST_OPEN_MS = 2 * OPEN_MS
/** Frames of 10 ms from which a voice decides, where it is clear, and from which it decides in any case. */
const CLEAR_FRAMES = 300
const ENOUGH_FRAMES = 1500
/** Fewer frames are no voice that somebody new is known by. */
const FEW_FRAMES = 100
/** Less is no evidence that a label is of somebody, log odds. */
const EVIDENCE = 0.5
/** What is clear: the likeliest is likelier than anything else by this much, as log odds. */
const CLEAR = 3

/** Odds that a label which a later session brings up is of somebody who was heard before: 85 in 100. */
const HEARD_BEFORE = 0.85 / 0.15
/** Voices speak against one person no louder than this, log odds: some of the audio may be of somebody else. */
const LEAST_BY_VOICE = -8
/** Every letter counts as if so many frames of 10 ms more had been heard of it, so that nobody is left out. */
const LEAST_HEARD = 300
/** What the words that two sessions heard tell at most, log odds: a service is seldom wrong, but for short turns. */
const MOST_BY_WORDS = 6
/** Words of this length tell all that words can, ms. */
const ENOUGH_WORDS_MS = 1000

/** Labels that are not the protocol's get `letters` in order of appearance, or are shown `asGiven`. */
export type ServerLabels = 'letters' | 'asGiven'

export interface Votes {
  ms: number
  words: number
}

/** A label whose letter is not sure yet. */
interface OpenLabel {
  /** End of the first turn with it, ms of the stream. */
  since: number
  /** Its letter for the time being; none before the first look. */
  letter: string | undefined
  /** Whether nobody else has that letter. */
  isNew: boolean
}

/**
 * Whom a session's labels mean. By votes of words that two sessions heard a label has its letter at once, and keeps it.
 * Where voices are heard, too, both are weighed together: a label has the likeliest letter until there is enough speech to
 * decide.
 */
export class LabelMap {
  readonly #letters: SpeakerLetters
  /** Whether this is the stream's first session, whose labels are the letters. */
  readonly #first: boolean
  readonly #others: ServerLabels
  #hearsVoices: boolean
  /** The first label that is none of the protocol's and got a letter, if any did. */
  foreign: string | undefined
  readonly #votes = new Map<string, Map<string, Votes>>()
  /** Letters that labels have for good. */
  readonly #fixed = new Map<string, string>()
  readonly #open = new Map<string, OpenLabel>()
  readonly #voices = new Map<string, VoiceProfile>()
  /** Stretches of speech of each label that are still to be listened to. */
  readonly #expected = new Map<string, number>()
  readonly #changed = new Set<string>()
  /** Labels that had to have a letter before it was clear; what they say is not taken for the voice of that letter. */
  readonly #doubtful = new Set<string>()
  #now = 0
  /** Whether there is something that the letters were not weighed by. */
  #isNews = false
  #isSettled = false

  /** @param hearsVoices - whether it is told of voices. */
  constructor(letters: SpeakerLetters, others: ServerLabels = 'letters', hearsVoices = false) {
    this.#letters = letters
    this.#first = !letters.any
    this.#others = others
    this.#hearsVoices = hearsVoices
  }

  get mapping(): Record<string, string> {
    const open = [...this.#open].flatMap(([label, { letter }]) => (letter === undefined ? [] : [[label, letter]]))
    return Object.fromEntries([...this.#fixed, ...open]) as Record<string, string>
  }

  /** Whether the letter of `label` may still become another. */
  isOpen(label: string): boolean {
    return this.#open.has(label)
  }

  /** Whether there is a label of which that is so. */
  get anyOpen(): boolean {
    return this.#open.size > 0
  }

  /** A word of `ms` milliseconds that had `letter` before has `label` in this session. */
  vote(label: string, letter: string, ms: number): void {
    const letters = this.#votes.get(label) ?? new Map<string, Votes>()
    this.#votes.set(label, letters)
    const votes = letters.get(letter) ?? { ms: 0, words: 0 }
    letters.set(letter, { ms: votes.ms + ms, words: votes.words + 1 })
    this.#isNews = true
  }

  /** The letter of `label`, if it has one already. */
  known(label: string): string | undefined {
    return this.#fixed.get(label) ?? this.#open.get(label)?.letter
  }

  /**
   * The letter of `label` in a turn that ends at `at`, ms of the stream. `undefined` where there are more labels than
   * anybody has.
   */
  letter(label: string, at = 0): string | undefined {
    this.#now = Math.max(this.#now, at)
    const fixed = this.#fixed.get(label)
    if (fixed !== undefined) return fixed
    if (this.#isPlain(label)) {
      const letter = this.#fix(label)
      if (letter !== undefined) this.#give(label, letter)
      return letter
    }
    if (!this.#open.has(label)) {
      if (!this.#hearsVoices || this.#open.size === MOST) return this.#fix(label)
      if (!isLetter(label)) this.foreign ??= label
      this.#open.set(label, { since: at, letter: undefined, isNew: false })
      this.#isNews = true
    }
    this.consider()
    return this.known(label)
  }

  /** Speech of `label` is still to be listened to: what waits for the machine decides nothing. */
  expect(label: string): void {
    this.#expected.set(label, (this.#expected.get(label) ?? 0) + 1)
  }

  /** Some of it was, or never will be. */
  expectLess(label: string): void {
    const left = (this.#expected.get(label) ?? 0) - 1
    if (left > 0) this.#expected.set(label, left)
    else this.#expected.delete(label)
  }

  /** Speech of whoever has `label`. */
  hear(label: string, voice: Voice): void {
    const letter = this.#fixed.get(label)
    if (letter !== undefined) {
      if (!this.#doubtful.has(label)) this.#letters.hear(letter, withVoice({}, voice))
      return
    }
    this.know(label, withVoice(this.#voices.get(label) ?? {}, voice))
  }

  /** All that was heard of whoever has `label`. */
  know(label: string, profile: VoiceProfile): void {
    const letter = this.#fixed.get(label)
    if (letter !== undefined) return this.#letters.hear(letter, profile)
    if (this.#voices.size < MOST_VOICES || this.#voices.has(label)) this.#voices.set(label, profile)
    this.#isNews = true
  }

  /** Labels that have become those of others since this was last asked. */
  takeChanged(): string[] {
    const changed = [...this.#changed]
    this.#changed.clear()
    return changed
  }

  /** No more can be heard: every label has its letter for good. */
  settle(): void {
    this.#isSettled = true
    this.consider(true)
  }

  /** There are no voices after all: words alone say whom labels mean. */
  deafen(): void {
    this.#hearsVoices = false
    for (const [label, { letter, isNew }] of this.#open) {
      this.#open.delete(label)
      if (isNew) this.#letters.settle(letter!, false)
      if (this.#fix(label) !== letter) this.#changed.add(label)
    }
  }

  /** Weighs all labels that are open; `isNews` where the voices of letters have changed. */
  consider(isNews = false): void {
    if (this.#open.size === 0) return
    const isLate = [...this.#open].some(([label, { since }]) => this.#isOver(label, since))
    if (!isNews && !this.#isNews && !isLate) return
    this.#isNews = false
    const labels = [...this.#open.keys()]
    const taken = new Set(this.#fixed.values())
    const known = this.#letters.known.filter((letter) => !taken.has(letter))
    // Who speaks much is likely to speak again.
    const heard = known.map((letter) => LEAST_HEARD + framesOf(this.#letters.voiceOf(letter)))
    const whole = heard.reduce((sum, frames) => sum + frames, 0)
    const prior = heard.map((frames) => Math.log((HEARD_BEFORE * frames) / whole))
    const all = labels.map((label) => known.map((letter, index) => prior[index]! + this.#odds(label, letter)))
    const columns = likeliest(all, known.length)
    const assigned = bestAssignment(all.map((row) => columns.map((column) => row[column]!)))
    const given = new Set(assigned.map((column) => columns[column]))
    labels.forEach((label, index) => {
      const row = all[index]!
      const column = columns[assigned[index] ?? -1]
      // What another label has is no choice for this one.
      const other = Math.max(...row.filter((_, at) => !given.has(at)))
      const odds = column === undefined ? 0 : row[column]!
      // Where nothing speaks for anybody, a letter that nobody has misleads least.
      const isGuess = column !== undefined && odds - prior[column]! < EVIDENCE
      this.#believe(label, column === undefined || isGuess ? undefined : known[column])
      this.#decide(label, column === undefined || isGuess ? -other : odds - Math.max(0, other))
    })
  }

  #odds(label: string, letter: string): number {
    const odds = oddsOfOnePerson(this.#voices.get(label) ?? {}, this.#letters.voiceOf(letter))
    return Math.max(LEAST_BY_VOICE, odds) + oddsByWords(this.#votes.get(label), letter)
  }

  /** Gives an open label the letter that it has for the time being: that of somebody, or one that nobody has. */
  #believe(label: string, letter: string | undefined): void {
    const open = this.#open.get(label)!
    const before = open.letter
    if (letter === undefined ? open.isNew : letter === before) return
    if (open.isNew) this.#letters.settle(before!, false)
    open.isNew = letter === undefined
    open.letter = letter ?? this.#letters.reserve()
    if (before !== undefined) this.#changed.add(label)
  }

  #isOver(label: string, since: number): boolean {
    return this.#now - since > (this.#expected.has(label) ? MOST_OPEN_MS : OPEN_MS)
  }

  /** Fixes the letter of an open label, where there is enough to decide by, or no more time. */
  #decide(label: string, margin: number): void {
    const { letter, since, isNew } = this.#open.get(label)!
    const frames = framesOf(this.#voices.get(label) ?? {})
    const isClear = margin >= CLEAR && frames >= CLEAR_FRAMES
    const isOver = this.#isSettled || this.#isOver(label, since)
    if (!isClear && !isOver && frames < ENOUGH_FRAMES) return
    this.#open.delete(label)
    this.#fixed.set(label, letter!)
    if (isNew) this.#letters.settle(letter!, true)
    if (margin < CLEAR && !(isNew && frames >= FEW_FRAMES)) this.#doubtful.add(label)
    this.#give(label, letter!)
  }

  /** What was heard of a label is the voice of its letter. */
  #give(label: string, letter: string): void {
    const profile = this.#voices.get(label)
    if (profile === undefined) return
    this.#voices.delete(label)
    if (!this.#doubtful.has(label)) this.#letters.hear(letter, profile)
  }

  /** Whether a label's letter needs no evidence: those of the first session, and names that are shown, mean themselves. */
  #isPlain(label: string): boolean {
    return this.#first || (!isLetter(label) && this.#others === 'asGiven')
  }

  /** Gives a label its letter for good, without voices. */
  #fix(label: string): string | undefined {
    if (this.#fixed.size === MOST_LABELS) return undefined
    const letter = this.#chosen(label)
    this.#fixed.set(label, letter)
    return letter
  }

  #chosen(label: string): string {
    if (!isLetter(label)) {
      // A name that is shown means the same in every session.
      if (this.#others === 'asGiven') return this.#letters.claim(label)
      this.foreign ??= label
    }
    const elected = this.#elected(label)
    if (elected !== undefined) return this.#letters.claim(elected)
    const isOwn = this.#first && isLetter(label) && !this.#letters.has(label)
    return isOwn ? this.#letters.claim(label) : this.#letters.unused()
  }

  /** The letter that a label has by words alone, as all labels that have votes get theirs at best. */
  #elected(label: string): string | undefined {
    const taken = new Set(this.#fixed.values())
    const labels = [...this.#votes.keys()].filter((name) => !this.#fixed.has(name)).slice(0, MOST)
    const candidates = new Set(labels.flatMap((name) => [...(this.#votes.get(name)?.keys() ?? [])]))
    const letters = [...candidates].filter((letter) => !taken.has(letter)).slice(0, MOST)
    const row = labels.indexOf(label)
    if (row < 0 || letters.length === 0) return undefined
    const weights = labels.map((name) => letters.map((letter) => this.#votes.get(name)?.get(letter)?.ms ?? 0))
    const letter = letters[bestAssignment(weights)[row] ?? -1]
    return letter !== undefined && this.#convincing(label, letter) ? letter : undefined
  }

  /** With too little evidence a label is better new than wrong. */
  #convincing(label: string, letter: string): boolean {
    const all = [...(this.#votes.get(label)?.values() ?? [])]
    const votes = this.#votes.get(label)?.get(letter) ?? { ms: 0, words: 0 }
    const total = all.reduce((sum, { ms }) => sum + ms, 0)
    return votes.ms >= MAJORITY * total && (votes.words >= 2 || votes.ms >= LONG_WORD_MS)
  }
}

/** Tells of a server that calls a speaker by a name of its own. */
export function labelsRenamed(label: string): Warning {
  const message =
    `the server calls its speakers by names of its own, such as '${oneLine(label, 100)}'; here they are A, B, … in order of ` +
    "appearance. serverLabels: 'asGiven', or --server-names, shows its names"
  return { code: 'LABELS_RENAMED', message, label }
}

/** Log odds by words that two sessions heard that their speaker is `letter`. */
export function oddsByWords(votes: ReadonlyMap<string, Votes> | undefined, letter: string): number {
  let total = 0
  for (const { ms } of votes?.values() ?? []) total += ms
  if (total === 0) return 0
  const share = (votes?.get(letter)?.ms ?? 0) / total
  return MOST_BY_WORDS * Math.min(1, total / ENOUGH_WORDS_MS) * (2 * share - 1)
}

/** The columns that are worth most to some row, as many as can be weighed. */
function likeliest(rows: readonly (readonly number[])[], count: number): number[] {
  const best = (column: number): number => Math.max(...rows.map((row) => row[column]!))
  return Array.from({ length: count }, (_, column) => column)
    .toSorted((a, b) => best(b) - best(a))
    .slice(0, MOST)
}
