import type { Segment } from '../../model.ts'
import { letters } from '../joined-lines.ts'
import { segmentName } from '../speakers.ts'
import { cleanLine, cleanText } from '../text.ts'
import { asField, type RttmOptions, type ScoringOptions } from './options.ts'
import { wholeTimes } from './timestamps.ts'

/** Name of a speaker nobody could name. Speaker labels cannot be this word. */
const UNKNOWN_SPEAKER = 'unknown'

/** The recording and the channel, as the first fields of a line; a channel without a name is `1`. */
export function recordingFields(segment: Segment, options: ScoringOptions): string {
  const channel = segment.channel === undefined ? '' : asField(segment.channel)
  return `${options.file ?? 'audio'} ${channel === '' ? '1' : channel}`
}

/** The speaker, else the channel, as a field; `undefined` where unattributed. */
export function speakerField(segment: Segment, options: ScoringOptions): string | undefined {
  const name = segmentName(segment, options.speakers)
  return name === undefined ? undefined : asField(name)
}

/** Milliseconds as seconds with three decimals, by integer arithmetic. */
export function asSeconds(ms: number): string {
  return `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}`
}

/** The words of a text as scoring tools count them. They read `{ a / b }` as a choice, and `;;` as a comment. */
export function scoredWords(text: string): string[] {
  return cleanLine(text)
    .split(/\s+/u)
    .filter((word) => cleanText(word) !== '')
    .map((word) => word.replaceAll('{', '[').replaceAll('}', ']').replaceAll(/;{2,}/g, ';'))
}

/** The text of a segment with a space between all of its words, also where their script puts none. */
function spacedText({ text, words }: Segment): string {
  const spaced = words.map((word) => word.text).join(' ')
  return letters(spaced) === letters(text) ? spaced : text
}

/**
 * A segment as STM: one line, `<file> <channel> <speaker> <start> <end> <text>`, times in seconds. The text is as it
 * was said, with case and punctuation, since each scoring tool has its own rules for these. The speaker of an
 * unattributed segment is `unknown`.
 *
 * @returns a line with its line end; `''` where nothing of the segment is visible.
 */
export function formatStmSegment(segment: Segment, options: ScoringOptions = {}): string {
  // A word that is dropped may have been one of a pair of marks. What begins with `<` would be taken for a label.
  const text = cleanLine(scoredWords(spacedText(segment)).join(' ')).replace(/^</, '‹')
  if (text === '') return ''
  const { start, end } = wholeTimes(segment)
  const speaker = speakerField(segment, options) ?? UNKNOWN_SPEAKER
  return `${recordingFields(segment, options)} ${speaker} ${asSeconds(start)} ${asSeconds(end)} ${text}\n`
}

/**
 * The words of a segment as CTM: one line for each, `<file> <channel> <start> <duration> <word> <confidence>`, times
 * in seconds. A word with white space in it becomes several, which share its time by length; so does the text of a
 * segment without words, and these have no confidence, and neither have words whose engine does not know it. Starts never fall inside a segment.
 *
 * Scoring tools want a file sorted by channel, then by start: where there are several channels, sort it, e.g. with
 * `sort -k1,2 -k3,3n`.
 *
 * @returns lines, each with its line end; `''` where nothing of the segment is visible.
 */
export function formatCtmSegment(segment: Segment, options: Pick<ScoringOptions, 'file'> = {}): string {
  const recording = recordingFields(segment, options)
  let lines = ''
  let earliest = 0
  for (const item of segment.words.length > 0 ? segment.words : [segment]) {
    const { start, end } = wholeTimes(item, earliest)
    earliest = start
    const confidence = 'confidence' in item && item.confidence !== undefined ? confidenceField(item.confidence) : ''
    const words = scoredWords(item.text)
    const total = words.reduce((sum, word) => sum + word.length, 0)
    let before = 0
    for (const word of words) {
      const from = start + Math.round(((end - start) * before) / total)
      before += word.length
      const to = start + Math.round(((end - start) * before) / total)
      lines += `${recording} ${asSeconds(from)} ${asSeconds(to - from)} ${wordField(word)}${confidence}\n`
      earliest = from
    }
  }
  return lines
}

