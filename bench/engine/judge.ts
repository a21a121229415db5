import { align, speakerAccuracy, type ScoredWord } from '../../test/helpers/scoring.ts'
import type { Clip } from './clip.ts'
import { diarizationError, rateOf, totalError, type DiarizationError } from './diarization-error.ts'
import type { Listened } from './listen.ts'
import { spansOf, type LabelledTurn } from './score.ts'

/** How well speakers were told apart, by one set of labels. */
export interface SpeakerResult {
  /** With a collar of 0 and of 250 ms. */
  strict: DiarizationError
  collared: DiarizationError
  /** Words with the right speaker, and words in all. */
  right: number
  words: number
  /** Whether as many speakers were found as there are. */
  counted: boolean
}

/** What came out for one clip. */
export interface ClipResult {
  clip: Pick<Clip, 'name' | 'group' | 'tuning'>
  /** Absent where who spoke is not known. */
  live?: SpeakerResult
  revised?: SpeakerResult
  /** Wrong, missing and surplus words, and words of the reference; absent where the text is not known. */
  edits?: number
  referenceWords?: number
  /** How far word starts lie from the truth, in ms, where that is known. */
  startErrors?: number[]
  /** Length of the audio, and the time it took, in ms. */
  audio: number
  wall: number
  /** Most memory of a process, in bytes. */
  memory: number
  languages: string[]
}

const wordsOf = (turns: readonly LabelledTurn[]): ScoredWord[] =>
  turns.flatMap(({ words, speaker }) =>
    words.map((word) => {
      const said = word.speaker ?? speaker
      const { text, start, end } = word
      return said === undefined ? { text, start, end } : { text, start, end, speaker: said }
    }),
  )

function judgeSpeakers(turns: readonly LabelledTurn[], spans: NonNullable<Clip['spans']>): SpeakerResult {
  const found = spansOf(turns)
  const words = wordsOf(turns)
  const count = (of: readonly { speaker: string }[]): number => new Set(of.map(({ speaker }) => speaker)).size
  return {
    strict: diarizationError(spans, found),
    collared: diarizationError(spans, found, 250),
    right: Math.round(speakerAccuracy(words, spans).words * words.length),
    words: words.length,
    counted: count(found) === count(spans),
  }
}

/** The letters and digits of a text that puts no spaces between words. */
export function charactersOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}]/gu) ?? []
}

function startErrors(timed: readonly ScoredWord[], found: readonly ScoredWord[]): number[] {
  const { pairs } = align(
    timed.map(({ text }) => text),
    found.map(({ text }) => text),
  )
  return pairs.map(([reference, heard]) => Math.abs(found[heard]!.start - timed[reference]!.start))
}

/** Compares what the engine made of a clip with what is known of it. */
export function judgeClip(clip: Clip, heard: Listened): ClipResult {
  const { name, group, tuning, samples, spans, words, timed, characters = false } = clip
  const found = wordsOf(heard.live)
  // "real-time" and "real time" are the same words.
  const said = found.flatMap(({ text }) => (characters ? charactersOf(text) : text.split(/[-–—]/)))
  return {
    clip: { name, group, tuning },
    ...(spans && { live: judgeSpeakers(heard.live, spans), revised: judgeSpeakers(heard.revised, spans) }),
    ...(words && { edits: align(words, said).edits, referenceWords: words.length }),
    ...(timed && { startErrors: startErrors(timed, found) }),
    audio: samples.length / 16,
    wall: heard.wall,
    memory: heard.memory,
    languages: heard.languages,
  }
}

/** Figures over several clips; shares of 1. Absent where no clip has what is needed. */
export interface Summary {
  clips: number
  live?: SpeakerFigures
  revised?: SpeakerFigures
  wordErrorRate?: number
  /** Error of word starts in ms: median and 95 %. */
  startError?: { median: number; p95: number }
  /** Seconds of work per second of audio. */
  realTimeFactor: number
  /** Most memory of a process, in bytes. */
  memory: number
}

/** Shares of 1. */
export interface SpeakerFigures {
  strict: number
  collared: number
  /** What of `collared` no labels could mend: speech without words, and words without speech. */
  unlabelled: number
  wordsRight: number
  counted: number
}

function figures(results: readonly SpeakerResult[]): SpeakerFigures {
  const sum = (of: (result: SpeakerResult) => number): number => results.reduce((total, one) => total + of(one), 0)
  const collared = totalError(results.map((result) => result.collared))
  return {
    strict: rateOf(totalError(results.map(({ strict }) => strict))),
    collared: rateOf(collared),
    unlabelled: rateOf({ ...collared, confused: 0 }),
    wordsRight:
      sum(({ right }) => right) /
      Math.max(
        1,
        sum(({ words }) => words),
      ),
    counted: sum(({ counted }) => Number(counted)) / results.length,
  }
}

/** The value below which a share of `values` lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/** Adds the results of several clips up. */
export function summarise(results: readonly ClipResult[]): Summary {
  const sum = (of: (result: ClipResult) => number): number => results.reduce((total, one) => total + of(one), 0)
  const live = results.flatMap((result) => result.live ?? [])
  const revised = results.flatMap((result) => result.revised ?? [])
  const words = sum(({ referenceWords = 0 }) => referenceWords)
  const errors = results.flatMap(({ startErrors: each = [] }) => each)
  return {
    clips: results.length,
    ...(live.length > 0 && { live: figures(live), revised: figures(revised) }),
    ...(words > 0 && { wordErrorRate: sum(({ edits = 0 }) => edits) / words }),
    ...(errors.length > 0 && { startError: { median: quantile(errors, 0.5), p95: quantile(errors, 0.95) } }),
    realTimeFactor: sum(({ wall }) => wall) / sum(({ audio }) => audio),
    memory: Math.max(...results.map(({ memory }) => memory)),
  }
}
