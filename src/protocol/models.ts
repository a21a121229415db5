/**
 * The model a session gets that names none: that of our clients, which always send one since the service's own default
 * moves, and that of our servers. It is the newest that AssemblyAI's packages and documents carry (Node 4.41.5, Python
 * 1.8.2, and its pages on streaming), the service's own default since the end of September 2026, and that of the plugins for
 * LiveKit (1.8.9) and Pipecat (1.14.0), all as of 30 November 2026. Newer names are not
 * taken: `universal-3-7-preview` ends a session after seconds, and of others there is one report and no package.
 */
export const DEFAULT_MODEL = 'universal-3-6-pro'

/** Model ids the service was seen to accept (September 2026). New ones come, so others are passed on, with a warning. */
export const speechModels = [
  'universal-streaming-english',
  'universal-streaming-multilingual',
  'whisper-rt',
  'u3-rt-pro',
  'u3-rt-pro-beta-1',
  'u3-rt-agent',
  'universal-3-5-pro',
  'universal-3-6-pro',
  'universal-3-6',
  'universal-3-7-preview',
  '_universal-3-5-notetaker',
] as const

/** Presets of turn detection that are documented; here, too, new ones are passed on. */
export const modes = ['min_latency', 'balanced', 'max_accuracy'] as const

/** What becomes of a model or mode that is not known: it is passed on with a warning, or refused. */
export type UnknownModels = 'open' | 'strict'

/** Kinds of models, which differ in defaults and messages. */
export type ModelFamily = 'universal-streaming' | 'whisper' | 'u3' | 'u3.5'

/** The family of a model id; ids that are not known count as the newest. */
export function modelFamily(model: string): ModelFamily {
  if (model.startsWith('universal-streaming-')) return 'universal-streaming'
  if (model === 'whisper-rt') return 'whisper'
  return model.startsWith('u3-') ? 'u3' : 'u3.5'
}

/** The mode that a session follows: one that is not known has no presets. */
export function knownMode(mode: string | undefined): (typeof modes)[number] {
  return modes.find((known) => known === mode) ?? 'balanced'
}

/** Parameters whose values are names that come and go, with the names that are known. */
export const knownNames = { speechModel: speechModels, mode: modes } as const satisfies Record<
  string,
  readonly string[]
>
