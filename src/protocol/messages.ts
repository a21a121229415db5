import { defined } from '../options.ts'
import { invalidMessage, quote, Refusal } from './close-codes.ts'

/**
 * The JSON messages of the streaming v3 protocol, as they stand on the wire. Fields that were seen missing or null in
 * practice are optional or nullable here even where the vendor's documents promise them.
 */

/** Server: the session is accepted; nothing may be sent before it. */
export interface BeginMessage {
  type: 'Begin'
  id: string
  /** Unix seconds at which the server ends the session. */
  expires_at: number
  configuration?: BeginConfiguration
}

/** What the server says it understood of the connection parameters. */
export interface BeginConfiguration {
  model?: string | null
  mode?: string | null
  api_version?: string | null
  speaker_labels?: boolean | null
  redact_pii?: boolean | null
  filter_profanity?: boolean | null
  domain?: string | null
  voice_focus?: string | null
  /** Our own server only: audio may be sent faster than it plays. */
  faster_than_real_time?: boolean
}

/** A word inside {@link TurnMessage} and {@link TurnRevision}; times in ms from the first sample of this socket. */
export interface WordMessage {
  start: number
  end: number
  text: string
  /** Absent where it is not known. */
  confidence?: number
  /** Our own server only: `false` where the engine does not know it, and `confidence` is 0 for clients that want one. */
  confidence_is_known?: false
  word_is_final: boolean
  speaker?: string | null
  speaker_confidence?: number | null
}

/** Server: the whole turn so far; replaces every earlier message with the same `turn_order`. */
export interface TurnMessage {
  type: 'Turn'
  /** From 0, rising within this socket. */
  turn_order: number
  turn_is_formatted: boolean
  end_of_turn: boolean
  transcript: string
  utterance?: string
  end_of_turn_confidence: number
  words: WordMessage[]
  language_code?: string | null
  language_confidence?: number | null
  speaker_label?: string | null
  speaker_confidence?: number | null
}

/** Server: speech was heard; names no turn. */
export interface SpeechStartedMessage {
  type: 'SpeechStarted'
  timestamp: number
  confidence?: number
}

/** Corrected labels of one turn; text and times equal those of the turn's final. */
export interface TurnRevision {
  turn_order: number
  speaker_label?: string | null
  words: WordMessage[]
}

/** Server: labels given earlier have changed; the last revision of each `turn_order` wins. */
export interface SpeakerRevisionMessage {
  type: 'SpeakerRevision'
  revisions: TurnRevision[]
}

/** Server: every 5 s, when `session_heartbeat` is on. */
export interface HeartbeatMessage {
  type: 'Heartbeat'
  total_audio_received_ms: number
  total_duration_ms: number
  realtime_factor: number
  max_speech_probability: number
}

/** Server: a stretch without speech, when `acknowledge_silence` is on. */
export interface SilenceMessage {
  type: 'Silence'
  start_ms: number
  end_ms: number
}

/** Server: recoverable trouble. */
export interface WarningMessage {
  type: 'Warning'
  warning_code: number
  warning: string
  /** Our own server only: the stable code of the engine's warning. */
  code?: string
  /** Our own server only: a stretch of the audio that the engine could not hear, in ms. */
  audio_lost?: { start: number; end: number }
}

/** Our own server only: speech was heard, and it is not known what was said. */
export interface UnrecognizedSpeechMessage {
  type: 'UnrecognizedSpeech'
  /** In ms from the first sample of this socket. */
  start_ms: number
  end_ms: number
  /** Whether there are no words, or a repetition without end was cut. */
  reason: 'no_words' | 'repetition'
  /** Words of the repetition that were left out. */
  repeated_words?: number
}

/** Server: precedes a close with the same code; holds the only text there is. */
export interface ErrorMessage {
  type: 'Error'
  error_code: number
  error: string
}

/** Server: the answer to `llm_gateway`. */
export interface LlmGatewayResponseMessage {
  type: 'LLMGatewayResponse'
  turn_order: number
  transcript: string
  data: unknown
}

/** Server: everything has been delivered; close 1000 follows. */
export interface TerminationMessage {
  type: 'Termination'
  audio_duration_seconds: number
  session_duration_seconds: number
}

/** Every message the server is known to send. */
export type ServerMessage =
  | BeginMessage
  | TurnMessage
  | SpeechStartedMessage
  | SpeakerRevisionMessage
  | HeartbeatMessage
  | SilenceMessage
  | WarningMessage
  | UnrecognizedSpeechMessage
  | ErrorMessage
  | LlmGatewayResponseMessage
  | TerminationMessage