/** `<ALT_BEGIN>` and its like are no words but marks of a choice of words. */
function wordField(word: string): string {
  const line = cleanLine(word)
  return /^<ALT/i.test(line) ? `‹${line.slice(1)}` : line
}

function confidenceField(confidence: number): string {
  return Number.isFinite(confidence) ? ` ${Math.min(1, Math.max(0, confidence)).toFixed(3)}` : ''
}

/** A stretch of one speaker on one channel, in milliseconds. */
interface Run {
  recording: string
  name: string
  start: number
  end: number
}

/** How far {@link RttmRuns} has come. */
export interface RttmState {
  latestStart: number
  held: readonly Run[]
}

/** Runs that wait at most; a run behind which more would wait is written though it may go on. */
const MAX_HELD = 1000

/**
 * Speaker runs as RTTM: one line for each run, `SPEAKER <file> <channel> <start> <duration> <NA> <NA> <name> <NA>
 * <NA>`, times in seconds. Lines come in the order of their starts as far as the segments do. A line is written once
 * its run can no longer grow, and all earlier ones are written: as a rule, with the first segment that begins
 * `mergeBelow` or more after its end. Runs of no length are left out.
 */
export class RttmRuns {
  readonly #options: RttmOptions
  readonly #mergeBelow: number
  readonly #held: Run[]
  /** The newest held run of each speaker. */
  readonly #newest = new Map<string, Run>()
  #latestStart: number

  /** @param state - where to go on from; absent for the beginning. */
  constructor(options: RttmOptions = {}, { latestStart, held }: RttmState = { latestStart: 0, held: [] }) {
    this.#options = options
    this.#mergeBelow = options.mergeBelow ?? 250
    this.#latestStart = latestStart
    this.#held = held.map((run) => ({ ...run }))
    for (const run of this.#held) this.#newest.set(keyOf(run), run)
  }

  add(segment: Segment): string {
    const { start, end } = wholeTimes(segment)
    this.#latestStart = Math.max(this.#latestStart, start)
    const isNamed = this.#options.unattributed === 'name'
    const name = speakerField(segment, this.#options) ?? (isNamed ? UNKNOWN_SPEAKER : undefined)
    if (name !== undefined) this.#take({ recording: recordingFields(segment, this.#options), name, start, end })
    const growing = this.#held.findIndex((run) => !this.#isOver(run))
    return this.#release(Math.max(growing === -1 ? this.#held.length : growing, this.#held.length - MAX_HELD))
  }

  get waiting(): boolean {
    return this.#held.length > 0
  }

  release(): string {
    return this.end()
  }

  end(): string {
    return this.#release(this.#held.length)
  }

  /** All on which depends what comes next. */
  get state(): RttmState {
    return { latestStart: this.#latestStart, held: this.#held.map((run) => ({ ...run })) }
  }

  #take(run: Run): void {
    const key = keyOf(run)
    const known = this.#newest.get(key)
    if (known !== undefined && gapBetween(known, run) < this.#mergeBelow && this.#mergeBelow > 0) {
      known.start = Math.min(known.start, run.start)
      known.end = Math.max(known.end, run.end)
    } else {
      this.#held.push(run)
      this.#newest.set(key, run)
    }
    const before = this.#held.at(-2)
    if (before !== undefined && run.start < before.start) this.#held.sort((one, other) => one.start - other.start)
  }

  /** Whether nothing that begins from now on can be merged into `run`. */
  #isOver(run: Run): boolean {
    return this.#mergeBelow === 0 || this.#latestStart - run.end >= this.#mergeBelow
  }

  #release(count: number): string {
    let lines = ''
    for (const run of this.#held.splice(0, count)) {
      const key = keyOf(run)
      if (this.#newest.get(key) === run) this.#newest.delete(key)
      if (run.end > run.start) lines += toLine(run)
    }
    return lines
  }
}

function keyOf(run: Run): string {
  return `${run.recording} ${run.name}`
}

/** Milliseconds between two runs; negative where they overlap. */
function gapBetween(one: Run, other: Run): number {
  return Math.max(one.start, other.start) - Math.min(one.end, other.end)
}

function toLine({ recording, name, start, end }: Run): string {
  return `SPEAKER ${recording} ${asSeconds(start)} ${asSeconds(end - start)} <NA> <NA> ${name} <NA> <NA>\n`
}
