import type { Cue, Segment } from '../../model.ts'
import { cueTimes } from './times.ts'
import { canTakeDash, cueLabel, DASH_GAP_MS, dashPair, type PreviousCue } from './labels.ts'
import { type Draft, draftOf, draftWords, CueChooser } from './chooser.ts'
import { lexiconFor } from '../languages/lexicon-for.ts'
import type { Lexicon } from '../languages/lexicon.ts'
import { checkLayoutOptions, layoutSettings, type CueLayoutOptions, type LayoutSettings } from './options.ts'
import {
  extendToken,
  isClosing,
  midWords,
  placeToken,
  splitToken,
  textTokens,
  type Token,
  wordTokens,
} from './tokens.ts'
import { defined, invalidOption } from '../../options.ts'
import { textWidth } from '../width.ts'

/** A cue that has not been given its number. */
export type UnnumberedCue = Omit<Cue, 'index'>

interface RunKey {
  speaker: string | undefined
  channel: string | undefined
  language: string
}

interface Run extends RunKey {
  lexicon: Lexicon
  chooser: CueChooser
  isBegun: boolean
}

/**
 * Lays out the segments of turns, as they come, as readable cues. A run of words goes on until its speaker, channel or
 * language changes, or silence ends it: `pause` within a turn, `turnPause` at the end of one. Within a run, cues are
 * chosen by what they cost together: where sentences and clauses end, how fast they must be read, how full they are.
 *
 * Every word comes out once, in order, with the cue it begins in. No cue holds words of two speakers, unless `dashes`
 * asks for it, and none overlaps another. Where a segment has a channel but no speaker, its channel is the speaker of
 * its cues. What comes out depends on the turns only, not on when they are given. A cue that is out never changes.
 *
 * A run of nothing but words without visible text gives a cue without lines, so that they are not lost.
 */
export class CueLayout {
  readonly #settings: LayoutSettings
  #run: Run | undefined
  /** The cue that has been chosen last, where what follows it is not known yet. */
  #held: Draft | undefined
  #shown: PreviousCue | undefined
  #end: number | undefined
  /** Where the last run ended, and whose it was. */
  #runEnd: PreviousCue | undefined
  #ready: UnnumberedCue[] = []

  constructor(settings: LayoutSettings, previous?: PreviousCue) {
    this.#settings = settings
    this.#shown = previous
    this.#end = previous?.end
    this.#runEnd = previous
  }

  /** First millisecond of the oldest word that is in no cue yet; `undefined` where there is none. */
  get oldest(): number | undefined {
    return this.#held?.start ?? this.#run?.chooser.first?.start
  }

  /** Takes the segments of one turn, whole, and returns the cues that are certain with it. */
  add(segments: readonly Segment[]): UnnumberedCue[] {
    let opensTurn = true
    for (const segment of segments) {
      const key = keyOf(segment, this.#settings)
      for (const token of this.#tokens(segment, key)) {
        this.#push(token, key, opensTurn)
        opensTurn = false
      }
    }
    return this.#takeReady()
  }

  /** Ends the run and returns its cues; `next` is when what follows begins (`Infinity`: nothing; absent: unknown). */
  close(next?: number): UnnumberedCue[] {
    // Beside what has no time nothing can be weighed, and no cue would ever be chosen.
    const known = Number.isNaN(next) ? undefined : next
    this.#closeRun(known)
    this.#settle(known)
    return this.#takeReady()
  }

  #takeReady(): UnnumberedCue[] {
    const ready = this.#ready
    this.#ready = []
    return ready
  }

  *#tokens(segment: Segment, key: RunKey): Generator<Token> {
    const { maxLineWidth } = this.#settings
    const { words } = segment
    if (words.length === 0) yield* textTokens(segment, maxLineWidth, this.#earliest(key), key.language)
    const parts = midWords(words, key.language)
    for (const [i, word] of words.entries()) {
      const tokens = wordTokens(word, maxLineWidth, this.#earliest(key), key.language)
      if (parts?.has(i) === true && tokens[0] !== undefined) tokens[0].isRest = true
      yield* tokens
    }
  }

  #earliest(key: RunKey): number {
    return this.#run !== undefined && isSameKey(this.#run, key) ? (this.#run.chooser.last?.start ?? 0) : 0
  }

