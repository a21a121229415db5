import type { Cue } from '../model.ts'
import { defined, integer } from '../options.ts'
import { endsOnFunctionWord } from './layout/breaks.ts'
import { cueLabel, type PreviousCue } from './layout/labels.ts'
import {
  checkLayoutOptions,
  type CueLayoutOptions,
  layoutChecks,
  layoutSettings,
  type LayoutSettings,
} from './layout/options.ts'
import { attributed } from './speakers.ts'
import { textWidth } from './width.ts'

/** What captions are held against: the options they were laid out with. */
export interface CaptionReportOptions extends CueLayoutOptions {
  /** Words that went in, to be compared with those that came out. @defaultValue not compared */
  words?: number
}

/** The limits that a {@link CaptionReport} was made with; speeds in characters a second, times in milliseconds. */
export type ReportLimits = Required<
  Pick<
    CueLayoutOptions,
    | 'preset'
    | 'maxLineWidth'
    | 'maxLines'
    | 'targetReadingSpeed'
    | 'maxReadingSpeed'
    | 'minDuration'
    | 'minDurationPerWord'
    | 'maxDuration'
    | 'minGap'
    | 'chainBelow'
  >
>

/**
 * How well captions keep to the limits of a preset. Percentages are of cues, from 0 to 100, and 100 where there are no
 * cues; times are milliseconds.
 */
export interface CaptionReport {
  limits: ReportLimits
  cues: number
  /** Words that went in; absent where that was not said. */
  wordsIn?: number
  /** Words of all cues. */
  wordsOut: number
  /** Cues with no line wider than `maxLineWidth`, the speaker's label counted where it is shown. */
  pctLineWidth: number
  /** Cues of at most `maxLines` lines. */
  pctLines: number
  /** Cues read at `targetReadingSpeed` or slower; labels do not count. */
  pctTargetSpeed: number
  /** Cues read at `maxReadingSpeed` or slower. */
  pctMaxSpeed: number
  /** Cues read at 21 characters a second or slower, the limit by which subtitling systems are compared. */
  pct21Speed: number
  /** Cues shown at least `minDuration`, and `minDurationPerWord` for each word, and at most `maxDuration`. */
  pctDuration: number
  /** Duration of the shortest cue; absent where there are no cues. */
  shortest?: number
  /** Duration of the longest cue; absent where there are no cues. */
  longest?: number
  /** Cues shown for less than `minDuration`. */
  flashCues: number
  /** Smallest gap between a cue and the next; absent where no two cues follow each other without overlap. */
  minGap?: number
  /** Gaps shorter than `minGap`. */
  tightGaps: number
  /** Gaps longer than `minGap` and shorter than `chainBelow`, which look like a flicker. */
  looseGaps: number
  /** Cues that start before an earlier one has ended. */
  overlaps: number
  /** Cues with words of several speakers, other than cues with a speaker for each line. */
  mixedSpeakerCues: number
  /** Cues whose last word wants another after it, such as `the` or `of`. */
  functionWordEnds: number
}

/** Measures captions as they come, so that a stream of any length takes no memory. */
export class CaptionReporter {
  readonly #settings: LayoutSettings
  readonly #wordsIn: number | undefined
  #cues = 0
  #words = 0
  #fitting = 0
  #fewLines = 0
  #atTarget = 0
  #atMax = 0
  #at21 = 0
  #wellTimed = 0
  #shortest = Infinity
  #longest = -Infinity
  #flashes = 0
  #minGap = Infinity
  #tightGaps = 0
  #looseGaps = 0
  #overlaps = 0
  #mixed = 0
  #functionWordEnds = 0
  #previous: PreviousCue | undefined
  #lastEnd = -Infinity

  /** @throws {@link ConfigurationError} for an option that does not exist or has a wrong value. */
  constructor(options: CaptionReportOptions = {}) {
    checkLayoutOptions('captionReport', options, 'captionReport.', { words: integer(0), ...layoutChecks })
    const { words, ...layout } = options
    this.#wordsIn = words
    this.#settings = layoutSettings(layout)
  }