/** Every JSON message a client may send; audio goes as binary frames. */
export type ClientMessage =
  | { type: 'UpdateConfiguration'; [parameter: string]: unknown }
  | { type: 'ForceEndpoint' }
  | { type: 'KeepAlive' }
  | { type: 'Terminate' }

/** Longest label that is kept of a server, in characters. */
const LONGEST_LABEL = 100

/** What servers say where they could not attribute the speech. */
const UNATTRIBUTED =
  /^(?:(?:speaker|spk)[ _-]?)?(?:unknown|pending|none|null|nil|nan|n\/a|undefined|undetermined|unidentified|unassigned|uncertain|unsure|-\d+|[?-]+)$/i

/** Whether a label is one of the protocol's own: consecutive capital letters. */
export function isLetter(label: string): boolean {
  return /^[A-Z]{1,2}$/.test(label)
}

/** The speaker a wire label names: capital letters, or what other makers say; `undefined` for placeholders. */
export function speakerLabel(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 ? String(value) : undefined
  if (typeof value !== 'string') return undefined
  if (isLetter(value)) return value
  const label = value
    .slice(0, 2 * LONGEST_LABEL)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\s]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_LABEL)
  return label === '' || UNATTRIBUTED.test(label) ? undefined : label
}

const serverTypes = [
  'Begin',
  'Turn',
  'SpeechStarted',
  'SpeakerRevision',
  'Heartbeat',
  'Silence',
  'Warning',
  'UnrecognizedSpeech',
  'Error',
  'LLMGatewayResponse',
  'Termination',
] as const satisfies ServerMessage['type'][]

/** A text frame as understood: a known message, a type that is not known (to be ignored), or something malformed. */
export type ParsedMessage =
  | { kind: 'message'; message: ServerMessage }
  | { kind: 'unknown'; type: string }
  | { kind: 'malformed'; reason: string }

/** Reads one text frame, which may be anything: never throws, and forces fields to their types. */
export function parseMessage(text: string): ParsedMessage {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { kind: 'malformed', reason: 'a text frame is not JSON' }
  }
  if (!isRecord(value)) return { kind: 'malformed', reason: 'a text frame is not a JSON object' }
  if (value['type'] === undefined && typeof value['error'] === 'string') {
    // The old form of an Error frame has no type.
    return {
      kind: 'message',
      message: { type: 'Error', error_code: integer(value['error_code']), error: value['error'] },
    }
  }
  const type = serverTypes.find((known) => known === value['type'])
  if (type === undefined) return { kind: 'unknown', type: String(value['type']) }
  return checked(type, value)
}

function checked(type: ServerMessage['type'], value: Record<string, unknown>): ParsedMessage {
  switch (type) {
    case 'Begin':
      if (typeof value['id'] !== 'string') return { kind: 'malformed', reason: 'Begin has no id' }
      return message({
        ...value,
        type,
        id: value['id'],
        expires_at: unixSeconds(value['expires_at']),
        configuration: beginConfiguration(value['configuration']),
      })
    case 'Turn':
      if (!isCount(value['turn_order'])) return { kind: 'malformed', reason: 'Turn has no turn_order' }
      return message({
        ...value,
        type,
        turn_order: value['turn_order'],
        end_of_turn: value['end_of_turn'] === true,
        turn_is_formatted: value['turn_is_formatted'] === true,
        end_of_turn_confidence: finite(value['end_of_turn_confidence']),
        transcript: string(value['transcript']),
        words: words(value['words']),
        ...(value['speaker_label'] !== undefined && { speaker_label: speakerLabel(value['speaker_label']) ?? null }),
        language_code: languageCode(value['language_code']),
      })
    case 'SpeakerRevision':
      return message({ type, revisions: list(value['revisions']).flatMap(revision) })
    case 'Error':
      return message({ type, error_code: integer(value['error_code']), error: string(value['error']) })
    case 'Warning':
      return message({
        type,
        warning_code: integer(value['warning_code']),
        warning: string(value['warning']),
        ...(/^[A-Z_]{1,40}$/.test(string(value['code'])) && { code: string(value['code']) }),
        ...audioLost(value['audio_lost']),
      })
    case 'UnrecognizedSpeech':
      return unrecognizedSpeech(value)
    case 'Termination':
      return message({
        type,
        audio_duration_seconds: finite(value['audio_duration_seconds']),
        session_duration_seconds: finite(value['session_duration_seconds']),
      })
    case 'Heartbeat':
      return message({
        type,
        total_audio_received_ms: finite(value['total_audio_received_ms']),
        total_duration_ms: finite(value['total_duration_ms']),
        realtime_factor: finite(value['realtime_factor']),
        max_speech_probability: finite(value['max_speech_probability']),
      })
    case 'SpeechStarted':
      return message({ ...value, type, timestamp: finite(value['timestamp']) })
    case 'Silence':
      return message({ type, start_ms: finite(value['start_ms']), end_ms: finite(value['end_ms']) })
    case 'LLMGatewayResponse':
      return message({
        type,
        turn_order: integer(value['turn_order']),
        transcript: string(value['transcript']),
        data: value['data'],
      })
  }
}

