import { checkBoolean, checkInteger, checkNumber, checkOneOf, checkString, invalidOption } from '../options.ts'
import type { ErrorCode } from '../errors.ts'
import { ConfigurationError } from '../errors.ts'
import { type Parameter, type ParameterName, parameterTable } from './parameter-table.ts'

/**
 * The connection parameters of the v3 protocol in camelCase, under the official SDK's names. Each is sent only where it
 * is given, but for those that are always sent: `speechModel`,
 * `sampleRate`, `encoding`, `speakerLabels`, `sessionHeartbeat`.
 */
export interface ConnectionParameters {
  /** Model id. The service's own default moves with time, so one is always sent. @defaultValue `'universal-3-5-pro'` */
  speechModel?: string
  /** Rate of the audio in Hz, 8000 to 96000. @defaultValue that of the stage above, else `16000` */
  sampleRate?: number
  /** Encoding of the audio on the wire. @defaultValue `'pcm_s16le'` */
  encoding?: 'pcm_s16le' | 'pcm_mulaw'
  /** Whether words are labelled with speakers. @defaultValue `true` */
  speakerLabels?: boolean
  /** Cap on the number of speakers, 1 to 10; further voices join the nearest label. Leave headroom. */
  maxSpeakers?: number
  /** Milliseconds between revisions of labels in mid-session; 0 for only one at the end. */
  speakerLabelsRevisionIntervalMs?: number
  /** Whether finals carry punctuation and casing, on models that do not always do so. */
  formatTurns?: boolean
  /** Preset of turn detection; ignored by the service while `speakerLabels` is on. */
  mode?: 'min_latency' | 'balanced' | 'max_accuracy'
  /** Silence in ms after which a turn that seems finished ends. */
  minTurnSilence?: number
  /** Silence in ms after which any turn ends. */
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
  /** Seconds without a message after which the server ends the session, 5 to 3600. */
  inactivityTimeout?: number
  /** Whether the server sends a Heartbeat every 5 s, by which a dead one is noticed. @defaultValue `true` */
  sessionHeartbeat?: boolean
  /** Whether the server reports silence about every second. */
  acknowledgeSilence?: boolean
  /** Whether profanity is masked. */
  filterProfanity?: boolean
  /** Whether personal data is masked in finals; suppresses partials. */
  redactPii?: boolean
  /** Kinds of personal data to mask. */
  redactPiiPolicies?: string[]
  /** What masked data is replaced by. */
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

const table: Readonly<Record<string, Parameter>> = parameterTable

/** Names of all connection parameters. */
export const parameterNames = Object.keys(parameterTable) as ParameterName[]

/** Names of the parameters that may change in mid-session. */
export const updatableNames = parameterNames.filter((name) => 'updatable' in parameterTable[name])

/**
 * Refuses values outside the protocol's limits.
 *
 * @throws ConfigurationError `INVALID_OPTION` naming the first bad one.
 */
export function checkParameters(parameters: ConnectionParameters): void {
  for (const name of parameterNames) checkParameter(name, table[name] as Parameter, parameters[name])
  if (parameters.voiceFocusThreshold !== undefined && parameters.voiceFocus === undefined) {
    throw new ConfigurationError('INVALID_OPTION', 'voiceFocusThreshold needs voiceFocus beside it', {
      option: 'voiceFocusThreshold',
    })
  }
  if (parameters.maxSpeakers !== undefined && parameters.speakerLabels === false) {
    throw new ConfigurationError('INVALID_OPTION', 'maxSpeakers needs speakerLabels, which is false', {
      option: 'maxSpeakers',
    })
  }
  exclusive('languageCode', parameters.languageCode, 'languageCodes', parameters.languageCodes)
  const { minTurnSilence, maxTurnSilence } = parameters
  if (minTurnSilence !== undefined && maxTurnSilence !== undefined && minTurnSilence > maxTurnSilence) {
    throw invalidOption('minTurnSilence', `at most maxTurnSilence (${maxTurnSilence} ms)`, minTurnSilence)
  }
}

/** Refuses two options of which only one may be given. */
export function exclusive(name: string, value: unknown, other: string, otherValue: unknown, code?: ErrorCode): void {
  if (value === undefined || otherValue === undefined) return
  throw new ConfigurationError(code ?? 'INVALID_OPTION', `${name} and ${other} exclude each other; give one of them`, {
    option: name,
  })
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
      // An empty prompt is how an earlier one is cleared.
      if (rule.values) checkOneOf(name, value, rule.values)
      return checkString(name, value, rule.updatable ? 0 : 1, rule.maxLength)
    case 'list':
      return checkList(name, rule, value)
    case 'object':
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw invalidOption(name, 'an object', value)
  }
}

function checkList(name: string, rule: Parameter & { kind: 'list' }, value: unknown): void {
  if (!Array.isArray(value) || value.length > rule.maxItems) {
    throw invalidOption(name, `an array of at most ${rule.maxItems} strings`, value)
  }
  for (const [index, item] of value.entries()) {
    const itemName = `${name}[${index}]`
    if (typeof item !== 'string') throw invalidOption(itemName, 'a string', item)
    if (rule.values) checkOneOf(itemName, item, rule.values)
    checkString(itemName, item, 1, rule.maxItemLength)
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
    query.set(parameterTable[name].wire, typeof value === 'object' ? JSON.stringify(value) : String(value))
  }
  for (const [name, value] of Object.entries(extra)) query.set(name, value)
  return query
}

/** The fields of an UpdateConfiguration message: wire names, with lists as real JSON arrays. */
export function toUpdate(parameters: ConnectionParameters): Record<string, unknown> {
  const update: Record<string, unknown> = {}
  for (const name of updatableNames) {
    if (parameters[name] !== undefined) update[parameterTable[name].wire] = parameters[name]
  }
  return update
}
