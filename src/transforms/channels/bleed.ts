import { meanSquare } from '../../audio/pcm.ts'
import type { Turn, Word } from '../../model.ts'
import { joinedTexts } from '../../scripts.ts'
import type { WireFormat } from '../diarize-input.ts'

/** Two channels place the same word at most so far apart, ms. */
export const SAME_WORD_MS = 300
/** Turns whose dropped words are known, so that a revision does not bring them back. */
const MOST_TURNS = 20_000

/** How loud a channel was from `start` to `end` in ms; `undefined` where that is not known. */
export type Level = (channel: number, start: number, end: number) => number | undefined

type HeardWord = Pick<Word, 'text' | 'start' | 'end'>

/** Whether two channels heard the same word: the same text, but for case and punctuation, at the same time. */
export function isSameWord(one: HeardWord, other: HeardWord): boolean {
  if (Math.abs(one.start - other.start) > SAME_WORD_MS) return false
  if (one.start > other.end || other.start > one.end) return false
  const text = plain(one.text)
  return text !== '' && text === plain(other.text)
}

/** Whether `word` came from a channel that heard it louder; of two equal ones the first is right. */
export function isBleed(word: HeardWord, channel: number, heard: HeardWord, other: number, level: Level): boolean {
  if (!isSameWord(word, heard)) return false
  const start = Math.min(word.start, heard.start)
  const end = Math.max(word.end, heard.end)
  const here = level(channel, start, end)
  const there = level(other, start, end)
  if (here === undefined || there === undefined) return false
  return there > here || (there === here && other < channel)
}

/** `turn` without the words for which `drop` holds; `undefined` where none is left. Without any, it is `turn` itself. */
export function withoutWords(turn: Turn, drop: (word: Word) => boolean): Turn | undefined {
  const words = turn.words.filter((word) => !drop(word))
  if (words.length === turn.words.length) return turn
  const [first] = words
  if (first === undefined) return undefined
  return {
    ...turn,
    words,
    transcript: joinedTexts(words.map(({ text }) => text)),
    start: first.start,
    end: words.reduce((end, word) => Math.max(end, word.end), first.end),
  }
}

/** Takes words out of turns that another channel heard louder at the same time. */
export class BleedFilter {
  readonly #level: Level
  readonly #keepMs: number
  /** Final words of each channel, in order, for a bounded time back. */
  readonly #heard: HeardWord[][]
  /** Starts of the words that were dropped of the turns of each channel, by their orders on it. */
  readonly #dropped: Map<number, Set<number>>[]

  /** @param keepMs - how far back words are compared. */
  constructor(channels: number, keepMs: number, level: Level) {
    this.#level = level
    this.#keepMs = keepMs
    this.#heard = Array.from({ length: channels }, () => [])
    this.#dropped = Array.from({ length: channels }, () => new Map())
  }

  /** Takes note of a final turn, as soon as it is known. */
  hear(channel: number, turn: Turn): void {
    const heard = this.#heard[channel]!
    for (const { text, start, end } of turn.words) heard.push({ text, start, end })
    const oldest = turn.end - this.#keepMs
    // A whole minute at a time: moving the rest for every turn would cost more than it frees.
    if ((heard[0]?.end ?? oldest) < oldest - 60_000) heard.splice(0, firstAfter(heard, oldest))
  }

  /** What is left of a final turn of a channel, or of its revision; `undefined` where that is nothing. */
  filter(channel: number, turn: Turn): Turn | undefined {
    const known = this.#dropped[channel]!
    if (turn.revision > 0) {
      const dropped = known.get(turn.order)
      return dropped === undefined ? turn : withoutWords(turn, ({ start }) => dropped.has(start))
    }
    const dropped = new Set(turn.words.filter((word) => this.#isBleed(channel, word)).map(({ start }) => start))
    if (dropped.size === 0) return turn
    known.set(turn.order, dropped)
    if (known.size > MOST_TURNS) known.delete(known.keys().next().value!)
    return withoutWords(turn, ({ start }) => dropped.has(start))
  }

  #isBleed(channel: number, word: Word): boolean {
    return this.#heard.some((heard, other) => {
      if (other === channel) return false
      for (let at = firstAfter(heard, word.start - SAME_WORD_MS); at < heard.length; at++) {
        const candidate = heard[at]!
        if (candidate.start > word.start + SAME_WORD_MS) return false
        if (isBleed(word, channel, candidate, other, this.#level)) return true
      }
      return false
    })
  }
}

function firstAfter(words: readonly HeardWord[], ms: number): number {
  let low = 0
  let high = words.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (words[middle]!.start < ms) low = middle + 1
    else high = middle
  }
  return low
}

/** Text of a word without what formatting adds. */
function plain(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Mark}\p{Number}]/gu, '')
}

/** How loud each channel was, frame by frame, for a bounded time back. A frame of 50 ms takes four bytes a channel. */
export class LevelHistory {
  readonly #frameMs: number
  readonly #size: number
  /** Mean squares of the last frames of each channel, each at its number modulo the size. */
  readonly #squares: Float32Array[]
  readonly #encoding: WireFormat['encoding']
  readonly #first: number
  #frames: number

  /**
   * @param frameMs - length of a frame; may be fractional.
   * @param keepMs - how far back levels are known.
   * @param first - number of the first frame that comes.
   */
  constructor(channels: number, frameMs: number, keepMs: number, encoding: WireFormat['encoding'], first = 0) {
    this.#first = this.#frames = first
    this.#frameMs = frameMs
    this.#size = Math.ceil(keepMs / frameMs) + 1
    this.#squares = Array.from({ length: channels }, () => new Float32Array(this.#size))
    this.#encoding = encoding
  }

  add(frames: readonly Buffer[]): void {
    for (const [channel, squares] of this.#squares.entries()) {
      squares[this.#frames % this.#size] = meanSquare(frames[channel]!, this.#encoding)
    }
    this.#frames += 1
  }

  /** Root of the mean square of a channel from `start` to `end` in ms, 0 to 1; `undefined` where that is not known. */
  level(channel: number, start: number, end: number): number | undefined {
    const first = Math.floor(start / this.#frameMs)
    const last = Math.max(first, Math.ceil(end / this.#frameMs) - 1)
    if (first < Math.max(this.#first, this.#frames - this.#size) || last >= this.#frames) return undefined
    let sum = 0
    let weights = 0
    for (let frame = first; frame <= last; frame++) {
      // A frame at the edge counts for as much of it as was asked for.
      const within = Math.min(end, (frame + 1) * this.#frameMs) - Math.max(start, frame * this.#frameMs)
      const weight = Math.max(within, Number.EPSILON)
      sum += weight * this.#squares[channel]![frame % this.#size]!
      weights += weight
    }
    return Math.sqrt(sum / weights)
  }
}