  /** Takes the next cue, in order of time. */
  add(cue: Omit<Cue, 'index'>): void {
    this.#cues++
    this.#words += cue.words.length
    this.#addLines(cue)
    this.#addDuration(cue)
    this.#addGap(cue)
    if (mixesSpeakers(cue)) this.#mixed++
    if (endsOnFunctionWord(cue.lines.at(-1) ?? '', this.#settings.language)) this.#functionWordEnds++
    this.#previous = cue
    this.#lastEnd = Math.max(this.#lastEnd, cue.end)
  }

  #addLines(cue: Omit<Cue, 'index'>): void {
    const { maxLineWidth, maxLines } = this.#settings
    const label = textWidth(cueLabel(cue, this.#previous, this.#settings))
    if (cue.lines.every((line, i) => textWidth(line) + (i === 0 ? label : 0) <= maxLineWidth)) this.#fitting++
    if (cue.lines.length <= maxLines) this.#fewLines++
  }

  #addDuration(cue: Omit<Cue, 'index'>): void {
    const { minDuration, minDurationPerWord, maxDuration, targetReadingSpeed, maxReadingSpeed } = this.#settings
    const duration = cue.end - cue.start
    const speed = (1000 * textWidth(cue.lines.join(' '))) / Math.max(1, duration)
    if (speed <= targetReadingSpeed) this.#atTarget++
    if (speed <= maxReadingSpeed) this.#atMax++
    if (speed <= COMPARED_SPEED) this.#at21++
    const least = Math.max(minDuration, minDurationPerWord * cue.words.length)
    if (duration >= least && duration <= maxDuration) this.#wellTimed++
    if (duration < minDuration) this.#flashes++
    this.#shortest = Math.min(this.#shortest, duration)
    this.#longest = Math.max(this.#longest, duration)
  }

  #addGap(cue: Omit<Cue, 'index'>): void {
    if (this.#cues === 1) return
    const gap = cue.start - this.#lastEnd
    if (gap < 0) {
      this.#overlaps++
      return
    }
    const { minGap, chainBelow } = this.#settings
    this.#minGap = Math.min(this.#minGap, gap)
    if (gap < minGap) this.#tightGaps++
    else if (gap > minGap && gap < chainBelow) this.#looseGaps++
  }

  /** What was found so far. */
  report(): CaptionReport {
    const percent = (count: number) => (this.#cues === 0 ? 100 : (100 * count) / this.#cues)
    return {
      limits: limitsOf(this.#settings),
      cues: this.#cues,
      ...defined({ wordsIn: this.#wordsIn }),
      wordsOut: this.#words,
      pctLineWidth: percent(this.#fitting),
      pctLines: percent(this.#fewLines),
      pctTargetSpeed: percent(this.#atTarget),
      pctMaxSpeed: percent(this.#atMax),
      pct21Speed: percent(this.#at21),
      pctDuration: percent(this.#wellTimed),
      ...(this.#cues > 0 && { shortest: this.#shortest, longest: this.#longest }),
      flashCues: this.#flashes,
      ...(Number.isFinite(this.#minGap) && { minGap: this.#minGap }),
      tightGaps: this.#tightGaps,
      looseGaps: this.#looseGaps,
      overlaps: this.#overlaps,
      mixedSpeakerCues: this.#mixed,
      functionWordEnds: this.#functionWordEnds,
    }
  }
}

/** Characters a second that subtitling systems are compared by. */
const COMPARED_SPEED = 21

/**
 * Measures how well captions keep to the limits of a preset.
 *
 * @param cues - in order of time.
 * @param options - what they were laid out with, and the number of words that went in.
 * @throws {@link ConfigurationError} for an option that does not exist or has a wrong value.
 */
export function captionReport(cues: Iterable<Cue>, options: CaptionReportOptions = {}): CaptionReport {
  const reporter = new CaptionReporter(options)
  for (const cue of cues) reporter.add(cue)
  return reporter.report()
}

function limitsOf(settings: LayoutSettings): ReportLimits {
  return {
    preset: settings.preset,
    maxLineWidth: settings.maxLineWidth,
    maxLines: settings.maxLines,
    targetReadingSpeed: settings.targetReadingSpeed,
    maxReadingSpeed: settings.maxReadingSpeed,
    minDuration: settings.minDuration,
    minDurationPerWord: settings.minDurationPerWord,
    maxDuration: settings.maxDuration,
    minGap: settings.minGap,
    chainBelow: settings.chainBelow,
  }
}

/** Words that nobody could attribute go with those around them; a partial word's speaker does not count yet. */
function mixesSpeakers({ speaker, words, lineSpeakers }: Omit<Cue, 'index'>): boolean {
  const heard = new Set(words.flatMap((word) => (word.final ? (attributed(word.speaker) ?? []) : [])))
  if (lineSpeakers === undefined)
    return heard.size > 1 || (heard.size === 1 && speaker !== undefined && !heard.has(speaker))
  return [...heard].some((label) => !lineSpeakers.includes(label))
}

/** A {@link CaptionReport} as a few aligned lines of text for a terminal, without a line break at the end. */
export function formatCaptionReport(report: CaptionReport): string {
  const { limits, minGap, shortest, longest } = report
  const percent = (value: number) => `${(Math.floor(value * 10) / 10).toFixed(1)} %`
  const words =
    report.wordsIn === undefined ? `${report.wordsOut} words` : `${report.wordsOut} of ${report.wordsIn} words`
  const perWord = limits.minDurationPerWord > 0 ? ` and ${limits.minDurationPerWord} ms a word` : ''
  const rows: readonly (readonly [name: string, ...facts: string[]])[] = [
    ['captions', `${report.cues} cues`, words, `held against ${limits.preset}`],
    [
      'lines',
      `${percent(report.pctLineWidth)} fit ${limits.maxLineWidth} columns`,
      `${percent(report.pctLines)} have at most ${limits.maxLines}`,
    ],
    [
      'speed',
      `${percent(report.pctTargetSpeed)} at most ${limits.targetReadingSpeed} characters/s`,
      `${percent(report.pctMaxSpeed)} at most ${limits.maxReadingSpeed}`,
      `${percent(report.pct21Speed)} at most 21`,
    ],
    [
      'duration',
      `${percent(report.pctDuration)} from ${limits.minDuration}${perWord} to ${limits.maxDuration} ms`,
      ...(shortest === undefined ? [] : [`shortest ${shortest} ms`]),
      ...(longest === undefined ? [] : [`longest ${longest} ms`]),
      `${report.flashCues} flashes`,
    ],
    [
      'gaps',
      ...(minGap === undefined ? [] : [`least ${minGap} ms`]),
      ...(limits.minGap > 0 ? [`${report.tightGaps} below ${limits.minGap} ms`] : []),
      `${report.looseGaps} between ${limits.minGap} and ${limits.chainBelow} ms`,
      `${report.overlaps} overlaps`,
    ],
    ['speakers', `${report.mixedSpeakerCues} cues mix speakers`],
    ['last words', `${report.functionWordEnds} cues end on a word that wants another`],
  ]
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows.map(([name, ...facts]) => name.padEnd(width) + facts.join(', ')).join('\n')
}
