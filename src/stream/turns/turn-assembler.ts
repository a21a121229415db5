import type { Warning } from '../../errors.ts'
import { serialize, type Serialized, type Turn, deserialize, type Word } from '../../model.ts'
import { defined } from '../../options.ts'
import {
  speakerLabel,
  type SpeakerRevisionMessage,
  type TurnMessage,
  type TurnRevision,
  type WordMessage,
} from '../../protocol/messages.ts'
import { joinedTexts } from '../../scripts.ts'
import { ORDINARY_WORD_MS } from './splice.ts'

/** Finals that can still be revised, and revisions whose finals have not come, are kept up to this size; characters. */
const MOST_FINALS = 8_000_000
const MOST_EARLY = 2_000_000
/** As many turns of a session are open at once: one, and those whose finals are late. */
export const MOST_OPEN = 16
/** A final that has not come when the stream is final this far behind its turn does not come any more, ms. */
const LATE_FINAL_MS = 30_000

export interface TurnAssemblerOptions {
  sessionId: string
  toStream?: (ms: number) => number
  /** Ms of the stream up to which the session has heard. */
  heard?: () => number
  /** Whether an unformatted final is held back for the formatted one that follows it. */
  awaitFormatted?: boolean
}

/** Makes {@link Turn}s of one session's messages, in stream time. Keeps hours of finals for revisions of them. */
export class TurnAssembler {
  readonly #options: Required<TurnAssemblerOptions>
  readonly #finals = new Map<number, Serialized<Turn>>()
  #finalsSize = 0
  #forgotten = -1
  /** Revisions of turns whose final has not come yet. */
  readonly #early = new Map<number, Serialized<TurnRevision>>()
  #earlySize = 0
  #held: Turn | undefined
  /** The newest partial of each turn that is open, by its order. */
  readonly #open = new Map<number, Turn>()
  /** The last turn of which a final came. */
  #newest = -1
  #lastEnd: number

  constructor(options: TurnAssemblerOptions) {
    this.#options = { toStream: (ms) => ms, heard: () => 0, awaitFormatted: false, ...options }
    this.#lastEnd = this.#options.toStream(0)
  }

  /** Whether a final waits for its formatted form; the caller bounds the wait and then calls {@link release}. */
  get holding(): boolean {
    return this.#held !== undefined
  }

