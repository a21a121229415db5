import {
  type Check,
  checkAtMost,
  checkBoolean,
  checkKnown,
  checkNumber,
  checkObject,
  checkOptions,
  defined,
  integer,
  invalidOption,
  number,
  oneOf,
} from '../../options.ts'
import { checkSpeakerNames, type SpeakerNames } from '../speakers.ts'

/** Names of the presets. */
export type PresetName = 'netflix' | 'bbc' | 'web-short' | '608' | 'live'

/** The numbers of a preset; see `CueLayoutOptions` for what each means. */
const PRESETS = {
  netflix: {
    maxLineWidth: 42,
    maxReadingSpeed: 20,
    targetReadingSpeed: 17,
    minDuration: 833,
    minDurationPerWord: 0,
    maxDuration: 7000,
    minGap: 83,
    chainBelow: 500,
    tail: 500,
    lookAhead: 25,
    labels: 'name',
  },
  bbc: {
    maxLineWidth: 37,
    maxReadingSpeed: 15,
    targetReadingSpeed: 15,
    minDuration: 1000,
    minDurationPerWord: 300,
    maxDuration: 8000,
    minGap: 0,
    chainBelow: 1000,
    tail: 1000,
    lookAhead: 25,
    labels: 'capitals',
  },
  'web-short': {
    maxLineWidth: 24,
    maxReadingSpeed: 25,
    targetReadingSpeed: 20,
    minDuration: 700,
    minDurationPerWord: 0,
    maxDuration: 5000,
    minGap: 0,
    chainBelow: 500,
    tail: 300,
    lookAhead: 20,
    labels: 'none',
  },
  '608': {
    maxLineWidth: 32,
    maxReadingSpeed: 20,
    targetReadingSpeed: 17,
    minDuration: 1000,
    minDurationPerWord: 0,
    maxDuration: 6000,
    minGap: 0,
    chainBelow: 500,
    tail: 500,
    lookAhead: 12,
    labels: 'chevrons',
  },
  live: {
    maxLineWidth: 37,
    maxReadingSpeed: 20,
    targetReadingSpeed: 17,
    minDuration: 1000,
    minDurationPerWord: 0,
    maxDuration: 6000,
    minGap: 0,
    chainBelow: 1000,
    tail: 500,
    lookAhead: 12,
    labels: 'name',
  },
} as const satisfies Record<PresetName, CueLayoutOptions>

export const PRESET_NAMES: readonly PresetName[] = ['netflix', 'bbc', 'web-short', '608', 'live']

/** How a change of speaker is shown before the first line of a cue. */
export type LabelStyle = 'name' | 'capitals' | 'chevrons' | 'none'

/** How much each fault of a cue weighs against the others. */
export interface LayoutWeights {
  /** For each cue. @defaultValue `0.9` */
  cue: number
  /** For the place where a cue ends: times 0 after a sentence, up to 1.3 after an article. @defaultValue `3.2` */
  break: number
  /** For more characters a second than the target: times the square of the excess over 5. @defaultValue `0.5` */
  speed: number
  /**
   * For less than the least duration: times what is missing over 400 ms. More makes fewer cues that only flash.
   * @defaultValue `4.5`
   */
  flash: number
  /** For each sentence that ends inside a cue. Less merges more short sentences. @defaultValue `2.2` */
  sentence: number
  /** For each silence of more than 1500 ms inside a cue. @defaultValue `3` */
  pause: number
  /**
   * For a second line, times 1 to 4.7 by the place of its break and the difference of the lines.
   * @defaultValue `0.35`
   */
  lines: number
  /** For room left in a cue: times the square of the empty part. @defaultValue `0.8` */
  fill: number
}

