import type { Warning } from '../errors.ts'
import {
  checkAtMost,
  checkBeside,
  checkBoolean,
  checkInteger,
  checkList,
  checkNumber,
  checkObject,
  checkOneOf,
  checkString,
  exclusive,
  refusedOption,
} from '../options.ts'
import { knownNames } from './models.ts'

/** Every parameter of `/v3/ws`: the client builds its query from it, the strict server checks queries. */

/** How a parameter's value is written and bounded; times are in ms, those marked `inSeconds` in whole seconds on the wire. */
export type ParameterRule =
  | { kind: 'boolean' }
  | { kind: 'integer' | 'number'; min: number; max: number; unit?: string; inSeconds?: true }
  | { kind: 'string'; minLength?: 0; maxLength: number; values?: readonly string[] }
  | { kind: 'list'; maxItems: number; maxItemLength?: number; values?: readonly string[] }
  | { kind: 'object' }

/** A parameter: its name on the wire, its rule, and whether `UpdateConfiguration` may carry it. */
export type Parameter = ParameterRule & {
  wire: string
  /** May be changed in mid-session. */
  updatable?: true
}

/** Audio encodings the service knows. */
export const encodings = ['pcm_s16le', 'pcm_mulaw', 'opus', 'ogg_opus', 'aac'] as const

/** An audio encoding: samples, one Opus packet in each message, Opus in Ogg in any pieces, or AAC in ADTS in any pieces. */
export type Encoding = NonNullable<ConnectionParameters['encoding']>

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
  mode: { wire: 'mode', kind: 'string', maxLength: 100, updatable: true },
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
  prompt: { wire: 'prompt', kind: 'string', minLength: 0, maxLength: 1750, updatable: true },
  agentContext: { wire: 'agent_context', kind: 'string', minLength: 0, maxLength: 1750, updatable: true },
  previousContextNTurns: { wire: 'previous_context_n_turns', kind: 'integer', min: 0, max: 100 },
  languageDetection: { wire: 'language_detection', kind: 'boolean' },
  languageCodes: { wire: 'language_codes', kind: 'list', maxItems: 10, values: languageCodes, updatable: true },
  languageCode: { wire: 'language_code', kind: 'string', maxLength: 10, values: languageCodes },
  inactivityTimeout: {
    wire: 'inactivity_timeout',
    kind: 'integer',
    min: 5000,
    max: 3_600_000,
    unit: 'ms',
    inSeconds: true,
  },
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

/**
 * The connection parameters of the v3 protocol in camelCase, under the official SDK's names. Each is sent only where it
 * is given, but for those that are always sent: `speechModel`,
 * `sampleRate`, `encoding`, `speakerLabels`, `sessionHeartbeat`.
 */
