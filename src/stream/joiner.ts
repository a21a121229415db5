import { serialize, type Serialized, type Turn, deserialize, type Word } from '../model.ts'
import type { SpeakerRevisionMessage, TurnMessage } from '../protocol/messages.ts'
import { joinedTexts } from '../scripts.ts'
import type { LabelMap } from './speakers.ts'
import { TurnAssembler, type TurnAssemblerOptions, withdrawn, withSpeaker } from './turn-assembler.ts'

/** Turns of a session that may be open at once: one, and those whose finals are late. */
const MOST_OPEN = 16
/** As many turns of a session keep their place, for revisions of them. */
const MOST_PLACED = 20_000

/** How one session's final turn became a turn of the stream. */
interface Placement {
  order: number
  /** Words at its start that were final before, of how many, and where the first one behind them begins; ms of the stream. */
  cut: number
  of: number
  from: number
}

/** Is given words that are final. */
export type HearWords = (words: readonly Word[]) => void

/** The orders of a stream's turns; all sessions count on. */
export interface Orders {
  next: number
}

/**
 * One session's turns as turns of the stream: less what was final before, in rising order, with the stream's letters.
 */
export class TurnJoiner {
  readonly #assembler: TurnAssembler
  readonly #labels: LabelMap
  readonly #orders: Orders
  /** The last turn of the session whose final has come. */
  #passed = -1
  readonly #placements = new Map<number, Placement>()
  /** What was final when this session took over, and where the session began to hear, ms of the stream. */
  readonly #before: { turns: Word[][]; end: number; from: number }
  /** Turns of the session by the labels in them that may still get other letters. */
  readonly #open = new Map<string, Set<number>>()
  readonly #heard: HearWords
  /** The session's final turns so far, as long as they may lie in what was final before. */
  #again: Word[][] = []
  /** Partials that went out, by their turn of the session, as long as it is open. */
  readonly #shown = new Map<number, Turn>()
  /** The first turn of the session that goes beyond what was final before, as all later ones do. */
  #newFrom: number

  /** @param heard - is given the words of each final turn that are new, with the labels of the session. */
  constructor(
    options: TurnAssemblerOptions,
    labels: LabelMap,
    before: FinalWords,
    orders: Orders,
    heard: HearWords = () => {},
  ) {
    this.#heard = heard
    this.#assembler = new TurnAssembler(options)
    this.#labels = labels
    this.#orders = orders
    this.#before = { turns: before.turns, end: before.end, from: options.toStream?.(0) ?? 0 }
    this.#newFrom = before.any ? Infinity : -Infinity
  }

  get holding(): boolean {
    return this.#assembler.holding
  }

  /** Labels of the session and the letters they stand for, so far. */
  get mapping(): Record<string, string> {
    return this.#labels.mapping
  }

  /** A label of the server that is none of the protocol's letters and got one, if any did. */
  get foreignLabel(): string | undefined {
    return this.#labels.foreign
  }

  turn(message: TurnMessage): Turn[] {
    if (message.end_of_turn) this.#passed = Math.max(this.#passed, message.turn_order)
    return this.#withChanged(this.#assembler.turn(message).flatMap((turn) => this.#place(turn)))
  }

  revision(message: SpeakerRevisionMessage): Turn[] {
    return this.#withChanged(this.#assembler.revision(message).flatMap((turn) => this.#place(turn)))
  }

  release(): Turn[] {
    return this.#withChanged(this.#assembler.release().flatMap((turn) => this.#place(turn)))
  }

  /** The words of the turns that are open, from where to where, ms of the stream. */
  get openWords(): { start: number; end: number } | undefined {
    return this.#assembler.openWords
  }

