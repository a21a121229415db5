import type { ServerMessage, TurnRevision, WarningMessage, WordMessage } from './messages.ts'
import { speakerLabel } from './speaker-label.ts'

const types = [
  'Begin',
  'Turn',
  'SpeechStarted',
  'SpeakerRevision',
  'Heartbeat',
  'Silence',
  'Warning',
  'Error',
  'LLMGatewayResponse',
  'Termination',
] as const satisfies ServerMessage['type'][]

/** A text frame as understood: a known message, a type that is not known (to be ignored), or something malformed. */
export type ParsedMessage =
  | { kind: 'message'; message: ServerMessage }
  | { kind: 'unknown'; type: string }
  | { kind: 'malformed'; reason: string }

/**
 * Reads one text frame. Never throws: what comes over the network may be anything. Fields that later code computes with
 * are forced to their types, so that a missing list or a text in place of a number cannot travel further.
 */
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
  const type = types.find((known) => known === value['type'])
  if (type === undefined) return { kind: 'unknown', type: String(value['type']) }
  return checked(type, value)
}

function checked(type: ServerMessage['type'], value: Record<string, unknown>): ParsedMessage {
  switch (type) {
    case 'Begin':
      if (typeof value['id'] !== 'string') return { kind: 'malformed', reason: 'Begin has no id' }
      return message({ ...value, type, id: value['id'], expires_at: unixSeconds(value['expires_at']) })
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
      ...(label !== undefined && { speaker_label: label }),
      words: words(value['words']),
    },
  ]
}

function words(value: unknown): WordMessage[] {
  return list(value).flatMap((word) => {
    if (!isRecord(word) || typeof word['text'] !== 'string') return []
    const start = Math.max(0, integer(word['start']))
    const speaker = speakerLabel(word['speaker'])
    return [
      {
        start,
        end: Math.max(start, integer(word['end'])),
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

function audioLost(value: unknown): Pick<WarningMessage, 'audio_lost'> {
  if (!isRecord(value)) return {}
  const start = Math.max(0, integer(value['start']))
  return { audio_lost: { start, end: Math.max(start, integer(value['end'])) } }
}

function isRecord(value: unknown): value is Record<string, unknown> {
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