export interface ConnectionParameters {
  /**
   * Model id; one that is not known is passed on with a warning, or refused where `models` is `strict`. The service's own
   * default moves with time, so one is always sent. @defaultValue `'universal-3-6-pro'`
   */
  speechModel?: string
  /** Rate of the audio in Hz, 8000 to 96000. @defaultValue that of the stage above, else `16000` */
  sampleRate?: number
  /** Encoding of the audio on the wire. @defaultValue `'pcm_s16le'` */
  encoding?: 'pcm_s16le' | 'pcm_mulaw' | 'opus' | 'ogg_opus' | 'aac'
  /** Whether words are labelled with speakers. @defaultValue `true` */
  speakerLabels?: boolean
  /**
   * Cap on the number of speakers in a session, 1 to 10; further voices join the nearest label. Leave headroom. Who comes back in a
   * later session, or in another part with `parallel`, and is not known again, counts anew.
   */
  maxSpeakers?: number
  /**
   * Milliseconds between revisions of labels in mid-session, 120000 to 300000; 0 for only one at the end. Less is refused or
   * moved, depending on which of the service's documents one reads, so that there is a warning.
   */
  speakerLabelsRevisionIntervalMs?: number
  /** Whether finals carry punctuation and casing, on models that do not always do so. */
  formatTurns?: boolean
  /**
   * Preset of turn detection; ignored by the service while `speakerLabels` is on. One that is not known is passed on with a
   * warning, or refused where `models` is `strict`.
   */
  mode?: 'min_latency' | 'balanced' | 'max_accuracy' | (string & {})
  /** Silence in ms after which a turn that seems finished ends, 50 to 10000: the service moves others, and there is a warning. */
  minTurnSilence?: number
  /** Silence in ms after which any turn ends, 50 to 10000: the service moves others, and there is a warning. */
  maxTurnSilence?: number
  /** Confidence from 0 to 1 at which a turn ends; Universal Streaming models only. */
  endOfTurnConfidenceThreshold?: number
  /** Speech probability from 0 to 1 above which audio counts as speech. */
  vadThreshold?: number
  /** Delay of the first partial in ms, 0 to 1000. */
  interruptionDelay?: number
  /** Whether partials come about every second. */
  continuousPartials?: boolean
  /** Audio in ms kept before the start of a turn. */
  turnLeftPadMs?: number
  /** Whether partial turns are sent at all. */
  includePartialTurns?: boolean
  /** Up to 100 terms of up to 50 characters to expect. */
  keytermsPrompt?: string[]
  /** Instructions to the model, up to 1750 characters. */
  prompt?: string
  /** What the other side of the conversation said, up to 1750 characters. */
  agentContext?: string
  /** Earlier turns the model may look back on, 0 to 100; 0 suits captions of unrelated speakers. */
  previousContextNTurns?: number
  /** Whether finals name their language. */
  languageDetection?: boolean
  /** Up to 10 languages to expect, most likely first. */
  languageCodes?: string[]
  /** One language to expect; older form of `languageCodes`. */
  languageCode?: string
  /** Time in ms without a message after which the server ends the session, 5000 to 3600000; rounded up to whole seconds. */
  inactivityTimeout?: number
  /** Whether the server sends a Heartbeat every 5 s, by which a dead one is noticed. @defaultValue `true` */
  sessionHeartbeat?: boolean
  /** Whether the server reports silence about every second. */
  acknowledgeSilence?: boolean
  /** Whether profanity is masked. */
  filterProfanity?: boolean
  /** Whether personal data is masked in finals; suppresses partials. */
  redactPii?: boolean
  /** Kinds of personal data to mask, with `redactPii`. */
  redactPiiPolicies?: string[]
  /** What masked data is replaced by, with `redactPii`. */
  redactPiiSub?: 'hash' | 'entity_name'
  /** Specialised vocabulary, e.g. `medical-v1`. */
  domain?: string
  /** Noise suppression. */
  voiceFocus?: 'near-field' | 'far-field'
  /** Strength of noise suppression, 0 to 1. */
  voiceFocusThreshold?: number
  /** Request that the service passes to a language model at each turn. */
  llmGateway?: Record<string, unknown>
  /** Address that receives the finals after the session. */
  webhookUrl?: string
  /** Header with which the webhook authenticates. */
  webhookAuthHeaderName?: string
  /** Value of that header. */
  webhookAuthHeaderValue?: string
  /** Whether the service records the audio for its support. */
  customerSupportAudioCapture?: boolean
}

/** The same, for names that come from elsewhere. */
export const table: Readonly<Record<string, Parameter>> = parameterTable

/** Names of all connection parameters. */
export const parameterNames = Object.keys(parameterTable) as ParameterName[]

/** Names of the parameters that may change in mid-session. */
export const updatableNames = parameterNames.filter((name) => 'updatable' in parameterTable[name])

/** Parameters that say nothing by themselves, and the one that each needs. */
const needs = [
  ['voiceFocusThreshold', 'voiceFocus'],
  ['redactPiiPolicies', 'redactPii'],
  ['redactPiiSub', 'redactPii'],
  ['webhookAuthHeaderName', 'webhookUrl'],
  ['webhookAuthHeaderName', 'webhookAuthHeaderValue'],
  ['webhookAuthHeaderValue', 'webhookAuthHeaderName'],
] as const satisfies [ParameterName, ParameterName][]

/** Refuses values outside the protocol's limits, and at odds with each other. @throws ConfigurationError `INVALID_OPTION` naming the first. */
export function checkParameters(
  parameters: ConnectionParameters,
  path: (name: ParameterName) => string = (name) => name,
): void {
  for (const name of parameterNames) checkParameter(path(name), table[name] as Parameter, parameters[name])
  for (const [name, other] of needs) {
    checkBeside(path(name), parameters[name], path(other), parameters[other])
  }
  if (parameters.maxSpeakers !== undefined && parameters.speakerLabels === false) {
    throw refusedOption(path('maxSpeakers'), `${path('maxSpeakers')} needs ${path('speakerLabels')}, which is false`)
  }
  exclusive(path('languageCode'), parameters.languageCode, path('languageCodes'), parameters.languageCodes)
  const { minTurnSilence, maxTurnSilence } = parameters
  checkAtMost(path('minTurnSilence'), minTurnSilence, path('maxTurnSilence'), maxTurnSilence, 'ms')
}

