import type { EventEmitter } from 'node:events'
import { checkLayoutOptions, type CueLayoutOptions, type PresetName } from '../captions/layout/options.ts'
import { checkSpeakerNames, type SpeakerNames } from '../captions/speakers.ts'
import { type FfmpegOptions, resolveFfmpegOptions } from '../ffmpeg/arguments.ts'
import {
  type Check,
  checkBoolean,
  checkFunction,
  checkOptions,
  checkSignal,
  integer,
  invalidOption,
  oneOf,
  refusedOption,
  string,
} from '../options.ts'
import type { Progress } from '../pipeline/progress.ts'
import type { Stage } from '../run.ts'
import { type CaptionFormat, captionFormats } from '../captions/formats/options.ts'
import type { CaptionResult } from './caption-one.ts'
import type { CaptionInput } from './inputs.ts'
import type { CaptionJob } from './plan.ts'

/** Options of {@link captionAll}. */
export interface CaptionAllOptions {
  /**
   * Folder for the outputs; made where it does not exist. The folders in a folder that is an input are made anew in it, that one
   * first: of `videos/day1/talk.mp4`, where `videos` was given, comes `<outputDir>/videos/day1/talk.srt`.
   * @defaultValue beside each file; for addresses the working directory
   */
  outputDir?: string
  /** What is made of each input. @defaultValue `['srt']` */
  formats?: readonly CaptionFormat[]
  /**
   * What is done where an output is there already: `'refuse'` does nothing at all; `'skip'` makes only what is missing, as after
   * an interruption; `'overwrite'` makes all anew.
   * @defaultValue `'refuse'`
   */
  existing?: 'refuse' | 'skip' | 'overwrite'
  /**
   * Whether each input keeps a checkpoint beside its first output, as `talk.srt.part.checkpoint`, and goes on from the one that is
   * there, as `checkpoint` of `run()` tells. With `existing: 'skip'` a second call does what the first left, and nothing twice.
   * @defaultValue `false`: an input that was cut off is made anew
   */
  resume?: boolean
  /** How many inputs are under way at a time, from 1 to 100. @defaultValue `1` */
  jobs?: number
  /**
   * Whether the next inputs are begun after one has failed. Those under way are completed in any case, and nothing more is
   * begun where the others would fail in the same way, as without a key.
   * @defaultValue `false`
   */
  continueOnError?: boolean
  /**
   * Makes the stages between the source of an input and its sinks. What it throws fails the input.
   * @defaultValue `() => [resample(), diarize()]`
   */
  stages?: (job: CaptionJob) => readonly Stage[]
  /** Which audio track of the inputs is taken. @defaultValue `{}` */
  source?: Pick<FfmpegOptions, 'audioTrack' | 'language'>
  /** Display names by speaker label, e.g. `{ A: 'Alice' }`. @defaultValue `{}` */
  speakers?: SpeakerNames
  /** How captions are laid out: a preset, or options of `layout()`. @defaultValue `'netflix'` */
  layout?: PresetName | Omit<CueLayoutOptions, 'speakers'>
  /** Aborts everything: the iteration rejects with an `AbortError` once all is closed. */
  signal?: AbortSignal
  /** Ends the inputs under way where they are, and begins no more: their results are `stopped`, then the iteration ends. */
  stop?: AbortSignal
  /** Called once with all that is to be done, before the first input is begun. */
  onPlan?: (jobs: readonly CaptionJob[]) => unknown
  /** Called when an input is begun, with the stages of its pipeline, for listeners. What it throws fails the input. */
  onBegin?: (job: CaptionJob, stages: readonly EventEmitter[]) => unknown
  /** Called for each input under way, four times a second at most, as `onProgress` of `run()`. */
  onProgress?: (job: CaptionJob, progress: Progress) => unknown
}

/** Longest path of a folder, in characters. */
const LONGEST_PATH = 4096

/** Refuses anything but a list of different formats. */
export function formatsAmong(allowed: readonly CaptionFormat[]): Check {
  return (name, value) => {
    const isSet = Array.isArray(value) && value.length > 0 && new Set(value).size === value.length
    if (value !== undefined && !isSet) throw invalidOption(name, 'an array of different formats', value)
    for (const format of (value ?? []) as unknown[]) oneOf(...allowed)(name, format)
  }
}

const CHECKS: Readonly<Record<keyof CaptionAllOptions, Check>> = {
  outputDir: string(1, LONGEST_PATH),
  formats: formatsAmong(captionFormats),
  existing: oneOf('refuse', 'skip', 'overwrite'),
  resume: checkBoolean,
  jobs: integer(1, 100),
  continueOnError: checkBoolean,
  stages: checkFunction,
  source: (_name, value) => void resolveFfmpegOptions('source', value ?? {}),
  speakers: (name, value) => checkSpeakerNames(name, value),
  layout: (name, value) => {
    const preset = typeof value === 'string' ? { preset: value as PresetName } : ((value ?? {}) as CueLayoutOptions)
    checkLayoutOptions(name, preset, `${name}.`)
  },
  signal: checkSignal,
  stop: checkSignal,
  onPlan: checkFunction,
  onBegin: checkFunction,
  onProgress: checkFunction,
}

/**
 * Captions many recordings, some at a time, and gives the result of each as it comes:
 *
 * ```ts
 * const options = { outputDir: 'captions', formats: ['srt', 'vtt'], existing: 'skip', jobs: 2, continueOnError: true } as const
 * for await (const result of captionAll(['videos/', 'list.txt'], options)) {
 *   console.log(result.job.input, result.status)
 * }
 * ```
 *
 * Outputs have the names of their inputs; two inputs never have the same. Each is called `<name>.part` until all of it is
 * there, so that one which is called by its own name is whole, whatever happened: with `existing: 'skip'` another call makes
 * what is missing. An input is begun only when there is room among `jobs`, where a result stays until it is taken. Leaving the
 * loop aborts what is under way.
 *
 * @returns an async iterator, which may reject with: {@link ConfigurationError} `INVALID_OPTION` where two inputs would have the
 * same outputs; {@link InputError} where a list cannot be read, or no input is there; {@link OutputError} `OUTPUT_EXISTS`. Then
 * nothing was begun. What goes wrong with an input is in its result.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function captionAll(
  inputs: readonly CaptionInput[],
  options: CaptionAllOptions = {},
): AsyncGenerator<CaptionResult, void, undefined> {
  if (!Array.isArray(inputs) || inputs.length === 0) {
    throw refusedOption('inputs', 'captionAll() needs an array with at least one input')
  }
  checkOptions('captionAll()', options, CHECKS)
  return eachOf(inputs, options)
}

async function* eachOf(...given: Parameters<typeof captionAll>): ReturnType<typeof captionAll> {
  const { captionEach } = await import('./caption-each.ts')
  yield* captionEach(...given)
}