/** What of a configuration can be read: its texts where they are texts, the rest where it is true or false. */
function beginConfiguration(value: unknown): BeginConfiguration {
  const texts = ['model', 'mode', 'api_version', 'domain', 'voice_focus']
  const entries = Object.entries(isRecord(value) ? value : {})
  return Object.fromEntries(
    entries.filter(([name, item]) => item === null || typeof item === (texts.includes(name) ? 'string' : 'boolean')),
  )
}

/** A code of BCP 47, which is at most this long. */
function languageCode(value: unknown): string | null {
  return typeof value === 'string' && /^[\w-]{1,35}$/.test(value) ? value : null
}

function message(known: ServerMessage): ParsedMessage {
  return { kind: 'message', message: known }
}

function revision(value: unknown): TurnRevision[] {
  if (!isRecord(value) || !isCount(value['turn_order'])) return []
  const label = value['speaker_label'] === null ? null : speakerLabel(value['speaker_label'])
  return [
    {
      turn_order: value['turn_order'],
      ...defined({ speaker_label: label }),
      words: words(value['words']),
    },
  ]
}

function words(value: unknown): WordMessage[] {
  return list(value).flatMap((word) => {
    if (!isRecord(word) || typeof word['text'] !== 'string') return []
    const { start, end } = stretch(word['start'], word['end'])
    const speaker = speakerLabel(word['speaker'])
    return [
      {
        start,
        end,
        text: word['text'],
        ...confidence(word),
        word_is_final: word['word_is_final'] === true,
        ...(speaker !== undefined && { speaker }),
      },
    ]
  })
}

function confidence(word: Record<string, unknown>): { confidence?: number } {
  const value = word['confidence']
  if (word['confidence_is_known'] === false || typeof value !== 'number' || !Number.isFinite(value)) return {}
  return { confidence: Math.min(1, Math.max(0, value)) }
}

function unrecognizedSpeech(value: Record<string, unknown>): ParsedMessage {
  const reason = value['reason']
  // Later versions may know more of them.
  if (reason !== 'no_words' && reason !== 'repetition') return { kind: 'unknown', type: 'UnrecognizedSpeech' }
  const { start, end } = stretch(value['start_ms'], value['end_ms'])
  const repeated = isCount(value['repeated_words']) ? { repeated_words: value['repeated_words'] } : {}
  return message({
    type: 'UnrecognizedSpeech',
    start_ms: start,
    end_ms: end,
    reason,
    ...repeated,
  })
}

function audioLost(value: unknown): Pick<WarningMessage, 'audio_lost'> {
  if (!isRecord(value)) return {}
  return { audio_lost: stretch(value['start'], value['end']) }
}

/** Whole ms from `from` on, no earlier than 0, to `to`, no earlier than that. */
function stretch(from: unknown, to: unknown): { start: number; end: number } {
  const start = Math.max(0, integer(from))
  return { start, end: Math.max(start, integer(to)) }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function finite(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}

/** 0, which says nothing, where it is no time that a Date can hold. */
function unixSeconds(value: unknown): number {
  const seconds = integer(value)
  return seconds > 0 && seconds <= 8_640_000_000_000 ? seconds : 0
}

function integer(value: unknown): number {
  return Math.round(finite(value))
}

const clientTypes: readonly string[] = ['UpdateConfiguration', 'ForceEndpoint', 'KeepAlive', 'Terminate']

/** Reads a text message of a client. Throws a {@link Refusal} (3006) for anything but the four known messages. */
export function parseClientMessage(text: string): ClientMessage {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Refusal(3006, `Invalid JSON: ${quote(error instanceof Error ? error.message : String(error))}`)
  }
  if (!isRecord(value)) throw invalidMessage('Input should be a JSON object')
  const { type } = value
  if (typeof type !== 'string') throw invalidMessage("'type' should be a valid string")
  if (!clientTypes.includes(type)) throw new Refusal(3006, `Invalid Message Type: ${quote(type)}`)
  return value as ClientMessage
}
