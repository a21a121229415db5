/**
 * Every connection parameter of `/v3/ws` in one place: the client builds its query from it, the strict server checks
 * queries against it.
 */

/** How a parameter's value is written and bounded. */
export type ParameterRule =
  | { kind: 'boolean' }
  | { kind: 'integer' | 'number'; min: number; max: number; unit?: string }
  | { kind: 'string'; maxLength: number; values?: readonly string[] }
  | { kind: 'list'; maxItems: number; maxItemLength?: number; values?: readonly string[] }
  | { kind: 'object' }

/** A parameter: its name on the wire, its rule, and whether `UpdateConfiguration` may carry it. */
export type Parameter = ParameterRule & {
  wire: string
  /** May be changed in mid-session. */
  updatable?: true
}

/** Model ids the service was seen to accept (September 2026); new ones come, so clients accept any. */
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

/** Audio encodings the service knows. */
export const encodings = ['pcm_s16le', 'pcm_mulaw', 'opus', 'ogg_opus', 'aac'] as const

/** Languages `language_codes` may name. */
export const languageCodes =
  'en es de fr it pt tr nl sv no da fi hi vi ar he ja ur zh ru ko ca gl ro et fa yue af mr zu xh nn multi'.split(' ')

const DAY_MS = 86_400_000

/** All parameters by their camelCase name. Ranges and limits are those measured on the service. */
export const parameterTable = {
  speechModel: { wire: 'speech_model', kind: 'string', maxLength: 100 },
  sampleRate: { wire: 'sample_rate', kind: 'integer', min: 8000, max: 96_000, unit: 'Hz' },
  encoding: { wire: 'encoding', kind: 'string', maxLength: 20, values: encodings },
  speakerLabels: { wire: 'speaker_labels', kind: 'boolean' },
  maxSpeakers: { wire: 'max_speakers', kind: 'integer', min: 1, max: 10 },
  speakerLabelsRevisionIntervalMs: {
    wire: 'speaker_labels_revision_interval_ms',
    kind: 'integer',
    min: 0,
    max: DAY_MS,
    unit: 'ms',
  },
  formatTurns: { wire: 'format_turns', kind: 'boolean', updatable: true },
  mode: {
    wire: 'mode',
    kind: 'string',
    maxLength: 20,
    values: ['min_latency', 'balanced', 'max_accuracy'],
    updatable: true,
  },
  minTurnSilence: { wire: 'min_turn_silence', kind: 'integer', min: 0, max: DAY_MS, unit: 'ms', updatable: true },
  maxTurnSilence: { wire: 'max_turn_silence', kind: 'integer', min: 0, max: DAY_MS, unit: 'ms', updatable: true },
  endOfTurnConfidenceThreshold: {
    wire: 'end_of_turn_confidence_threshold',
    kind: 'number',
    min: 0,
    max: 1,
    updatable: true,
  },
  vadThreshold: { wire: 'vad_threshold', kind: 'number', min: 0, max: 1, updatable: true },
  interruptionDelay: {
    wire: 'interruption_delay',
    kind: 'integer',
    min: 0,
    max: 1000,
    unit: 'ms',
    updatable: true,
  },
  continuousPartials: { wire: 'continuous_partials', kind: 'boolean', updatable: true },
  turnLeftPadMs: { wire: 'turn_left_pad_ms', kind: 'integer', min: 0, max: DAY_MS, unit: 'ms', updatable: true },
  includePartialTurns: { wire: 'include_partial_turns', kind: 'boolean' },
  keytermsPrompt: { wire: 'keyterms_prompt', kind: 'list', maxItems: 100, maxItemLength: 50, updatable: true },
  prompt: { wire: 'prompt', kind: 'string', maxLength: 1750, updatable: true },
  agentContext: { wire: 'agent_context', kind: 'string', maxLength: 1750, updatable: true },
  previousContextNTurns: { wire: 'previous_context_n_turns', kind: 'integer', min: 0, max: 100 },
  languageDetection: { wire: 'language_detection', kind: 'boolean' },
  languageCodes: { wire: 'language_codes', kind: 'list', maxItems: 10, values: languageCodes, updatable: true },
  languageCode: { wire: 'language_code', kind: 'string', maxLength: 10, values: languageCodes },
  inactivityTimeout: { wire: 'inactivity_timeout', kind: 'integer', min: 5, max: 3600, unit: 'seconds' },
  sessionHeartbeat: { wire: 'session_heartbeat', kind: 'boolean', updatable: true },
  acknowledgeSilence: { wire: 'acknowledge_silence', kind: 'boolean', updatable: true },
  filterProfanity: { wire: 'filter_profanity', kind: 'boolean', updatable: true },
  redactPii: { wire: 'redact_pii', kind: 'boolean' },
  redactPiiPolicies: { wire: 'redact_pii_policies', kind: 'list', maxItems: 100 },
  redactPiiSub: { wire: 'redact_pii_sub', kind: 'string', maxLength: 20, values: ['hash', 'entity_name'] },
  domain: { wire: 'domain', kind: 'string', maxLength: 50 },
  voiceFocus: { wire: 'voice_focus', kind: 'string', maxLength: 20, values: ['near-field', 'far-field'] },
  voiceFocusThreshold: { wire: 'voice_focus_threshold', kind: 'number', min: 0, max: 1 },
  llmGateway: { wire: 'llm_gateway', kind: 'object' },
  webhookUrl: { wire: 'webhook_url', kind: 'string', maxLength: 2048 },
  webhookAuthHeaderName: { wire: 'webhook_auth_header_name', kind: 'string', maxLength: 200 },
  webhookAuthHeaderValue: { wire: 'webhook_auth_header_value', kind: 'string', maxLength: 2048 },
  customerSupportAudioCapture: { wire: '_customer_support_audio_capture', kind: 'boolean' },
} as const satisfies Record<string, Parameter>

/** The camelCase name of a connection parameter. */
export type ParameterName = keyof typeof parameterTable
