import type { EngineSettings, EngineSettingsUpdate } from '../engine/engine.ts'
import type { ConnectionParameters } from '../protocol/parameters.ts'

/** Model a session gets that names none: the default of the service since the end of September 2026. */
export const DEFAULT_MODEL = 'universal-3-6-pro'

/** Kinds of models, which differ in defaults and messages. */
export type ModelFamily = 'universal-streaming' | 'whisper' | 'u3' | 'u3.5'

/** Everything a session follows: what the client asked for, and the server's defaults for the rest. */
export interface SessionSettings {
  /** What the engine is opened with. */
  engine: EngineSettings
  family: ModelFamily
  /** Turn detection preset, as `Begin` echoes it; `null` where the model has none. */
  mode: string | null
  /** Samples per second of the audio messages, in Hz. */
  sampleRate: number
  encoding: 'pcm_s16le' | 'pcm_mulaw'
  /** Whether finals say their language. */
  languageDetection: boolean
  /** Whether `Heartbeat` is sent every 5 s. */
  heartbeat: boolean
  /** Milliseconds without a message after which the session ends; absent for never. */
  inactivityMs?: number
}

interface Preset {
  minTurnSilence: number
  maxTurnSilence: number
}

const modePresets: Readonly<Record<string, Preset>> = {
  min_latency: { minTurnSilence: 128, maxTurnSilence: 640 },
  balanced: { minTurnSilence: 128, maxTurnSilence: 1280 },
  max_accuracy: { minTurnSilence: 512, maxTurnSilence: 2560 },
}
const universalStreaming: Preset = { minTurnSilence: 400, maxTurnSilence: 1280 }
const u3: Preset = { minTurnSilence: 100, maxTurnSilence: 1000 }
/** Replaces every other preset while speakers are told apart. */
const diarized: Preset = { minTurnSilence: 640, maxTurnSilence: 768 }

/** The family of a model id; ids that are not the service's count as the newest. */
export function modelFamily(model: string): ModelFamily {
  if (model.startsWith('universal-streaming-')) return 'universal-streaming'
  if (model === 'whisper-rt') return 'whisper'
  return model.startsWith('u3-') ? 'u3' : 'u3.5'
}

function presetFor(family: ModelFamily, mode: string, speakerLabels: boolean): Preset {
  if (speakerLabels) return diarized
  if (family === 'u3') return u3
  return (family === 'u3.5' ? modePresets[mode] : undefined) ?? universalStreaming
}

/** Silences beyond these bounds are moved to them without a word, as the service does. */
function clampSilence(ms: number): number {
  return Math.min(Math.max(ms, 50), 10_000)
}

/** Revisions come at the end only (0), or every two to five minutes. */
function clampRevisionInterval(ms: number): number {
  return ms === 0 ? 0 : Math.min(Math.max(ms, 120_000), 300_000)
}

/** Fills in the defaults: those of the model's family and mode, or those for telling speakers apart. */
export function resolveSettings(parameters: ConnectionParameters, defaultModel = DEFAULT_MODEL): SessionSettings {
  const model = parameters.speechModel ?? defaultModel
  const family = modelFamily(model)
  const hasModes = family === 'u3' || family === 'u3.5'
  const mode = parameters.mode ?? 'balanced'
  const speakerLabels = parameters.speakerLabels ?? false
  const preset = presetFor(family, mode, speakerLabels)
  const minTurnSilence = clampSilence(parameters.minTurnSilence ?? preset.minTurnSilence)
  return {
    engine: {
      speakerLabels,
      ...(parameters.maxSpeakers === undefined ? {} : { maxSpeakers: parameters.maxSpeakers }),
      revisionInterval: clampRevisionInterval(parameters.speakerLabelsRevisionIntervalMs ?? 0),
      formatTurns: hasModes || (parameters.formatTurns ?? false),
      partials: parameters.includePartialTurns ?? !(parameters.redactPii ?? false),
      minTurnSilence,
      maxTurnSilence: Math.max(clampSilence(parameters.maxTurnSilence ?? preset.maxTurnSilence), minTurnSilence),
      ...(parameters.vadThreshold !== undefined && { vadThreshold: parameters.vadThreshold }),
      keyterms: parameters.keytermsPrompt ?? [],
      languages: parameters.languageCodes ?? (parameters.languageCode === undefined ? [] : [parameters.languageCode]),
      model,
    },
    family,
    mode: hasModes ? mode : null,
    sampleRate: parameters.sampleRate ?? 16_000,
    encoding: parameters.encoding === 'pcm_mulaw' ? 'pcm_mulaw' : 'pcm_s16le',
    languageDetection: parameters.languageDetection ?? false,
    heartbeat: parameters.sessionHeartbeat ?? false,
    ...(parameters.inactivityTimeout === undefined ? {} : { inactivityMs: parameters.inactivityTimeout }),
  }
}

/** What changed between two settings of one session, as far as an engine can follow it. */
export function engineUpdate(before: EngineSettings, after: EngineSettings): EngineSettingsUpdate {
  const update: EngineSettingsUpdate = {}
  if (after.formatTurns !== before.formatTurns) update.formatTurns = after.formatTurns
  if (after.minTurnSilence !== before.minTurnSilence) update.minTurnSilence = after.minTurnSilence
  if (after.maxTurnSilence !== before.maxTurnSilence) update.maxTurnSilence = after.maxTurnSilence
  if (after.vadThreshold !== undefined && after.vadThreshold !== before.vadThreshold) {
    update.vadThreshold = after.vadThreshold
  }
  if (after.keyterms.join('\n') !== before.keyterms.join('\n')) update.keyterms = after.keyterms
  return update
}
