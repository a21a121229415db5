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

interface Shared<T> {
  value: T
  users: number
}

/** What runs in this process's children, by the models it was made of. */
const pools = new Map<string, Shared<RecogniserPool>>()
const analyses = new Map<string, Shared<AnalysisProcess>>()

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
  const { recogniser, activity, speakers } = models
  const { processes, nodePath } = wanted
  const hotwords = wanted.hotwords === true && recogniser.takesHotwords
  const pool = share(pools, [recogniser, processes, nodePath, hotwords], () => {
    return new RecogniserPool(recogniser, whole(recogniser), processes, nodePath, hotwords)
  })
  const analysis = leaseAnalysis(activity, speakers, nodePath)
  let released: Promise<void> | undefined
  return {
    async ready() {
      await Promise.all([pool.value.ready(), analysis.value.ready()])
    },
    recogniser: (settings) =>
      recogniser.mode === 'offline' ? new OfflineRecogniser(pool.value, settings) : new StreamingRecogniser(pool.value),
    activity: (threshold) => analysis.value.activity(threshold),
    speakers: analysis.value,
    release: () => (released ??= Promise.all([pool.release(), analysis.release()]).then(() => {})),
  }
}

/** A share in what the process of other models does, without a recogniser; it is to be given back once. */
export function leaseAnalysis(
  activity: ActivityModelFile,
  speakers: SpeakerModelFile | undefined,
  nodePath?: string,
): Share<AnalysisProcess> {
  return share(analyses, [activity, speakers, nodePath], () => {
    return new AnalysisProcess(activity, speakers, whole(activity, ...(speakers ? [speakers] : [])), nodePath)
  })
}

/** A share in something that is closed with the last of its users. */
interface Share<T> {
  readonly value: T
  /** Resolves when it is closed, where this was the last share, or at once. */
  release(): Promise<void>
}

function share<T extends { close(): Promise<void> }>(
  all: Map<string, Shared<T>>,
  parts: readonly unknown[],
  make: () => T,
): Share<T> {
  const key = JSON.stringify(parts)
  const present = all.get(key) ?? { value: make(), users: 0 }
  all.set(key, present)
  present.users++
  return {
    value: present.value,
    async release() {
      present.users--
      if (present.users > 0) return
      if (all.get(key) === present) all.delete(key)
      await present.value.close()
    },
  }
}

/** Resolves once the files of the models have been found to be whole. */
function whole(...models: (RecogniserModel | SpeakerModelFile | ActivityModelFile)[]): Promise<void> {
  const checked = Promise.all(models.map(verifyModel)).then(() => {})
  // Those who start a process are told.
  checked.catch(() => {})
  return checked
}
