import { RttmRuns } from '../../src/captions/formats/scoring.ts'
import { wordRuns } from '../../src/captions/segments.ts'
import { embeddedEngine, type EmbeddedEngineOptions } from '../../src/engine/embedded.ts'
import type { EngineTurn, EngineWord } from '../../src/engine/engine.ts'
import { diarizationError, type DiarizationError, rateOf, totalError } from '../../test/helpers/diarization-error.ts'
import { ordinarySettings } from '../../test/helpers/engine-run.ts'
import { childProcesses } from '../../test/helpers/processes.ts'
import { align, parseRttm, type ScoredWord, speakerAccuracy, type SpeakerSpan } from '../../test/helpers/scoring.ts'
import { percentile } from '../statistics.ts'
import type { Clip } from './recordings.ts'
import { readFileSync } from 'node:fs'

/** What the engine made of a clip. */
export interface Listened {
  /** Final turns with the labels they were first given, and with those after the last revision. */
  live: LabelledTurn[]
  revised: LabelledTurn[]
  /** Languages of the turns. */
  languages: string[]
  /** Time from the first audio to the last turn, in ms. */
  wall: number
  /** Most memory that one process of the engine held, in bytes; 0 where the system does not say. */
  memory: number
  /** Only where the audio came in real time. */
  delays?: Delays
}

/** How long after they were said words came, in ms. */
export interface Delays {
  /** For each final: after the end of its last word, and how long the turn is. */
  finals: { late: number; length: number }[]
  /** For each turn that had partials: from its first word's start to the first partial. */
  firstPartials: number[]
}

/** The most memory of a process of the engine, in bytes: that it has held (`VmHWM`), or holds now (`VmRSS`). */
function mostMemory(field: 'VmHWM' | 'VmRSS'): number {
  const all = childProcesses('engine-process.js').map(({ pid }) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      return 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
    } catch {
      return 0
    }
  })
  return Math.max(0, ...all)
}

/** Keeps the models of an engine loaded until the function that it resolves to is called. */
export async function keepLoaded(options: EmbeddedEngineOptions = {}): Promise<() => Promise<void>> {
  const failed = (error: Error): void => console.error(error)
  const listener = { speechStarted() {}, turn() {}, revision() {}, failed }
  const session = await embeddedEngine(options).open(ordinarySettings, listener)
  return () => session.destroy()
}

/** Sends one utterance again and again, `count` times; resolves to the memory after a tenth of them and at the end, in bytes. */
export async function endure(utterance: Int16Array, count: number): Promise<{ early: number; late: number }> {
  const engine = embeddedEngine({ processes: 1 })
  let finals = 0
  let early = 0
  let failure: Error | undefined
  const session = await engine.open(ordinarySettings, {
    speechStarted() {},
    turn: ({ endOfTurn }) => {
      if (endOfTurn && ++finals === Math.floor(count / 10)) early = mostMemory('VmRSS')
    },
    revision() {},
    failed: (error) => void (failure = error),
  })
  try {
    for (let sent = 0; sent < count; sent++) {
      await session.write(utterance)
      await session.write(new Int16Array(12_800))
    }
    await session.end()
    if (failure !== undefined) throw failure
    return { early, late: mostMemory('VmRSS') }
  } finally {
    await session.destroy()
  }
}

/** Sends `samples` through a session of the engine, as fast as it takes them or as fast as they play. */
export async function listen(
  samples: Int16Array,
  options: EmbeddedEngineOptions = {},
  realTime = false,
): Promise<Listened> {
  const turns: EngineTurn[] = []
  const revisions = new Map<number, LabelledTurn>()
  const delays: Delays = { finals: [], firstPartials: [] }
  let failure: Error | undefined
  let partialOf = -1
  let startedAt = performance.now()
  const late = (ms: number): number => performance.now() - startedAt - ms
  const engine = embeddedEngine(options)
  const session = await engine.open(
    { ...ordinarySettings, formatTurns: true, partials: realTime },
    {
      speechStarted() {},
      turn(turn) {
        const [first, last] = [turn.words[0]!, turn.words.at(-1)!]
        if (!turn.endOfTurn) {
          if (turn.order > partialOf) delays.firstPartials.push(late(first.start))
          partialOf = turn.order
          return
        }
        turns.push(turn)
        delays.finals.push({ late: late(last.end), length: last.end - first.start })
      },
      revision: (changed) => {
        for (const revision of changed) revisions.set(revision.order, revision)
      },
      failed: (error) => void (failure = error),
    },
  )
  startedAt = performance.now()
  let memory = 0
  let wall = 0
  try {
    const frame = engine.sampleRate / 20
    for (let at = 0; at < samples.length; at += frame) {
      const due = ((at + frame) * 1000) / engine.sampleRate - (performance.now() - startedAt)
      if (realTime && due > 0) await new Promise((resolve) => setTimeout(resolve, due))
      await session.write(samples.subarray(at, at + frame))
    }
    await session.end()
    wall = performance.now() - startedAt
    memory = mostMemory('VmHWM')
  } finally {
    await session.destroy()
  }
  if (failure !== undefined) throw failure
  return {
    live: turns,
    revised: turns.map((turn) => revisions.get(turn.order) ?? turn),
    languages: [...new Set(turns.flatMap(({ language }) => language ?? []))],
    wall,
    memory,
    ...(realTime && { delays }),
  }
}

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

/** The words of a text: "real-time" and "and/or" are the same ones as "real time" and "and or". */
export function spokenWords(text: string): string[] {
  return text.split(/[\s/–—-]+/).filter((word) => /[\p{L}\p{N}]/u.test(word))
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
  const said = found.flatMap(({ text }) => (characters ? charactersOf(text) : spokenWords(text)))
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
    ...(errors.length > 0 && { startError: { median: percentile(errors, 0.5), p95: percentile(errors, 0.95) } }),
    realTimeFactor: sum(({ wall }) => wall) / sum(({ audio }) => audio),
    memory: Math.max(...results.map(({ memory }) => memory)),
  }
}

/** A final turn, as far as who spoke is concerned. */
export interface LabelledTurn {
  order: number
  speaker?: string
  words: readonly EngineWord[]
}

/** Who speaks when by `turns`, as the library's own RTTM says it. */
export function spansOf(turns: readonly LabelledTurn[]): SpeakerSpan[] {
  const runs = new RttmRuns()
  const lines = turns.map(({ order, speaker, words }) => {
    const turn = {
      sessionId: '',
      order,
      revision: 0,
      endOfTurn: true,
      formatted: false,
      transcript: words.map(({ text }) => text).join(' '),
      words: [...words],
      start: words[0]?.start ?? 0,
      end: words.at(-1)?.end ?? 0,
      ...(speaker !== undefined && { speaker }),
    }
    return wordRuns(turn)
      .map((segment) => runs.add(segment))
      .join('')
  })
  return parseRttm(lines.join('') + runs.end())
}
