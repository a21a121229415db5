import path from 'node:path'
import { type Check, checkBoolean, checkOptions, defined, integer, string } from '../options.ts'
import type { Engine, EngineListener, EngineSettings } from './engine.ts'
import { findActivityModel, findRecogniser, findSpeakerModel } from './models/find.ts'
import { checkLanguage } from './models/languages.ts'
import { bundledPackage, findPackage } from './models/package.ts'
import { leaseModels } from './process/shared-models.ts'
import { EmbeddedSession } from './turns/session.ts'
import { trackSpeakers } from './voices/tracker.ts'

/** Options of {@link embeddedEngine}. */
export interface EmbeddedEngineOptions {
  /**
   * The model for words: a name that `diarize-stream models list` shows, the folder of one (with a `/` in it), or the name
   * of an installed package with one.
   * @defaultValue that of the package `diarize-stream-model-en-tiny`, Whisper tiny.en
   */
  model?: string
  /**
   * The model that tells voices apart: a name in that list, or an `.onnx` file.
   * @defaultValue that of the same package
   */
  speakerModel?: string
  /**
   * The language that is spoken, as an ISO 639-1 code, or `'auto'`, where the model can tell. What a session asks for goes
   * first.
   * @defaultValue `'auto'`
   */
  language?: string
  /**
   * Whether the language may change in the middle of a session; else it is settled over the first 8 s of speech.
   * @defaultValue false
   */
  languageMayChange?: boolean
  /**
   * Most processes that recognise words at a time, 1 to 64; each takes up to 0.35 GB with the model of the package.
   * @defaultValue one for each core
   */
  processes?: number
  /**
   * Path of the Node.js that runs these processes, for programs that are run by something else, such as Electron.
   * @defaultValue `DIARIZE_STREAM_NODE`, else the Node.js that runs this process
   */
  nodePath?: string
}

const checks: Readonly<Record<keyof EmbeddedEngineOptions, Check>> = {
  model: string(),
  speakerModel: string(),
  language: string(),
  languageMayChange: checkBoolean,
  processes: integer(1, 64),
  nodePath: string(),
}

/**
 * The engine that runs on this machine, without network or key: a neural recogniser, Silero's detector of speech and a
 * model of voices, by sherpa-onnx in processes of their own, which all sessions of this process share.
 *
 * Takes mono PCM16 at 16 kHz, as fast as it comes. `open()` rejects with an `EngineError`: `MODEL_MISSING` or
 * `ENGINE_UNAVAILABLE` where a model or package is missing, and a ConfigurationError for a language that the model does not
 * know. Models are loaded while the session has begun: it fails with `MODEL_UNUSABLE` or `ENGINE_UNAVAILABLE` where one
 * cannot be. Throws `ConfigurationError` on wrong options.
 */
export function embeddedEngine(options: EmbeddedEngineOptions = {}): Engine {
  checkOptions('embeddedEngine', options, checks)
  const { model } = options
  return {
    name: 'sherpa-onnx',
    model: model === undefined ? bundledModelName() : path.basename(path.resolve(model)),
    sampleRate: 16_000,
    fasterThanRealTime: true,
    open: (settings, listener) => openSession(options, settings, listener),
  }
}

/** The name of the model that comes with the package; that of its npm package where this is not installed. */
function bundledModelName(): string {
  try {
    return findPackage(bundledPackage).name
  } catch {
    return bundledPackage
  }
}

/**
 * Holds the models that sessions which tell speakers apart will use until they are released. `ready()` resolves once they are
 * loaded.
 *
 * @throws (rejects with) what `open()` of such a session would reject with; `ready()` with what it would fail with.
 */
export async function reserveModels(
  options: EmbeddedEngineOptions,
): Promise<{ ready(): Promise<void>; release(): Promise<void> }> {
  const { lease } = await leaseFor(options, { speakerLabels: true, languages: [], keyterms: [] })
  return lease
}

async function leaseFor(
  options: EmbeddedEngineOptions,
  settings: Pick<EngineSettings, 'speakerLabels' | 'languages' | 'keyterms'>,
) {
  const { speakerModel, nodePath, processes } = options
  const recogniser = await findRecogniser(options.model)
  const language = checkLanguage(settings.languages[0] ?? options.language, recogniser)
  const activity = await findActivityModel(recogniser.folder)
  const speakers = settings.speakerLabels ? await findSpeakerModel(speakerModel, recogniser.folder) : undefined
  const models = { recogniser, activity, ...defined({ speakers }) }
  const lease = leaseModels(models, { processes, nodePath, hotwords: settings.keyterms.length > 0 })
  return { lease, language, speakers }
}

async function openSession(
  options: EmbeddedEngineOptions,
  settings: EngineSettings,
  listener: EngineListener,
): Promise<EmbeddedSession> {
  const { lease, language, speakers } = await leaseFor(options, settings)
  const parts = {
    activity: lease.activity(settings.vadThreshold),
    recogniser: lease.recogniser({ language, mayChangeLanguage: options.languageMayChange ?? false }),
    ...(speakers && { speakers: trackSpeakers(settings, lease.speakers) }),
    release: () => lease.release(),
  }
  const session = new EmbeddedSession(parts, settings, listener)
  session.setKeyterms(settings.keyterms)
  // The client is not kept waiting: what it sends meanwhile waits for the models.
  lease.ready().catch((error: unknown) => session.fail(error))
  return session
}