/** Refuses models and modes that are not known. @throws ConfigurationError `INVALID_OPTION` naming the first. */
export function checkKnownNames(parameters: ConnectionParameters, path: (name: ParameterName) => string): void {
  for (const [name, known] of Object.entries(knownNames) as [keyof typeof knownNames, readonly string[]][]) {
    checkOneOf(path(name), parameters[name], known)
  }
}

function checkParameter(name: string, rule: Parameter, value: unknown): void {
  if (value === undefined) return
  switch (rule.kind) {
    case 'boolean':
      return checkBoolean(name, value)
    case 'integer':
      return checkInteger(name, value, rule.min, rule.max, rule.unit)
    case 'number':
      return checkNumber(name, value, rule.min, rule.max, rule.unit)
    case 'string':
      if (rule.values) checkOneOf(name, value, rule.values)
      // An empty prompt is how an earlier one is cleared.
      return checkString(name, value, rule.minLength ?? 1, rule.maxLength)
    case 'list':
      return checkList(name, value, { max: rule.maxItems, maxLength: rule.maxItemLength, values: rule.values })
    case 'object':
      return checkObject(name, value)
  }
}

/** The query of the connection URL: scalars as they are, lists and objects as JSON. Undefined values are left out. */
export function toQuery(
  parameters: ConnectionParameters,
  extra: Readonly<Record<string, string>> = {},
): URLSearchParams {
  const query = new URLSearchParams()
  for (const name of parameterNames) {
    const value = parameters[name]
    if (value === undefined) continue
    const { wire } = parameterTable[name]
    if (typeof value === 'number' && isInSeconds(table[name])) query.set(wire, String(Math.ceil(value / 1000)))
    else query.set(wire, typeof value === 'object' ? JSON.stringify(value) : String(value))
  }
  for (const [name, value] of Object.entries(extra)) query.set(name, value)
  return query
}

/** Whether a parameter is in ms here, and in seconds on the wire. */
export function isInSeconds(parameter: Parameter | undefined): boolean {
  return parameter !== undefined && 'inSeconds' in parameter
}

/** The fields of an UpdateConfiguration message: wire names, with lists as real JSON arrays. */
export function toUpdate(parameters: ConnectionParameters): Record<string, unknown> {
  const update: Record<string, unknown> = {}
  for (const name of updatableNames) {
    if (parameters[name] !== undefined) update[parameterTable[name].wire] = parameters[name]
  }
  return update
}

/** Bounds to which the service moves a value of its own accord, in ms, and what is known of that. */
const bounds = {
  minTurnSilence: { least: 50, most: 10_000, elsewhere: 'moves others to these bounds' },
  maxTurnSilence: { least: 50, most: 10_000, elsewhere: 'moves others to these bounds' },
  speakerLabelsRevisionIntervalMs: {
    least: 120_000,
    most: 300_000,
    elsewhere: 'moves others to these bounds or refuses them, its documents disagree',
  },
} as const

/** What a session goes by that was asked for `ms`: revisions of labels may also be left out, by 0. */
export function moved(name: keyof typeof bounds, ms: number): number {
  if (name === 'speakerLabelsRevisionIntervalMs' && ms === 0) return 0
  const { least, most } = bounds[name]
  return Math.min(Math.max(ms, least), most)
}

/** A warning for each value that a server may not take; `path` is how a parameter is called where it was given. */
export function movedValues(parameters: ConnectionParameters, path: (name: ParameterName) => string): Warning[] {
  const warnings: Warning[] = []
  for (const name of Object.keys(bounds) as (keyof typeof bounds)[]) {
    const value = parameters[name]
    if (value === undefined || moved(name, value) === value) continue
    const { least, most, elsewhere } = bounds[name]
    const message = `${path(name)} is ${value} ms; the service takes ${least} to ${most} ms and ${elsewhere}`
    warnings.push({ code: 'PARAMETER_OUT_OF_RANGE', message, option: path(name), value, least, most })
  }
  return warnings
}

/** A warning for each model or mode that is not known, and is passed on all the same. */
export function unknownNames(
  parameters: ConnectionParameters,
  path: (name: ParameterName) => string,
  ownModels: readonly string[] = [],
): Warning[] {
  const known = { speechModel: [...knownNames.speechModel, ...ownModels], mode: knownNames.mode }
  const codes = { speechModel: 'UNKNOWN_MODEL', mode: 'UNKNOWN_MODE' } as const
  const warnings: Warning[] = []
  for (const name of ['speechModel', 'mode'] as const) {
    const value = parameters[name]
    if (value === undefined || (known[name] as readonly string[]).includes(value)) continue
    const message = `${path(name)} '${value}' is none of those known here (${known[name].join(', ')})`
    warnings.push({ code: codes[name], message, option: path(name), value })
  }
  return warnings
}