/** How words are laid out in cues. What is not given comes from the preset. */
export interface CueLayoutOptions {
  /**
   * A set of values for all other options: `netflix` for films and talks, `bbc` for British television, `web-short` for
   * short clips, `608` for line-21 captions, `live` for the least delay.
   * @defaultValue `'netflix'`
   */
  preset?: PresetName
  /**
   * BCP-47 tag of the language of segments that name none. English, German, French, Spanish, Chinese and Japanese have
   * lists of words that no line should end on; for others only punctuation and pauses count.
   * @defaultValue `'en'`
   */
  language?: string
  /**
   * Columns of a line; a wide East Asian character takes two.
   * @defaultValue `42`; bbc and live 37, 608 32, web-short 24
   */
  maxLineWidth?: number
  /** Lines of a cue, 1 or 2. @defaultValue `2` */
  maxLines?: number
  /**
   * Columns a second that a reader can follow at most: a cue that somebody talks over stays long enough for it.
   * @defaultValue `20`; bbc 15, web-short 25
   */
  maxReadingSpeed?: number
  /**
   * Columns a second that a reader is comfortable with: cues are cut and held for it where there is room.
   * @defaultValue `17`; bbc 15, web-short 20; a `maxReadingSpeed` that is less
   */
  targetReadingSpeed?: number
  /**
   * Milliseconds for which a cue is held at least, where the next one leaves room.
   * @defaultValue `833`; web-short 700, others 1000
   */
  minDuration?: number
  /** Milliseconds for each word for which a cue is held, where the next one leaves room. @defaultValue `0`; bbc 300 */
  minDurationPerWord?: number
  /**
   * Milliseconds for which a cue is shown at most.
   * @defaultValue `7000`; bbc 8000, web-short 5000, 608 and live 6000
   */
  maxDuration?: number
  /** Milliseconds between two cues at least. @defaultValue `83`; others 0 */
  minGap?: number
  /** Milliseconds: shorter gaps between two cues are closed to `minGap`. @defaultValue `500`; bbc and live 1000 */
  chainBelow?: number
  /**
   * Milliseconds for which a cue stays after its last word at most, unless it needs more to be read.
   * @defaultValue `500`; bbc 1000, web-short 300
   */
  tail?: number
  /** Milliseconds of silence that always begin a new cue. @defaultValue `1500` */
  pause?: number
  /** Milliseconds of silence that begin a new cue at the end of a turn. @defaultValue `700` */
  turnPause?: number
  /**
   * Words that are known beyond the beginning of a cue before its end is chosen.
   * @defaultValue `25`; web-short 20, 608 and live 12
   */
  lookAhead?: number
  /**
   * Milliseconds for which the last words of a turn wait at most for what follows, which may belong to the same cue and
   * says when it must end. By the clock on the wall; only streams and sinks have one.
   * @defaultValue `750`
   */
  maxDelayMs?: number
  /**
   * Whether two short turns of two speakers may share a cue, one line each, with a dash before it.
   * @defaultValue `false`
   */
  dashes?: boolean
  /**
   * What happens where cues of two channels overlap: they are stacked on the screen (`'stack'`), or the earlier one is
   * shortened, and the later one waits for it (`'clip'`).
   * @defaultValue `'clip'`; in `vttSink()` and `assSink()` `'stack'`
   */
  overlap?: 'clip' | 'stack'
  /**
   * What is shown before the first line where the speaker changes: `Alice: ` (`'name'`), `ALICE: ` (`'capitals'`),
   * `>> ` (`'chevrons'`) or nothing. Its room is kept free in the line.
   * @defaultValue `'name'`; bbc `'capitals'`, web-short `'none'`, 608 `'chevrons'`
   */
  labels?: LabelStyle
  /** Milliseconds without a cue after which the speaker is shown again. @defaultValue `10000` */
  labelAfter?: number
  /** Display names by speaker label; a label that has none is shown as `Speaker A`. @defaultValue `{}` */
  speakers?: SpeakerNames
  /** What is given replaces single weights of the choice of cues. @defaultValue `{}` */
  weights?: Partial<LayoutWeights>
}

/** {@link CueLayoutOptions} with all values filled in. */
export type LayoutSettings = Omit<Required<CueLayoutOptions>, 'weights'> & { weights: LayoutWeights }

const WEIGHTS: LayoutWeights = {
  cue: 0.9,
  break: 3.2,
  speed: 0.5,
  flash: 4.5,
  sentence: 2.2,
  pause: 3,
  lines: 0.35,
  fill: 0.8,
}

