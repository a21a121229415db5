import { CertaintyCount, type CertaintyState } from '../certainty.ts'
import type { Turn, Word } from '../model.ts'

/** Turns that can still be revised: as many as those of a session keep their place. */
const MOST_REVISABLE = 20_000
/** Speakers and languages that are told of, against a server that makes them up without end. */
const MOST_SPEAKERS = 1000
const MOST_LANGUAGES = 100
/** Audio on its way to a server and back, in ms: so much later than it was said is told that speech has begun. */
const ON_ITS_WAY_MS = 2000
/** Beginnings of speech that are kept; a server may tell of more than it makes turns of. */
const MOST_KEPT = 1000

/** What the final turns of a stream added up to in the run before. */
export interface TotalsBefore {
  turns: number
  /** In order of appearance. */
  speakers: readonly string[]
  /** These, and whom turns were of before they were revised; absent in what earlier versions wrote, where all are in `speakers`. */
  labels?: readonly string[]
  /** How many turns are of each language. */
  languages: Readonly<Record<string, number>>
  /** Absent where it was not counted then. */
  certainty?: CertaintyState
}

/** What the final turns of a stream add up to, each as it was last revised. */
export class TurnTotals {
  turns = 0
  /** Speakers of the turns that are not revised any more. */
  readonly #settled = new Set<string>()
  /** Speakers of each later turn, by its order. */
  readonly #revisable = new Map<number, readonly string[]>()
  /** Whom turns were ever of, also where they were revised since. */
  readonly #labels = new Set<string>()
  /** All speakers, until a turn changes that. */
  #speakers: Set<string> | undefined = new Set()
  /** The name of each speaker whom a voice book knows, by the turn that came last; none before there was one. */
  #names: Map<string, string> | undefined
  /** How many final turns are of each language. */
  readonly #languages = new Map<string, number>()
  /** How sure one may be of the words. */
  readonly certainty = new CertaintyCount()
  readonly #mostRevisable: number
  /** Whose run it is that came last; `null` where what came last was a turn, or nothing has come. */
  #lastOfRun: string | undefined | null = null

  /** Goes on with what turns added up to which are not revised any more. */
  resumeFrom({ turns, speakers, labels = speakers, languages, certainty }: TotalsBefore): void {
    this.turns = turns
    if (certainty !== undefined) this.certainty.resumeFrom(certainty)
    for (const speaker of speakers) this.#settled.add(speaker)
    for (const label of labels) this.#labels.add(label)
    this.#speakers = undefined
    for (const [language, count] of Object.entries(languages)) this.#languages.set(language, count)
  }

  constructor(mostRevisable = MOST_REVISABLE) {
    this.#mostRevisable = mostRevisable
  }

