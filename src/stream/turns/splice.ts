import type { Word } from '../../model.ts'

/** How far two sessions place the same word apart without that telling anything, ms. */
export const JITTER_MS = 180
/** The service lets the first word of a turn begin up to this early, ms. */
const EARLY_ONSET_MS = 990
/** And lets the last word of a turn end up to this late, ms. */
const LATE_END_MS = 1344
/** A word of which a session's audio has less than this before it may be heard in part, ms. */
const LEAD_MS = 400
/** Few words last longer, ms. */
export const ORDINARY_WORD_MS = 500
/** Words begin at least this far apart, ms. */
export const LEAST_WORD_MS = 60

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
export function plausibleLength(text: string): number {
  return 600 + 60 * Math.min(text.length, 20)
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