const COMMON = {
  preset: 'netflix',
  language: 'en',
  maxLines: 2,
  pause: 1500,
  turnPause: 700,
  maxDelayMs: 750,
  dashes: false,
  overlap: 'clip',
  labelAfter: 10_000,
  speakers: {},
} as const

/**
 * `options` with all values filled in; an option given as `undefined` counts as absent.
 *
 * @param own - what stands in place of values of the preset.
 */
export function layoutSettings(
  options: CueLayoutOptions = {},
  own: Pick<CueLayoutOptions, 'labels' | 'overlap'> = {},
): LayoutSettings {
  const { weights = {}, ...values } = options
  const preset = PRESETS[values.preset ?? COMMON.preset]
  // Nobody is comfortable with more than can be followed.
  const targetReadingSpeed = Math.min(preset.targetReadingSpeed, values.maxReadingSpeed ?? Infinity)
  const given = { ...own, ...defined(values) }
  return { ...COMMON, ...preset, targetReadingSpeed, ...given, weights: { ...WEIGHTS, ...defined(weights) } }
}

/** What refuses wrong values of {@link CueLayoutOptions}. */
export const layoutChecks: Readonly<Record<keyof CueLayoutOptions, Check>> = {
  preset: oneOf(...PRESET_NAMES),
  language: checkLanguage,
  maxLineWidth: integer(8, 1000, 'columns'),
  maxLines: integer(1, 2),
  maxReadingSpeed: number(1, 1000, 'characters a second'),
  targetReadingSpeed: number(1, 1000, 'characters a second'),
  minDuration: integer(1, 60_000, 'milliseconds'),
  minDurationPerWord: integer(0, 10_000, 'milliseconds'),
  maxDuration: integer(500, 600_000, 'milliseconds'),
  minGap: integer(0, 10_000, 'milliseconds'),
  chainBelow: integer(0, 60_000, 'milliseconds'),
  tail: integer(0, 60_000, 'milliseconds'),
  pause: integer(1, 600_000, 'milliseconds'),
  turnPause: integer(0, 600_000, 'milliseconds'),
  lookAhead: integer(2, 1000, 'words'),
  maxDelayMs: integer(100, 600_000, 'milliseconds'),
  dashes: checkBoolean,
  overlap: oneOf('clip', 'stack'),
  labels: oneOf(...(['name', 'capitals', 'chevrons', 'none'] satisfies LabelStyle[])),
  labelAfter: integer(0, 86_400_000, 'milliseconds'),
  speakers: checkSpeakerNames,
  weights: checkWeights,
}

/**
 * Refuses wrong options of a layout; `path` is put before the names, e.g. `layout.`.
 *
 * @param checks - those of all options that there may be, where they are not just these.
 */
export function checkLayoutOptions(
  where: string,
  options: CueLayoutOptions,
  path = '',
  checks: Readonly<Record<string, Check>> = layoutChecks,
): void {
  checkOptions(where, options, checks, path)
  const { minDuration, maxDuration, targetReadingSpeed, maxReadingSpeed } = options
  checkAtMost(`${path}minDuration`, minDuration, `${path}maxDuration`, maxDuration, 'milliseconds')
  checkAtMost(`${path}targetReadingSpeed`, targetReadingSpeed, `${path}maxReadingSpeed`, maxReadingSpeed)
}

function checkLanguage(name: string, value: unknown): void {
  const isTag = typeof value === 'string' && /^[a-z]{2,8}(?:[-_][a-z0-9]{1,8})*$/i.test(value)
  if (value !== undefined && !isTag) throw invalidOption(name, "a BCP-47 language tag, e.g. 'en' or 'pt-BR'", value)
}

function checkWeights(name: string, weights: unknown = {}): void {
  checkObject(name, weights, 'an object of weights by name, e.g. { sentence: 3 }')
  checkKnown(name, weights as object, Object.keys(WEIGHTS))
  for (const [key, weight] of Object.entries(weights as object)) checkNumber(`${name}.${key}`, weight, 0, 1000)
}