  /** Labels in order of appearance; channels where nobody on them is told apart. */
  get speakers(): string[] {
    if (this.#speakers === undefined) {
      this.#speakers = new Set(this.#settled)
      for (const labels of this.#revisable.values()) this.#include(labels, this.#speakers)
    }
    return [...this.#speakers]
  }

  /** Names of a voice book, by label; absent where it has had none for anybody. */
  get speakerNames(): Record<string, string> | undefined {
    return this.#names && Object.fromEntries(this.#names)
  }

  get languages(): string[] {
    return [...this.#languages].toSorted((a, b) => b[1] - a[1]).map(([language]) => language)
  }

  /** What a later run needs to go on. */
  get state(): TotalsBefore {
    const { turns, speakers, certainty } = this
    const [labels, languages] = [[...this.#labels], Object.fromEntries(this.#languages)]
    return { turns, speakers, labels, languages, certainty: certainty.state }
  }

  /** What is told of them while they come. */
  get facts() {
    const { turns, speakers, speakerNames, languages, certainty } = this
    const names = speakerNames !== undefined && { speakerNames }
    return { turns, speakers, languages, certainty: certainty.figures, ...names }
  }

  add(turn: Turn): void {
    const labels = speakersOf(turn)
    this.#lastOfRun = null
    for (const { speaker, speakerName } of [turn, ...turn.words]) this.#rename(speaker, speakerName)
    if (turn.revision === 0) {
      this.turns += 1
      this.certainty.add(turn.words)
      this.#countLanguage(turn.language)
    } else if (!isSame(labels, this.#revisable.get(turn.order))) {
      this.#speakers = undefined
    }
    this.#revisable.set(turn.order, labels)
    this.#include(labels, this.#labels)
    if (this.#speakers !== undefined) this.#include(labels, this.#speakers)
    if (this.#revisable.size <= this.#mostRevisable) return
    const [order, oldest] = this.#revisable.entries().next().value!
    this.#revisable.delete(order)
    this.#include(oldest, this.#settled)
  }

  /** Takes words that came in no turn, as in captions: a run of one speaker counts as one. */
  addRun(speaker: string | undefined, words: readonly Word[]): void {
    if (speaker !== this.#lastOfRun) this.turns += 1
    this.#lastOfRun = speaker
    for (const word of words) this.#rename(word.speaker ?? speaker, word.speakerName)
    if (speaker === undefined) return
    this.#include([speaker], this.#settled)
    if (this.#speakers !== undefined) this.#include([speaker], this.#speakers)
  }

  #include(labels: readonly string[], speakers: Set<string>): void {
    for (const label of labels) if (speakers.size < MOST_SPEAKERS) speakers.add(label)
  }

  #rename(speaker: string | undefined, name: string | undefined): void {
    if (speaker === undefined || (name === undefined && this.#names === undefined)) return
    this.#names ??= new Map()
    if (name === undefined) this.#names.delete(speaker)
    else if (this.#names.size < MOST_SPEAKERS || this.#names.has(speaker)) this.#names.set(speaker, name)
  }

  #countLanguage(language: string | undefined): void {
    if (language === undefined) return
    const before = this.#languages.get(language)
    if (before === undefined && this.#languages.size >= MOST_LANGUAGES) return
    this.#languages.set(language, (before ?? 0) + 1)
  }
}

/** Who says the words of a turn, each once: a word is its own speaker's, else its turn's, else only on a channel. */
function speakersOf({ words, speaker, channel }: Turn): string[] {
  const said = words.length > 0 ? words.map((word) => word.speaker ?? speaker ?? channel) : [speaker ?? channel]
  return [...new Set(said)].filter((label) => label !== undefined)
}

function isSame(labels: readonly string[], others: readonly string[] = []): boolean {
  return labels.length === others.length && labels.every((label, index) => label === others[index])
}

/**
 * How far a stream has come: where nobody speaks, up to where it was sent; where speech has begun of which the words are not
 * final, up to the last words that are. It never goes back.
 */
export class DonePosition {
  /** Where speech began that no final turn has reached, by the name of its channel: ms of the stream, no earlier than it was. */
  readonly #begun = new Map<string, number[]>()
  readonly #finalEnds = new Map<string, number>()
  #doneMs = 0

  /** Speech has begun, in audio that was sent up to `sentMs`. */
  begins(sentMs: number, channel = ''): void {
    const begun = this.#begun.get(channel) ?? []
    if (begun.length < MOST_KEPT) begun.push(sentMs - ON_ITS_WAY_MS)
    this.#begun.set(channel, begun)
  }

  /** Takes a turn, open or final. */
  turn({ start, end, endOfTurn, channel = '' }: Turn): void {
    const before = this.#begun.get(channel) ?? []
    if (!endOfTurn) {
      if (before.length === 0) this.#begun.set(channel, [start])
      return
    }
    const finalEnd = Math.max(end, this.#finalEnds.get(channel) ?? 0)
    this.#finalEnds.set(channel, finalEnd)
    this.#begun.set(
      channel,
      before.filter((ms) => ms >= finalEnd),
    )
  }

  /** Ms that are done of what was sent up to `sentMs`. */
  at(sentMs: number): number {
    let doneMs = sentMs
    for (const [channel, begun] of this.#begun) {
      if (begun.length > 0) doneMs = Math.min(doneMs, this.#finalEnds.get(channel) ?? 0)
    }
    return (this.#doneMs = Math.max(this.#doneMs, doneMs))
  }
}
