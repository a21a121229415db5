import type { ActivityModelFile, RecogniserModel, SpeakerModelFile } from '../models/model.ts'
import { verifyModel } from '../models/verify.ts'
import type { Recogniser, SpeakerModel, VoiceActivityDetector } from '../parts.ts'
import { AnalysisProcess } from './analysis.ts'
import { OfflineRecogniser, type RecogniserSettings } from './offline.ts'
import { RecogniserPool } from './pool.ts'
import { StreamingRecogniser } from './streaming.ts'

export interface EngineModels {
  recogniser: RecogniserModel
  activity: ActivityModelFile
  /** Absent where nobody tells speakers apart. */
  speakers?: SpeakerModelFile
}

export interface ProcessOptions {
  /** Most processes that recognise words at a time. */
  processes?: number | undefined
  /** The Node.js that runs them. */
  nodePath?: string | undefined
  /** Whether the session wants keyterms, which takes a recogniser that is loaded for it, and is slower. */
  hotwords?: boolean | undefined
}

interface Loaded {
  pool: RecogniserPool
  analysis: AnalysisProcess
  users: number
}

/** Models that are loaded in this process's children, by what they are. */
const loaded = new Map<string, Loaded>()

/** The share of one session in the models. */
export interface EngineLease {
  /** Resolves once all are loaded; rejects with an EngineError where one cannot be. */
  ready(): Promise<void>
  recogniser(settings: RecogniserSettings): Recogniser
  activity(threshold: number | undefined): VoiceActivityDetector
  speakers: SpeakerModel
  /** Gives the share back; the processes end with the last one. Resolves when they have, or at once. */
  release(): Promise<void>
}

/** Shares the processes of the models with all sessions that use the same ones, from the first to the last. */
export function leaseModels(models: EngineModels, wanted: ProcessOptions): EngineLease {
  const options = { ...wanted, hotwords: wanted.hotwords === true && models.recogniser.takesHotwords }
  const key = JSON.stringify([models, options])
  const present = loaded.get(key) ?? load(models, options)
  loaded.set(key, present)
  present.users++
  const { pool, analysis } = present
  const end = async (): Promise<void> => {
    present.users--
    if (present.users > 0) return
    if (loaded.get(key) === present) loaded.delete(key)
    await Promise.all([pool.close(), analysis.close()])
  }
  let released: Promise<void> | undefined
  return {
    async ready() {
      await Promise.all([pool.ready(), analysis.ready()])
    },
    recogniser: (settings) =>
      models.recogniser.mode === 'offline' ? new OfflineRecogniser(pool, settings) : new StreamingRecogniser(pool),
    activity: (threshold) => analysis.activity(threshold),
    speakers: analysis,
    release: () => (released ??= end()),
  }
}

function load(
  { recogniser, activity, speakers }: EngineModels,
  { processes, nodePath, hotwords }: ProcessOptions,
): Loaded {
  const checked = Promise.all([verifyModel(recogniser), verifyModel(activity), speakers && verifyModel(speakers)]).then(
    () => {},
  )
  // Those who start a process are told.
  checked.catch(() => {})
  return {
    pool: new RecogniserPool(recogniser, checked, processes, nodePath, hotwords),
    analysis: new AnalysisProcess(activity, speakers, checked, nodePath),
    users: 0,
  }
}
