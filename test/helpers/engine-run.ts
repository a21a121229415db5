import type {
  Engine,
  EngineRevision,
  EngineSettings,
  EngineTurn,
  EngineUnrecognizedSpeech,
  EngineWord,
} from '../../src/engine/engine.ts'

/** Settings of an ordinary session with speaker labels. */
export const ordinarySettings: EngineSettings = {
  speakerLabels: true,
  revisionInterval: 0,
  formatTurns: false,
  partials: false,
  minTurnSilence: 400,
  maxTurnSilence: 1280,
  keyterms: [],
  languages: [],
  model: '',
}

/** What an engine reported about a stretch of audio. */
export interface EngineRun {
  partials: EngineTurn[]
  finals: EngineTurn[]
  revisions: EngineRevision[]
  unrecognized: EngineUnrecognizedSpeech[]
  /** Words of all finals as first reported, and after the revisions. */
  words: EngineWord[]
  revisedWords: EngineWord[]
}

/** Sends all of `samples` through one session of `engine`, in frames of 50 ms. */
export async function runEngine(
  engine: Engine,
  samples: Int16Array,
  settings: Partial<EngineSettings> = {},
): Promise<EngineRun> {
  const run: EngineRun = { partials: [], finals: [], revisions: [], unrecognized: [], words: [], revisedWords: [] }
  let failure: Error | undefined
  const session = await engine.open(
    { ...ordinarySettings, ...settings },
    {
      speechStarted() {},
      turn: (turn) => void (turn.endOfTurn ? run.finals : run.partials).push(turn),
      revision: (revisions) => void run.revisions.push(...revisions),
      unrecognized: (speech) => void run.unrecognized.push(speech),
      failed: (error) => void (failure = error),
    },
  )
  try {
    const frame = engine.sampleRate / 20
    for (let at = 0; at < samples.length; at += frame) await session.write(samples.subarray(at, at + frame))
    await session.end()
  } finally {
    await session.destroy()
  }
  if (failure !== undefined) throw failure
  const revised = new Map(run.revisions.map(({ order, words }) => [order, words]))
  run.words = run.finals.flatMap((turn) => turn.words)
  run.revisedWords = run.finals.flatMap((turn) => revised.get(turn.order) ?? turn.words)
  return run
}