  #push(token: Token, key: RunKey, opensTurn: boolean): void {
    const last = this.#run?.chooser.last
    if (
      this.#run !== undefined &&
      last !== undefined &&
      isCut(this.#run, last, token, key, opensTurn, this.#settings)
    ) {
      this.#closeRun(token.start)
    }
    const run = this.#run ?? this.#open(key, token.start)
    const { chooser, lexicon } = run
    const before = chooser.last
    if (before === undefined) {
      for (const part of this.#beside(token, key)) chooser.push(placeToken(part, chooser.last, lexicon, opensTurn))
      return
    }
    before.end = Math.max(before.start, Math.min(before.end, token.start))
    if (token.text === '') {
      for (const word of token.words) before.words.push(word)
      return
    }
    if (before.text === '') {
      for (const word of token.words) before.words.push(word)
      chooser.replaceLast(placeToken({ ...token, words: before.words }, undefined, lexicon, opensTurn))
      return
    }
    const extended = isClosing(token.text)
      ? extendToken(before, token, lexicon, this.#settings.maxLineWidth)
      : undefined
    if (extended !== undefined) {
      chooser.replaceLast(extended)
      return
    }
    chooser.push(placeToken(token, before, lexicon, opensTurn))
    while (chooser.isFull) this.#choose()
  }

  #open(key: RunKey, start: number): Run {
    const held = this.#held
    const isPairing =
      held !== undefined &&
      this.#settings.dashes &&
      key.speaker !== held.speaker &&
      start - held.end < DASH_GAP_MS &&
      canTakeDash(held, this.#settings)
    if (!isPairing) this.#settle(start)
    const chooser = new CueChooser(this.#settings, (before, token) => {
      if (token.start - before.end < this.#settings.labelAfter) return 0
      return this.#labelWidth(key.speaker, token, undefined)
    })
    this.#run = { ...key, lexicon: lexiconFor(key.language), chooser, isBegun: false }
    return this.#run
  }

  /** The first token of a run, cut in two where it does not fit in a line beside its label. */
  #beside(token: Token, { speaker }: RunKey): Token[] {
    const { maxLineWidth } = this.#settings
    const label = this.#labelWidth(speaker, token, this.#runEnd)
    const room = Math.max(maxLineWidth - label, Math.floor(maxLineWidth / 2))
    return token.width > room ? splitToken(token, room) : [token]
  }

  #labelWidth(
    speaker: string | undefined,
    { start, words }: Pick<Token, 'start' | 'words'>,
    previous: PreviousCue | undefined,
  ): number {
    return textWidth(cueLabel({ ...(speaker !== undefined && { speaker }), start, words }, previous, this.#settings))
  }

  #choose(next?: number): void {
    const run = this.#run
    const first = run?.chooser.first
    if (run === undefined || first === undefined) return
    const { chooser, speaker } = run
    const chosen = chooser.take(this.#labelBefore(speaker, first), next)
    if (chosen === undefined) return
    this.#hold(draftOf(chosen, speaker, !run.isBegun && chooser.first === undefined))
    run.isBegun = true
    if (chooser.first !== undefined) this.#settle(chooser.first.start)
  }

  #closeRun(next: number | undefined): void {
    const run = this.#run
    const last = run?.chooser.last
    if (run === undefined || last === undefined) return
    this.#runEnd = shownAs(run.speaker, last.end)
    while (run.chooser.first !== undefined) this.#choose(next ?? Infinity)
    this.#run = undefined
  }

  /** Columns of the label of a cue, by its first word. */
  #labelBefore(speaker: string | undefined, { start, words }: Token): number {
    const held = this.#held
    const end = held === undefined ? this.#end : cueTimes(held, start, this.#end, this.#settings).end
    const previous = held === undefined || held.lines.length === 0 ? this.#shown : shownAs(held.speaker, end ?? 0)
    const from = end === undefined ? start : Math.max(start, end + this.#settings.minGap)
    return this.#labelWidth(speaker, { start: from, words }, previous)
  }

  #hold(draft: Draft): void {
    const pair =
      this.#settings.dashes && this.#held !== undefined ? dashPair(this.#held, draft, this.#settings) : undefined
    if (pair === undefined) this.#settle(draft.start)
    this.#held = pair ?? draft
  }

  /** Gives the cue that is held its times, now that it is known what follows. */
  #settle(next: number | undefined): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    const times = cueTimes(held, next, this.#end, this.#settings)
    const { speaker, lines, lineSpeakers } = held
    this.#end = times.end
    if (lines.length > 0) this.#shown = shownAs(speaker, times.end)
    this.#ready.push({
      ...times,
      ...defined({ speaker }),
      lines,
      ...defined({ lineSpeakers }),
      words: draftWords(held),
    })
  }
}

/**
 * Lays out turns, each a list of its segments, all at once; the cues are those that {@link CueLayout} gives.
 *
 * @param context - the cue before the first, and `next` as for `close()`.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function layoutCues(
  turns: readonly (readonly Segment[])[],
  options: CueLayoutOptions = {},
  context: { previous?: PreviousCue | undefined; next?: number | undefined } = {},
): UnnumberedCue[] {
  checkLayoutOptions('layoutCues', options, 'layoutCues.')
  checkTime('layoutCues.next', context.next)
  checkTime('layoutCues.previous.end', context.previous?.end)
  const layout = new CueLayout(layoutSettings(options), context.previous)
  const parts = turns.map((segments) => layout.add(segments))
  parts.push(layout.close(context.next))
  return parts.flat()
}

/** Refuses what has no place in time, beside which nothing can be weighed. */
function checkTime(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && !Number.isNaN(value))) return
  throw invalidOption(name, 'a time in milliseconds', value)
}

/** Whether the end of a turn and the beginning of the next may share a cue, so that both are laid out together. */
export function joins(before: Segment, after: Segment, settings: LayoutSettings): boolean {
  const silence = (after.words[0] ?? after).start - (before.words.at(-1) ?? before).end
  const one = keyOf(before, settings)
  const other = keyOf(after, settings)
  if (settings.dashes && one.speaker !== other.speaker) return !(silence >= DASH_GAP_MS)
  return isSameKey(one, other) && !(silence >= Math.min(settings.turnPause, settings.pause))
}

function shownAs(speaker: string | undefined, end: number): PreviousCue {
  return speaker === undefined ? { end } : { end, speaker }
}

function keyOf(segment: Segment, settings: LayoutSettings): RunKey {
  const { speaker = segment.channel, channel, language = settings.language } = segment
  return { speaker, channel, language }
}

function isSameKey(one: RunKey, other: RunKey): boolean {
  return one.speaker === other.speaker && one.channel === other.channel && one.language === other.language
}

function isCut(
  run: RunKey,
  last: Token,
  token: Token,
  key: RunKey,
  opensTurn: boolean,
  { pause, turnPause }: LayoutSettings,
): boolean {
  if (!isSameKey(run, key)) return true
  return token.start - last.end >= (opensTurn ? Math.min(pause, turnPause) : pause)
}
