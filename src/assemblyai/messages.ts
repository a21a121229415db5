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
  | ErrorMessage
  | LlmGatewayResponseMessage
  | TerminationMessage

/** Every JSON message a client may send; audio goes as binary frames. */
export type ClientMessage =
  | { type: 'UpdateConfiguration'; [parameter: string]: unknown }
  | { type: 'ForceEndpoint' }
  | { type: 'KeepAlive' }
  | { type: 'Terminate' }
