import { embeddedEngine, type EmbeddedEngineOptions } from '../../src/engine/embedded.ts'
import type { EngineSettings, EngineTurn } from '../../src/engine/engine.ts'
import type { SpeakerTracker } from '../../src/engine/parts.ts'
import { trackSpeakers } from '../../src/engine/speakers.ts'
import { ordinarySettings } from '../../test/helpers/engine-run.ts'
import type { LabelledTurn } from './score.ts'

/** What the engine made of a clip. */
export interface Listened {
  /** Final turns with the labels they were first given, and with those after the last revision. */
  live: LabelledTurn[]
  revised: LabelledTurn[]
  /** Processor time of everything, and of telling the speakers apart, in ms. */
  cpu: number
  speakersCpu: number
  /** For each final, ms between the end of its last word and its coming; only where the audio came in real time. */
  lateness: number[]
}

/** Processor time of this process and its threads, in ms. */
const spent = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** A tracker that adds the processor time it takes to `total`. */
function timed(tracker: SpeakerTracker, total: { ms: number }): SpeakerTracker {
  const time = async <Result>(work: () => Result | Promise<Result>): Promise<Result> => {
    const before = spent()
    const result = await work()
    // Nothing else runs meanwhile: a session works on one thing at a time.
    total.ms += spent() - before
    return result
  }
  return {
    attribute: (turn) => time(() => tracker.attribute(turn)),
    revise: () => time(() => tracker.revise()),
  }
}

/** Sends `samples` through a session of the embedded engine, as fast as it takes them or as fast as they play. */
export async function listen(
  samples: Int16Array,
  options: EmbeddedEngineOptions,
  realTime: boolean,
): Promise<Listened> {
  const speakers = { ms: 0 }
  const turns: EngineTurn[] = []
  const revisions = new Map<number, LabelledTurn>()
  const lateness: number[] = []
  let failure: Error | undefined
  const engine = embeddedEngine({
    ...options,
    speakers: (settings: EngineSettings, model) => timed(trackSpeakers(settings, model), speakers),
  })
  const cpuBefore = spent()
  let startedAt = Date.now()
  const session = await engine.open(ordinarySettings, {
    speechStarted() {},
    turn(turn) {
      if (!turn.endOfTurn) return
      turns.push(turn)
      if (realTime) lateness.push(Date.now() - startedAt - turn.words.at(-1)!.end)
    },
    revision: (changed) => {
      for (const revision of changed) revisions.set(revision.order, revision)
    },
    failed: (error) => void (failure = error),
  })
  startedAt = Date.now()
  try {
    const frame = engine.sampleRate / 20
    for (let at = 0; at < samples.length; at += frame) {
      const due = startedAt + ((at + frame) * 1000) / engine.sampleRate - Date.now()
      if (realTime && due > 0) await new Promise((resolve) => setTimeout(resolve, due))
      await session.write(samples.subarray(at, at + frame))
    }
    await session.end()
  } finally {
    await session.destroy()
  }
  if (failure !== undefined) throw failure
  return {
    live: turns,
    revised: turns.map((turn) => revisions.get(turn.order) ?? turn),
    cpu: spent() - cpuBefore,
    speakersCpu: speakers.ms,
    lateness,
  }
}
