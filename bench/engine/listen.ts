import { readFileSync } from 'node:fs'
import { embeddedEngine, type EmbeddedEngineOptions } from '../../src/engine/embedded.ts'
import type { EngineTurn } from '../../src/engine/engine.ts'
import { ordinarySettings } from '../../test/helpers/engine-run.ts'
import { childProcesses } from '../../test/helpers/processes.ts'
import type { LabelledTurn } from './score.ts'

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

/** Most memory a process has held, in bytes. */
function peakMemory(): number {
  const peaks = childProcesses('engine-process.js').map(({ pid }) => {
    try {
      return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
    } catch {
      return 0
    }
  })
  return Math.max(0, ...peaks)
}

/** Memory that the processes of the engine hold now, in bytes: the most of one. */
function memoryNow(): number {
  const all = childProcesses('engine-process.js').map(({ pid }) => {
    try {
      return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
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
      if (endOfTurn && ++finals === Math.floor(count / 10)) early = memoryNow()
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
    return { early, late: memoryNow() }
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
    memory = peakMemory()
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