  /** The session has ended: the turns that are still open, but for what the next session hears, where it `goesOn`. */
  conclude(goesOn = false): Turn[] {
    const released = this.release()
    return [...released, ...this.#withChanged(this.#assembler.conclude(goesOn).flatMap((turn) => this.#place(turn)))]
  }

  /** Turns whose labels have become those of others, each with a higher revision. */
  relabel(): Turn[] {
    return this.#withChanged([])
  }

  #withChanged(turns: Turn[]): Turn[] {
    const changed = this.#labels.takeChanged()
    const orders = new Set(changed.flatMap((label) => [...(this.#open.get(label) ?? [])]))
    const sorted = [...orders].toSorted((a, b) => a - b)
    const again = this.#assembler.again(sorted).flatMap((turn) => this.#place(turn))
    for (const label of this.#open.keys()) if (!this.#labels.isOpen(label)) this.#open.delete(label)
    return [...turns, ...again]
  }

  /** Remembers a final turn by those of its labels that may still get other letters. */
  #watch({ order, speaker, words }: Turn): void {
    for (const label of new Set([speaker, ...words.map((word) => word.speaker)])) {
      if (label === undefined || !this.#labels.isOpen(label)) continue
      this.#open.set(label, (this.#open.get(label) ?? new Set()).add(order))
    }
  }

  /** A turn in the stream; where nothing is left of one of which a partial went out, that is taken back. */
  #place(turn: Turn): Turn[] {
    const placed = this.#placed(turn)
    const shown = this.#shown.get(turn.order)
    const [now] = placed
    if (now !== undefined && !now.endOfTurn && !isWithdrawn(now)) this.#show(turn.order, now)
    else this.#shown.delete(turn.order)
    // A final that has its order by now has replaced it.
    const isLeft = placed.length === 0 && shown !== undefined && shown.order >= this.#orders.next
    return isLeft ? [withdrawn(shown)] : placed
  }

  #show(order: number, partial: Turn): void {
    this.#shown.set(order, partial)
    if (this.#shown.size > MOST_OPEN) this.#shown.delete(this.#shown.keys().next().value!)
  }

  #placed(turn: Turn): Turn[] {
    // A revision of a turn that was cut away whole.
    if (turn.revision > 0 && !this.#placements.has(turn.order)) return []
    const cut = this.#cut(turn)
    const words = turn.words.slice(cut)
    // A revision that cannot be cut where the turn was.
    if (turn.revision > 0 && words.length === 0 && this.#placements.get(turn.order)!.cut > 0) return []
    if (words.length === 0 && !isWithdrawn(turn) && (cut > 0 || this.#repeated(turn))) return []
    const isNew = turn.endOfTurn && !this.#placements.has(turn.order)
    const placed = { ...this.#labelled(turn, words, cut), order: this.#order(turn, cut) }
    if (isNew) this.#heard(words)
    if (turn.endOfTurn) this.#watch(turn)
    return [placed]
  }

  /** The order in the stream: finals have theirs as they come, and a partial the one that its final is expected to have. */
  #order(turn: Turn, cut: number): number {
    const placed = this.#placements.get(turn.order)
    const of = turn.words.length
    if (placed !== undefined) {
      this.#placements.set(turn.order, { ...placed, cut, of })
      return placed.order
    }
    // The final of an earlier turn may come after the first partial of this one.
    const open = turn.order - this.#passed - 1
    if (!turn.endOfTurn) return this.#orders.next + (open > 0 && open <= MOST_OPEN ? open : 0)
    this.#newFrom = Math.min(this.#newFrom, turn.order)
    const order = this.#orders.next
    this.#orders.next += 1
    this.#placements.set(turn.order, { order, cut, of, from: turn.words[cut]?.start ?? turn.start })
    if (this.#placements.size > MOST_PLACED) this.#placements.delete(this.#placements.keys().next().value!)
    return order
  }

  /** How many words at the start of `turn` were final before this session. */
  #cut(turn: Turn): number {
    const placed = this.#placements.get(turn.order)
    // The words of a final do not change any more, but for those that are formatted; those of a partial do.
    if (placed && turn.revision > 0) return cutAgain(turn.words, placed)
    // A text without words is taken whole, or not at all.
    if (turn.order >= this.#newFrom || turn.words.length === 0) return 0
    const { turns, from } = this.#before
    const found = splice([...this.#again, turn.words], turns, from)
    const cut = Math.max(0, found.first - this.#again.flat().length)
    if (turn.endOfTurn) this.#settle(turn, found)
    return cut
  }

  /** Takes in a final turn, as far as it may lie in what was final before. */
  #settle({ order, words }: Turn, { complete, pairs }: Splice): void {
    const present = new Set(words)
    for (const { before, again } of pairs) if (present.has(again)) this.#vote(before, again)
    if (complete) this.#newFrom = Math.min(this.#newFrom, order)
    else this.#again.push(words)
  }

  /** Whether a turn without words lies in what was final before. */
  #repeated(turn: Turn): boolean {
    return turn.order < this.#newFrom && (turn.start + turn.end) / 2 <= this.#before.end
  }

  #vote(before: Word, { speaker, text, start, end }: Word): void {
    if (speaker === undefined || before.speaker === undefined) return
    this.#labels.vote(speaker, before.speaker, Math.max(1, Math.min(end - start, plausibleLength(text))))
  }

  #labelled(turn: Turn, words: readonly Word[], cut: number): Turn {
    // A partial is too early to say who a new label is.
    const letter = (label: string): string | undefined =>
      turn.endOfTurn ? this.#labels.letter(label, turn.end) : this.#labels.known(label)
    const { speaker: label, ...rest } = turn
    const named = words.map((word) => withSpeaker(word, word.speaker === undefined ? undefined : letter(word.speaker)))
    const speaker = cut > 0 ? mostHeard(named) : label === undefined ? undefined : letter(label)
    return {
      ...rest,
      words: named,
      ...(cut > 0 && {
        transcript: joinedTexts(named.map(({ text }) => text)),
        start: (named[0] as Word).start,
        end: Math.max(...named.map(({ end }) => end)),
      }),
      ...(speaker === undefined ? {} : { speaker }),
    }
  }
}

/** Whether a turn says that nothing is left of what was open. */
function isWithdrawn({ endOfTurn, transcript, words }: Turn): boolean {
  return !endOfTurn && transcript === '' && words.length === 0
}

/** How many words of a turn to cut whose final was cut; all where one word says what was cut and what was not. */
function cutAgain(words: readonly Word[], { cut, of, from }: Placement): number {
  if (cut === 0 || words.length === of) return cut
  const first = words.findIndex(({ start }) => start > from - LEAST_WORD_MS)
  const before = words[first - 1]
  return first < 0 || (before !== undefined && before.end > from + JITTER_MS) ? words.length : first
}

function mostHeard(words: readonly Word[]): string | undefined {
  const heard = new Map<string, number>()
  for (const { speaker, start, end } of words) {
    if (speaker !== undefined) heard.set(speaker, (heard.get(speaker) ?? 0) + end - start + 1)
  }
  return [...heard].toSorted(([, a], [, b]) => b - a)[0]?.[0]
}

/** How far two sessions place the same word apart without that telling anything, ms. */
const JITTER_MS = 180
/** The service lets the first word of a turn begin up to this early, ms. */
const EARLY_ONSET_MS = 990
/** And lets the last word of a turn end up to this late, ms. */
const LATE_END_MS = 1344
/** A word of which a session's audio has less than this before it may be heard in part, ms. */
const LEAD_MS = 400
/** Few words last longer, ms. */
const ORDINARY_WORD_MS = 500
/** Words begin at least this far apart, ms. */
const LEAST_WORD_MS = 60

/** Logarithms of odds, roughly: what each kind of difference between two sessions costs. */
const OTHER_TEXT = 2
const RARITY = 0.5
const UNHEARD = 4.5
const UNHEARD_NEXT = 1
const ADDED = 4
const ADDED_AT_START = 2.5
const NEW = 1

/** As many words as are compared, against a server that sends them without end. */
const MOST_TAIL = 400
const MOST_WORDS = 1000

/** Where a session's turns go beyond what was final before. */
export interface Splice {
  first: number
  /** Whether the last word that was final has been found or passed: every later turn is new. */
  complete: boolean
  /** Words that were final before and the same words as this session heard them, as far as it did. */
  pairs: { before: Word; again: Word }[]
}

/** A word and where in its turn it stands, on which it depends how far its times can be trusted. */
interface Placed {
  word: Word
  plain: string
  first: boolean
  last: boolean
  /** What it tells that two words have this text: little where every second one has. */
  rarity: number
}

/** Longest plausible word in ms. The service lets the last word of a turn end up to 1.3 s late. */
function plausibleLength(text: string): number {
  return 600 + 60 * Math.min(text.length, 20)
}

/** Shortest plausible word in ms: somebody who speaks fast says a letter in 40 ms. */
function leastLength(text: string): number {
  return 80 + 40 * Math.min(text.length, 20)
}

/**
 * Finds where a session that hears a stretch again goes beyond what was final. All words are aligned, text and times
 * together: two sessions may place a word differently, hear another, add or miss one, and cut turns elsewhere.
 */
export function splice(
  turns: readonly (readonly Word[])[],
  before: readonly (readonly Word[])[],
  from: number,
): Splice {
  const heard = placed(turns).slice(0, MOST_WORDS)
  const tail = placed(before)
    .slice(-MOST_TAIL)
    .filter(({ word }) => word.end > from - EARLY_ONSET_MS)
  weigh(heard, tail)
  const last = tail.at(-1)
  if (last === undefined) return { first: 0, complete: true, pairs: [] }
  const table = align(heard, tail, from)
  const { first, reached } = table.best((index) => newCost(heard[index]!, last))
  return { first, complete: reached === tail.length, pairs: table.pairs(first, reached) }
}

function placed(turns: readonly (readonly Word[])[]): Placed[] {
  return turns.flatMap((words) =>
    words.map((word, index) => ({
      word,
      plain: plain(word.text),
      first: index === 0,
      last: index === words.length - 1,
      rarity: 0,
    })),
  )
}

/** Says of every text how rare it is among the words that are compared. */
function weigh(heard: readonly Placed[], tail: readonly Placed[]): void {
  const counts = new Map<string, number>()
  for (const { plain } of [...heard, ...tail]) counts.set(plain, (counts.get(plain) ?? 0) + 1)
  const total = heard.length + tail.length
  for (const word of tail) word.rarity = Math.log(total / counts.get(word.plain)!) * RARITY
}

/** Text of a word without what formatting adds; of a mere sign, the sign. */
function plain(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{Letter}\p{Number}]/gu, '') || text
}

/** How a cell of an alignment was reached. */
const PAIR = 1
const ADDED_STEP = 2
/** The session began to hear behind it. */
const BEFORE = 3

/** The cheapest alignments of all beginnings; costs are affine: who misses one word is likely to miss the next. */
function align(heard: readonly Placed[], tail: readonly Placed[], from: number) {
  const width = tail.length + 1
  const size = (heard.length + 1) * width
  const last = tail.at(-1)!
  /** Costs of the alignments that end with a word heard, and of those that end with one unheard. */
  const costs = new Float64Array(size).fill(Infinity)
  const unheard = new Float64Array(size).fill(Infinity)
  const steps = new Uint8Array(size)
  /** Whether the alignment before one that ends with a word unheard ends so, too. */
  const extendsGap = new Uint8Array(size)
  costs[0] = 0
  const least = (cell: number): number => Math.min(costs[cell]!, unheard[cell]!)
  for (let row = 0; row <= heard.length; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const cell = row * width + column
      if (row > 0 && column > 0) {
        const cost = least(cell - width - 1) + pairCost(heard[row - 1]!, tail[column - 1]!)
        if (cost < costs[cell]!) [costs[cell], steps[cell]] = [cost, PAIR]
      }
      // Behind the last word that was final there are only new ones.
      if (row > 0 && column < width - 1) {
        const cost = least(cell - width) + addedCost(heard[row - 1]!, row === 1, last, from)
        if (cost < costs[cell]!) [costs[cell], steps[cell]] = [cost, ADDED_STEP]
      }
      if (column > 0) {
        const one = costs[cell - 1]! + UNHEARD
        const next = unheard[cell - 1]! + UNHEARD_NEXT
        unheard[cell] = Math.min(one, next)
        extendsGap[cell] = next < one ? 1 : 0
        // What lies before the first word heard may lie before the session.
        const missed = UNHEARD * likelyHeard(tail[column - 1]!, from)
        if (row === 0 && missed < UNHEARD) [costs[cell], steps[cell]] = [costs[cell - 1]! + missed, BEFORE]
      }
    }
  }
  return {
    /** The most likely split: how many words are not new, and how many of the tail they cover. */
    best(newCostOf: (index: number) => number): { first: number; reached: number } {
      let [first, reached, cheapest] = [0, 0, Infinity]
      // The turn may end before the tail does: what lies behind it comes later.
      const now = heard.at(-1)?.word.start ?? 0
      const passed = tail.map(({ word, first }) => word.start + (first ? EARLY_ONSET_MS : 0) + JITTER_MS < now)
      for (let column = 0; column < width; column += 1) {
        const skipped = passed.slice(column).filter(Boolean).length
        const missing = skipped > 0 ? UNHEARD + UNHEARD_NEXT * (skipped - 1) : 0
        const cost = costs[heard.length * width + column]! + missing
        if (cost <= cheapest) [first, reached, cheapest] = [heard.length, column, cost]
      }
      for (let row = 0; row < heard.length; row += 1) {
        const cost = least(row * width + width - 1) + newCostOf(row) + NEW * (heard.length - row)
        if (cost < cheapest) [first, reached, cheapest] = [row, width - 1, cost]
      }
      return { first, reached }
    },

    pairs(first: number, reached: number): { before: Word; again: Word }[] {
      const pairs: { before: Word; again: Word }[] = []
      let [row, column] = [first, reached]
      const isMissing = (cell: number): boolean => unheard[cell]! < costs[cell]!
      let missing = isMissing(row * width + column)
      while (row > 0 || column > 0) {
        const cell = row * width + column
        if (missing) {
          missing = extendsGap[cell] === 1
          column -= 1
          continue
        }
        const step = steps[cell]
        if (step === PAIR) pairs.push({ before: tail[column - 1]!.word, again: heard[row - 1]!.word })
        if (step !== ADDED_STEP) column -= 1
        if (step !== BEFORE) row -= 1
        missing = isMissing(row * width + column)
      }
      return pairs.toReversed()
    },
  }
}

/** How likely a session that begins at `from` hears a word whole, from 0 to 1. */
function likelyHeard({ word, first, last }: Placed, from: number): number {
  const start = first && !last ? Math.max(word.start, word.end - ORDINARY_WORD_MS) : word.start
  return Math.max(0, Math.min(1, (start - from) / (2 * JITTER_MS) + 0.5))
}

/** What it costs that two sessions heard the same word so. */
function pairCost(again: Placed, before: Placed): number {
  const start = timeCost(
    again.word.start - before.word.start,
    again.first ? EARLY_ONSET_MS : 0,
    before.first ? EARLY_ONSET_MS : 0,
  )
  const end = timeCost(again.word.end - before.word.end, before.last ? LATE_END_MS : 0, again.last ? LATE_END_MS : 0)
  return Math.max(start, end) + (again.plain === before.plain ? -before.rarity : OTHER_TEXT)
}

/** @param below - by how much `apart` may be below 0, and `above` above, beside the jitter, ms. */
function timeCost(apart: number, below: number, above: number): number {
  const slack = apart < 0 ? below : above
  const beyond = Math.abs(apart) - slack
  const tolerated = Math.min(Math.abs(apart), slack) / 1400
  return tolerated + (beyond <= JITTER_MS ? Math.max(0, beyond) / JITTER_MS : 1 + (beyond - JITTER_MS) / 60)
}

/** What it costs that a session heard a word within what was final which the one before did not hear. */
function addedCost({ word }: Placed, atStart: boolean, last: Placed, from: number): number {
  const end = last.word.start + (last.first ? EARLY_ONSET_MS : 0) + plausibleLength(last.word.text)
  const beyond = word.start - Math.min(end, last.word.end)
  // A word may begin early in its turn, never late.
  if (beyond > JITTER_MS) return Infinity
  return (atStart && word.start < from + LEAD_MS ? ADDED_AT_START : ADDED) + Math.max(0, beyond) / JITTER_MS
}

/** What it costs that a word is the first one behind the last that was final. */
function newCost({ word, first }: Placed, last: Placed): number {
  const least = last.word.start + LEAST_WORD_MS
  return first
    ? timeCost(Math.min(0, word.end - least), 0, 0) + timeCost(Math.min(0, word.start - least), EARLY_ONSET_MS, 0)
    : timeCost(Math.min(0, word.start - least), 0, 0)
}

/** As many characters of turns are kept at most, whatever times they have. */
const MOST_SIZE = 4_000_000
/** Audio before a word that it takes to hear it, ms. */
const WORD_LEAD_MS = 800

/** How far the stream is final, as far as that can be trusted, and the words before it that may be heard again. */
export class FinalWords {
  readonly #keepMs: number
  #turns: { order: number; start: number; end: number; words: Serialized<Word[]> }[] = []
  #size = 0
  /** End of the last final word in ms of the stream; 0 before the first. */
  end = 0
  /** Where that word ends at the earliest, if its end is late: another may lie there. */
  leastEnd = 0
  /** From where the next session is to hear at the latest, until something new is final; ms of the stream. */
  context = Infinity
  #lastStart = 0

  constructor(keepMs: number) {
    this.#keepMs = keepMs
  }

  /** From where a later session must hear, with `overlap` ms of what is final: from the last word at the latest. */
  hearFrom(overlap: number): number {
    return Math.min(this.end - overlap, this.#lastStart - WORD_LEAD_MS, this.context)
  }

  get turns(): Word[][] {
    return this.#turns.map(({ words }) => deserialize(words))
  }

  get any(): boolean {
    return this.#turns.length > 0
  }

  /** Takes in a final turn, or its revision, which makes nothing final beyond what was `heard`. */
  add(turn: Turn, heard = Infinity): void {
    const { order, end } = turn
    const index = this.#turns.findIndex((one) => one.order === order)
    if (index < 0 && turn.revision > 0) return
    const kept = { order, start: turn.start, end, words: serialize(turn.words) }
    if (index >= 0) {
      this.#size += kept.words.length - this.#turns[index]!.words.length
      this.#turns[index] = kept
      return
    }
    this.context = Infinity
    // One whose final comes late has its place before those that begin behind it.
    const sure = plausibleEnd(turn)
    this.#turns.splice(this.#turns.findLastIndex((one) => one.start <= sure) + 1, 0, kept)
    this.#size += kept.words.length
    const start = turn.words.at(-1)?.start ?? end
    this.end = Math.max(this.end, Math.min(sure, heard))
    this.leastEnd = Math.max(this.leastEnd, Math.min(leastEnd(turn), this.end))
    this.#lastStart = Math.max(this.#lastStart, Math.min(start, this.end))
    const oldest = this.end - this.#keepMs
    while (this.#turns.length > 1 && (this.#turns[0]!.end < oldest || this.#size > MOST_SIZE)) {
      this.#size -= this.#turns.shift()!.words.length
    }
  }
}

/** Where the last word of a turn ends, which the service may say a second too late. */
function plausibleEnd({ words, end }: Turn): number {
  if (words.length === 0) return end
  return words.reduce((most, word) => Math.max(most, Math.min(word.end, word.start + plausibleLength(word.text))), 0)
}

/** Where the last word ends at the earliest, if its end is late; the first of a turn may begin early instead. */
function leastEnd(turn: Turn): number {
  const last = turn.words.at(-1)
  if (last === undefined || turn.words.length === 1 || last.end - last.start <= ORDINARY_WORD_MS) return Infinity
  return Math.max(last.start + leastLength(last.text), turn.words.at(-2)!.end)
}