  /** What a Turn message adds: a partial, a final, a replacement, or nothing. In order of the stream. */
  turn(message: TurnMessage): Turn[] {
    const turn = this.#toTurn(message)
    const released = this.#held && this.#held.order !== turn.order ? this.release() : []
    const isEmpty = turn.words.length === 0 && turn.transcript.trim() === ''
    const open = this.#open.get(turn.order)
    if (turn.endOfTurn || isEmpty) this.#open.delete(turn.order)
    // An empty turn takes back what was open. An empty final can also follow Terminate, where it says nothing.
    if (isEmpty) return open ? [...released, withdrawn(open)] : released
    if (turn.order <= this.#forgotten && !this.#finals.has(turn.order)) return released
    if (!turn.endOfTurn) {
      if (this.#finals.has(turn.order) || this.#held) return released
      this.#open.set(turn.order, turn)
      return [...released, turn, ...this.#overdue()]
    }
    const earlier = this.#final(turn.order)
    if (this.#options.awaitFormatted && !turn.formatted && !earlier) {
      this.#held = turn
      return released
    }
    this.#held = undefined
    return [...released, ...this.#finish(turn, earlier), ...this.#overdue()]
  }

  /** The turns that a SpeakerRevision changes, each with a higher revision. Turns it leaves as they were are left out. */
  revision(message: SpeakerRevisionMessage): Turn[] {
    const released = this.release()
    return [...released, ...message.revisions.flatMap((revision) => this.#revise(revision))]
  }

  /** The final turns of these orders once more, each with a higher revision, as far as they are kept. */
  again(orders: readonly number[]): Turn[] {
    return orders.flatMap((order) => {
      const turn = this.#final(order)
      if (turn === undefined) return []
      const next = { ...turn, revision: turn.revision + 1 }
      this.#keep(next)
      return [next]
    })
  }

  /** The final that was held back, if any: no formatted one will come. */
  release(): Turn[] {
    const held = this.#held
    this.#held = undefined
    return held ? this.#finish(held, undefined) : []
  }

  /**
   * The turns that are still open when the session has ended: no finals of them will come.
   *
   * @param goesOn - whether another session hears again what is behind the last final, so that only turns before it count.
   */
  conclude(goesOn = false): Turn[] {
    const newest = goesOn ? this.#newest : Infinity
    return this.#giveUp((open) => open.order < newest)
  }

  /** The words of the turns that are open, from where to where, ms of the stream. */
  get openWords(): { start: number; end: number } | undefined {
    const turns = [...this.#open.values()].filter(({ words }) => words.length > 0)
    if (turns.length === 0) return undefined
    return { start: Math.min(...turns.map(({ start }) => start)), end: Math.max(...turns.map(({ end }) => end)) }
  }

  /** Turns that a later final has overtaken for so long that theirs will not come, or that are too many. */
  #overdue(): Turn[] {
    return this.#giveUp(
      ({ order, end }) => this.#open.size > MOST_OPEN || (order < this.#newest && end < this.#lastEnd - LATE_FINAL_MS),
    )
  }

  /** Gives out open turns as they are known, in order. */
  #giveUp(which: (open: Turn) => boolean): Turn[] {
    return [...this.#open.values()]
      .toSorted((a, b) => a.order - b.order)
      .flatMap((open) => {
        if (!which(open)) return []
        this.#open.delete(open.order)
        const words = open.words.map((word) => withSpeaker({ ...word, final: true }, word.speaker))
        return this.#finish({ ...open, words, endOfTurn: true, unconfirmed: true }, undefined)
      })
  }

  #finish(turn: Turn, earlier: Turn | undefined): Turn[] {
    if (earlier && sameContent(earlier, turn)) return []
    this.#newest = Math.max(this.#newest, turn.order)
    // One that lies over the middle of an earlier turn has its words: the server has numbered it anew. It may begin early.
    const from = Math.max(turn.start, (turn.words[0]?.end ?? 0) - ORDINARY_WORD_MS)
    for (const [order, { start, end }] of this.#open) {
      const middle = (start + end) / 2
      if (order < turn.order && from <= middle && turn.end >= middle) this.#open.delete(order)
    }
    let final: Turn = earlier ? { ...turn, revision: earlier.revision + 1 } : turn
    const early = this.#early.get(turn.order)
    if (early) {
      this.#early.delete(turn.order)
      this.#earlySize -= early.length
      const { speaker: _, ...rest } = final
      final = { ...rest, ...labels(deserialize(early), final, this.#options.toStream) }
    }
    this.#keep(final)
    this.#lastEnd = Math.max(this.#lastEnd, final.end)
    return [final]
  }

  #revise(revision: TurnRevision): Turn[] {
    const turn = this.#final(revision.turn_order)
    if (!turn) {
      // May name a turn whose final is still on its way; bounded against a server that names turns without end.
      const early = serialize(revision)
      this.#earlySize += early.length - (this.#early.get(revision.turn_order)?.length ?? 0)
      this.#early.set(revision.turn_order, early)
      this.#earlySize -= dropOldest(this.#early, this.#earlySize - MOST_EARLY).size
      return []
    }
    const { speaker: _, ...rest } = turn
    const revised: Turn = { ...rest, ...labels(revision, turn, this.#options.toStream), revision: turn.revision + 1 }
    if (sameContent(turn, revised)) return []
    this.#keep(revised)
    return [revised]
  }

  #keep(turn: Turn): void {
    const packed = serialize(turn)
    this.#finalsSize += packed.length - (this.#finals.get(turn.order)?.length ?? 0)
    this.#finals.set(turn.order, packed)
    const { size, last } = dropOldest(this.#finals, this.#finalsSize - MOST_FINALS)
    this.#finalsSize -= size
    this.#forgotten = Math.max(this.#forgotten, last)
  }

  #final(order: number): Turn | undefined {
    const kept = this.#finals.get(order)
    return kept === undefined ? undefined : deserialize(kept)
  }

  /** The final of a turn as far as it has come. */
  #known(order: number): Turn | undefined {
    return this.#held?.order === order ? this.#held : this.#final(order)
  }

  #toTurn(message: TurnMessage): Turn {
    const { sessionId, toStream, heard } = this.#options
    const words = message.words.map((word) => toWord(word, toStream, message.end_of_turn))
    const speaker = speakerLabel(message.speaker_label)
    // A text without words is of what was heard since the last turn; its formatted form is of the same.
    const wordless = (words.length === 0 ? this.#known(message.turn_order) : undefined) ?? {
      start: this.#lastEnd,
      end: Math.max(this.#lastEnd, heard()),
    }
    return {
      sessionId,
      order: message.turn_order,
      revision: 0,
      endOfTurn: message.end_of_turn,
      formatted: message.turn_is_formatted,
      // Some models leave the transcript empty while a word is still open.
      transcript: message.transcript || joinedTexts(words.map((word) => word.text)),
      ...defined({ speaker }),
      words,
      start: words[0]?.start ?? wordless.start,
      end: words.reduce((end, word) => Math.max(end, word.end), words[0]?.end ?? wordless.end),
      ...(message.language_code ? { language: message.language_code } : {}),
    }
  }
}

/** Tells of a turn that was given out without a final of the server. */
export function turnUnconfirmed({ order, words, start, end }: Turn): Warning {
  const message =
    'the server made no final turn of one that was open; its words ' +
    `(${words.length}, from ${(start / 1000).toFixed(3)} s) are given as they were known, and may be wrong or incomplete`
  return { code: 'TURN_UNCONFIRMED', message, order, words: words.length, start, end }
}

/** Says that nothing is left of a turn that was open: a partial without words. */
export function withdrawn(open: Turn): Turn {
  const { speaker: _, ...rest } = open
  return { ...rest, transcript: '', words: [], end: open.start }
}

function toWord(word: WordMessage, toStream: (ms: number) => number, final: boolean): Word {
  const { text, start, end, confidence, speaker, word_is_final: isFinal } = word
  const placed = { text, start: toStream(start), end: toStream(end), final: final || isFinal }
  return withSpeaker(confidence === undefined ? placed : { ...placed, confidence }, speakerLabel(speaker))
}

/** The labels a revision gives to `turn`; its words are taken only where they are the same words. */
function labels(revision: TurnRevision, turn: Turn, toStream: (ms: number) => number): Pick<Turn, 'speaker' | 'words'> {
  const speaker = speakerLabel(revision.speaker_label)
  const sameWords = revision.words.length === turn.words.length
  return {
    ...defined({ speaker }),
    words: sameWords
      ? turn.words.map((word, index) => withSpeaker(word, speakerLabel(revision.words[index]?.speaker)))
      : revision.words.length > 0
        ? relabelByTime(revision.words, turn.words, toStream)
        : turn.words,
  }
}

/** Where a revision lists other words than the final, each word takes the label of the listed word it overlaps most. */
function relabelByTime(revised: WordMessage[], words: Word[], toStream: (ms: number) => number): Word[] {
  return words.map((word) => {
    let best: WordMessage | undefined
    let bestOverlap = 0
    for (const candidate of revised) {
      const overlap = Math.min(word.end, toStream(candidate.end)) - Math.max(word.start, toStream(candidate.start))
      if (overlap > bestOverlap) [best, bestOverlap] = [candidate, overlap]
    }
    const speaker = best && speakerLabel(best.speaker)
    return speaker === undefined ? word : withSpeaker(word, speaker)
  })
}

function sameContent(a: Turn, b: Turn): boolean {
  return (
    a.transcript === b.transcript &&
    a.speaker === b.speaker &&
    a.formatted === b.formatted &&
    a.words.length === b.words.length &&
    a.words.every((word, index) => {
      const other = b.words[index] as Word
      return (
        word.text === other.text &&
        word.start === other.start &&
        word.end === other.end &&
        word.speaker === other.speaker
      )
    })
  )
}

/** Drops the first entries of a map, `excess` characters of them, but never the last one; tells how many went, and the highest key. */
function dropOldest(map: Map<number, string>, excess: number): { size: number; last: number } {
  let [size, last] = [0, -1]
  for (const [key, { length }] of map) {
    if (size >= excess || map.size === 1) break
    map.delete(key)
    size += length
    last = Math.max(last, key)
  }
  return { size, last }
}

/**
 * A word with this speaker, or none; field by field, since V8 gives the rest of an object a hidden class of its own.
 */
export function withSpeaker(word: Omit<Word, 'speaker'>, speaker: string | undefined): Word {
  const { text, start, end, confidence, final } = word
  if (confidence === undefined) {
    return speaker === undefined ? { text, start, end, final } : { text, start, end, final, speaker }
  }
  if (speaker === undefined) return { text, start, end, confidence, final }
  return { text, start, end, confidence, final, speaker }
}
