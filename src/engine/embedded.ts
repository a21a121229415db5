import { checkInteger, checkKnown, checkString } from '../options.ts'
import { type BackEndOptions, backEndNames, chooseBackEnd } from './back-end.ts'
import { energyVad } from './energy-vad.ts'
import type { Engine, EngineSettings } from './engine.ts'
import type { Recogniser, SpeakerModel, SpeakerTracker, VoiceActivityDetector } from './parts.ts'
import { EmbeddedSession } from './session.ts'
import { trackSpeakers } from './speakers.ts'

/** Options of {@link embeddedEngine}. */
export interface EmbeddedEngineOptions extends BackEndOptions {
  /**
   * Path of the PocketSphinx shared library; libsphinxbase is looked for beside it, then on the system.
   * @defaultValue the system's libpocketsphinx.so.3
   */
  libraryPath?: string
  /**
   * Folder with the model: `en-us/`, `en-us.lm.bin` and `cmudict-en-us.dict`.
   * @defaultValue `/usr/share/pocketsphinx/model/en-us/`
   */
  modelPath?: string
  /**
   * Makes the detector of speech of a session.
   * @defaultValue by the level above the noise
   */
  voiceActivity?: () => VoiceActivityDetector
  /**
   * Opens the recogniser of a session, in place of `backend` and `model`.
   * @defaultValue that of `backend`
   */
  recogniser?: (settings: EngineSettings) => Promise<Recogniser>
  /**
   * Makes the speaker tracker of a session, for at most `maxSpeakers` speakers. It gets the speaker model where there is
   * one, which the engine closes.
   * @defaultValue by the model where there is one, else by statistics of the voices
   */
  speakers?: (settings: EngineSettings, model?: SpeakerModel) => SpeakerTracker
}

const known = ['libraryPath', 'modelPath', 'voiceActivity', 'recogniser', 'speakers', ...backEndNames]

/**
 * The engine that runs on this machine, without network or key: PocketSphinx for the words (English only, with many
 * errors on anything but clear speech), or a neural model that was pulled (`docs/engines.md`), and statistics of the
 * voices for the speakers. PocketSphinx listens for the `keyterms` of the settings; their `model` has no effect.
 *
 * Takes mono PCM16 at 16 kHz, as fast as it comes. `open()` rejects with an `EngineError`: `ENGINE_UNAVAILABLE` where a
 * package, the library or its model is missing, `MODEL_MISSING` or `MODEL_UNUSABLE` for a model that was named or pulled.
 * Throws `ConfigurationError` on wrong options.
 */
export function embeddedEngine(options: EmbeddedEngineOptions = {}): Engine {
  checkKnown('embeddedEngine', options, known)
  const { libraryPath, modelPath, voiceActivity = energyVad, speakers = trackSpeakers } = options
  checkString('libraryPath', libraryPath)
  checkString('modelPath', modelPath)
  const location = { ...(libraryPath && { libraryPath }), ...(modelPath && { modelPath }) }
  const backEnd = chooseBackEnd(options, location)
  const recogniser = options.recogniser ?? ((settings: EngineSettings) => backEnd.openRecogniser(settings))
  const wantsModel = options.speakers === undefined || options.speakerModel !== undefined
  return {
    name: backEnd.name,
    model: backEnd.model,
    sampleRate: 16_000,
    fasterThanRealTime: true,
    async open(settings, listener) {
      const activity = voiceActivity()
      // Speech is known for each 10 ms; of frames shorter than that none would ever be complete.
      checkInteger('frameSamples of voiceActivity', activity.frameSamples, 160, 16_000)
      const model = settings.speakerLabels && wantsModel ? await backEnd.openSpeakers?.() : undefined
      try {
        const tracker = closingModel(speakers(settings, model), model)
        // The recogniser comes last: nothing after it can fail.
        const parts = { activity, speakers: tracker, recogniser: await recogniser(settings) }
        return new EmbeddedSession(parts, settings, listener)
      } catch (error) {
        await model?.close?.()
        throw error
      }
    },
  }
}

/** A tracker that closes the model with itself. */
function closingModel(tracker: SpeakerTracker, model: SpeakerModel | undefined): SpeakerTracker {
  if (model === undefined) return tracker
  return {
    attribute: (turn) => tracker.attribute(turn),
    revise: () => tracker.revise(),
    async close() {
      await Promise.all([tracker.close?.(), model.close?.()])
    },
  }
}
