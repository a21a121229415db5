import { isDeepStrictEqual } from 'node:util'
import type { EngineSettings, EngineSettingsUpdate } from '../engine/engine.ts'
import { defined } from '../options.ts'
import { DEFAULT_MODEL, knownMode, type ModelFamily, modelFamily, type modes } from '../protocol/models.ts'
import { type ConnectionParameters, type Encoding, moved } from '../protocol/parameters.ts'

/** Everything a session follows: what the client asked for, and the server's defaults for the rest. */
export interface SessionSettings {
  /** What the engine is opened with. */
  engine: EngineSettings
  family: ModelFamily
  /** Turn detection preset, as `Begin` echoes it; `null` where the model has none. */
  mode: string | null
  /** Samples per second of the audio messages, in Hz; of no meaning where they are compressed. */
  sampleRate: number
  encoding: Encoding
  /** Whether finals say their language. */
  languageDetection: boolean
  /** Whether `Heartbeat` is sent every 5 s. */
  heartbeat: boolean
  /** Milliseconds without a message after which the session ends; absent for never. */
  inactivityMs?: number
}

type Preset = Pick<EngineSettings, 'minTurnSilence' | 'maxTurnSilence'>

const modePresets: Readonly<Record<(typeof modes)[number], Preset>> = {
  min_latency: { minTurnSilence: 128, maxTurnSilence: 640 },
  balanced: { minTurnSilence: 128, maxTurnSilence: 1280 },
  max_accuracy: { minTurnSilence: 512, maxTurnSilence: 2560 },
}
const universalStreaming: Preset = { minTurnSilence: 400, maxTurnSilence: 1280 }
const u3: Preset = { minTurnSilence: 100, maxTurnSilence: 1000 }
/** Replaces every other preset while speakers are told apart. */
const diarized: Preset = { minTurnSilence: 640, maxTurnSilence: 768 }

function presetFor(family: ModelFamily, mode: (typeof modes)[number], speakerLabels: boolean): Preset {
  if (speakerLabels) return diarized
  if (family === 'u3') return u3
  return family === 'u3.5' ? modePresets[mode] : universalStreaming
}

/** Fills in the defaults: those of the model's family and mode, or those for telling speakers apart. */
export function resolveSettings(parameters: ConnectionParameters, defaultModel = DEFAULT_MODEL): SessionSettings {
  const model = parameters.speechModel ?? defaultModel
  const family = modelFamily(model)
  const hasModes = family === 'u3' || family === 'u3.5'
  const mode = knownMode(parameters.mode)
  const speakerLabels = parameters.speakerLabels ?? false
  const preset = presetFor(family, mode, speakerLabels)
  const minTurnSilence = moved('minTurnSilence', parameters.minTurnSilence ?? preset.minTurnSilence)
  return {
    engine: {
      speakerLabels,
      ...defined({ maxSpeakers: parameters.maxSpeakers }),
      revisionInterval: moved('speakerLabelsRevisionIntervalMs', parameters.speakerLabelsRevisionIntervalMs ?? 0),
      formatTurns: hasModes || (parameters.formatTurns ?? false),
      partials: parameters.includePartialTurns ?? !(parameters.redactPii ?? false),
      minTurnSilence,
      maxTurnSilence: Math.max(
        moved('maxTurnSilence', parameters.maxTurnSilence ?? preset.maxTurnSilence),
        minTurnSilence,
      ),
      ...defined({ vadThreshold: parameters.vadThreshold }),
      keyterms: parameters.keytermsPrompt ?? [],
      languages: parameters.languageCodes ?? (parameters.languageCode === undefined ? [] : [parameters.languageCode]),
      model,
    },
    family,
    mode: hasModes ? mode : null,
    sampleRate: parameters.sampleRate ?? 16_000,
    encoding: parameters.encoding ?? 'pcm_s16le',
    languageDetection: parameters.languageDetection ?? false,
    heartbeat: parameters.sessionHeartbeat ?? false,
    ...defined({ inactivityMs: parameters.inactivityTimeout }),
  }
}

/** What an engine can follow in the middle of a session. */
const changeable = ['formatTurns', 'minTurnSilence', 'maxTurnSilence', 'vadThreshold', 'keyterms'] as const

/** What changed between two settings of one session, as far as an engine can follow it. */
export function engineUpdate(before: EngineSettings, after: EngineSettings): EngineSettingsUpdate {
  const changed = changeable.filter((name) => !isDeepStrictEqual(after[name] ?? before[name], before[name]))
  return Object.fromEntries(changed.map((name) => [name, after[name]]))
}
