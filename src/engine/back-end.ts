import path from 'node:path'
import { ConfigurationError, EngineError } from '../errors.ts'
import { checkOneOf, checkString } from '../options.ts'
import type { EngineSettings } from './engine.ts'
import { findRecogniser, findSpeakers, firstInstalled } from './models/installed.ts'
import type { Recogniser, SpeakerModel } from './parts.ts'
import { openPocketSphinx } from './pocketsphinx.ts'
import type { LibraryLocation } from './pocketsphinx-library.ts'
import { SherpaHost } from './sherpa/host.ts'

/** Which program turns speech into words, and with which model. */
export interface BackEndOptions {
  /**
   * What recognises words: PocketSphinx, or neural models by sherpa-onnx.
   * @defaultValue `'sherpa'` where `model` names a model, or one has been pulled and no option is of PocketSphinx; else
   * `'pocketsphinx'`
   */
  backend?: 'pocketsphinx' | 'sherpa'
  /**
   * The model for words: a name that `diarize-stream models list` shows, the folder of a streaming transducer of
   * sherpa-onnx (with a `/` in it), or `'pocketsphinx'`.
   * @defaultValue the first in that list that has been pulled
   */
  model?: string
  /**
   * The model that tells voices apart: a name in that list, or an `.onnx` file.
   * @defaultValue the first in that list that has been pulled, where `speakers` is not given
   */
  speakerModel?: string
}

/** What was chosen. */
export interface BackEnd {
  /** Short name for people. */
  name: string
  /** Name of the model. */
  model: string
  openRecogniser(settings: EngineSettings): Promise<Recogniser>
  /** Absent where no speaker model was named or pulled. */
  openSpeakers?: () => Promise<SpeakerModel>
}

/** Names of {@link BackEndOptions}. */
export const backEndNames = ['backend', 'model', 'speakerModel']

/**
 * Chooses the back end of an engine. What is missing is told when it is opened.
 *
 * @throws ConfigurationError `INVALID_OPTION` for options that are wrong or exclude each other.
 */
export function chooseBackEnd(options: BackEndOptions, location: LibraryLocation): BackEnd {
  const { backend, model, speakerModel } = options
  checkOneOf('backend', backend, ['pocketsphinx', 'sherpa'])
  checkString('model', model)
  checkString('speakerModel', speakerModel)
  const isForPocketSphinx = location.libraryPath !== undefined || location.modelPath !== undefined
  const wantsPocketSphinx = backend === 'pocketsphinx' || model === 'pocketsphinx' || isForPocketSphinx
  const wantsSherpa = backend === 'sherpa' || (model !== undefined && model !== 'pocketsphinx')
  if (wantsPocketSphinx && wantsSherpa) {
    throw new ConfigurationError(
      'INVALID_OPTION',
      `${backend === undefined ? 'model' : 'backend'} does not go with the other options of embeddedEngine: some are ` +
        'of PocketSphinx (libraryPath, modelPath), others of sherpa-onnx (model); leave one of them out',
      { option: backend === undefined ? 'model' : 'backend' },
    )
  }
  const name = model ?? (wantsPocketSphinx ? undefined : firstInstalled('recogniser')?.name)
  const host = new SherpaHost()
  const voices = speakerModel ?? firstInstalled('speakers')?.name
  const openSpeakers = voices === undefined ? {} : { openSpeakers: () => host.openSpeakers(findSpeakers(voices)) }
  if (wantsSherpa || (!wantsPocketSphinx && name !== undefined)) {
    return {
      name: 'sherpa-onnx',
      model: name === undefined ? 'none' : path.basename(path.resolve(name)),
      ...openSpeakers,
      async openRecogniser() {
        if (name !== undefined) return await host.openRecogniser(findRecogniser(name))
        throw new EngineError(
          'MODEL_MISSING',
          'no model has been pulled; get one: diarize-stream models list, then diarize-stream models pull <name>',
        )
      },
    }
  }
  return {
    name: 'pocketsphinx',
    model: 'pocketsphinx-en-us',
    ...openSpeakers,
    openRecogniser: ({ partials, keyterms }) => openPocketSphinx({ ...location, partials, keyterms }),
  }
}
