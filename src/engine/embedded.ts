import { checkInteger, checkKnown, checkString } from '../options.ts'
import { energyVad } from './energy-vad.ts'
import type { Engine, EngineSettings } from './engine.ts'
import type { Recogniser, SpeakerTracker, VoiceActivityDetector } from './parts.ts'
import { openPocketSphinx } from './pocketsphinx.ts'
import { EmbeddedSession } from './session.ts'
import { bicSpeakers } from './speakers.ts'

/** Options of {@link embeddedEngine}. */
export interface EmbeddedEngineOptions {
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
   * Opens the recogniser of a session.
   * @defaultValue PocketSphinx
   */
  recogniser?: (settings: EngineSettings) => Promise<Recogniser>
  /**
   * Makes the speaker tracker of a session, for at most `maxSpeakers` speakers.
   * @defaultValue Gaussians compared by BIC
   */
  speakers?: (settings: EngineSettings) => SpeakerTracker
}

const known = ['libraryPath', 'modelPath', 'voiceActivity', 'recogniser', 'speakers']

/**
 * The engine that runs in this process, without network or key: PocketSphinx for the words (English only, with many
 * errors on anything but clear speech), and simple statistics of the voices for the speakers. Meant for trying the
 * library out and for tests. `keyterms` and `model` of the settings have no effect.
 *
 * Takes mono PCM16 at 16 kHz, as fast as it comes. `open()` rejects with an `EngineError` `ENGINE_UNAVAILABLE` where
 * koffi, the library or the model is missing. Throws `ConfigurationError` on wrong options.
 */
export function embeddedEngine(options: EmbeddedEngineOptions = {}): Engine {
  checkKnown('embeddedEngine', options, known)
  const { libraryPath, modelPath, voiceActivity = energyVad, speakers = bicSpeakers } = options
  checkString('libraryPath', libraryPath)
  checkString('modelPath', modelPath)
  const location = { ...(libraryPath && { libraryPath }), ...(modelPath && { modelPath }) }
  const recogniser =
    options.recogniser ?? (({ partials }: EngineSettings) => openPocketSphinx({ ...location, partials }))
  return {
    name: 'pocketsphinx',
    model: 'pocketsphinx-en-us',
    sampleRate: 16_000,
    fasterThanRealTime: true,
    async open(settings, listener) {
      // The recogniser comes last: it is the only part that would have to be freed if another could not be made.
      const activity = voiceActivity()
      // Speech is known for each 10 ms; of frames shorter than that none would ever be complete.
      checkInteger('frameSamples of voiceActivity', activity.frameSamples, 160, 16_000)
      const parts = { activity, speakers: speakers(settings), recogniser: await recogniser(settings) }
      return new EmbeddedSession(parts, settings, listener)
    },
  }
}
