import type { BackOffOptions } from '../back-off.ts'
import type { SessionError, Warning } from '../errors.ts'
import type { Turn } from '../model.ts'
import type { BeginMessage, ServerMessage } from '../protocol/messages.ts'
import type { SessionOptions } from '../session/session.ts'
import type { SessionTarget } from '../session/transport.ts'
import type { MeterUse } from './session-meter.ts'
import type { ServerLabels } from './label-map.ts'
import type { VoiceProfile } from '../voices/profile.ts'
import type { VoiceSource } from './stream-voices.ts'

/** From where a stream goes on that another process began. */
export interface StreamStart {
  /** Number of the first frame that comes. */
  frame: number
  /** Ms of the stream before which all is heard, or known to be lost. */
  settled: number
  /** The last final turns, oldest first, with the letters of the stream. */
  turns: readonly Turn[]
  nextOrder: number
  /** Speakers that there were, also of turns that were revised since: nobody else gets their letters. */
  speakers: readonly string[]
  voices: ReadonlyMap<string, VoiceProfile>
  /** Ms of the stream up to which it was told what is not recognised; as far as all is heard, if absent. */
  unrecognizedUntil?: number
}

/** A session that is about to be opened. */
export interface SessionOpening {
  /** Whether the source cannot wait. */
  live: boolean
  /** Whether the stream has had a session before. */
  again: boolean
  /** Fires when the session is not wanted any more. */
  signal: AbortSignal
}

/**
 * Is asked before each session that a stream opens, also again and beside the one before, and resolves when it may. What it
 * rejects with ends the stream; where the session before goes on meanwhile, it is a warning.
 */
export type SessionAdmission = (opening: SessionOpening) => Promise<void>

export interface SupervisorOptions extends SessionOptions, BackOffOptions {
  /** Address and fresh credentials for one more session. */
  connect: () => Promise<SessionTarget>
  /** What sessions at this server are counted by; absent where it takes any number, or `admission` counts them. */
  meter?: () => MeterUse
  /** Is asked before each session. */
  admission?: SessionAdmission | undefined
  /** The error behind a session that the engine itself broke. */
  failure: () => Error | undefined
  /** The error behind one that the wire tells of a session; that one if absent. */
  explained?: (error: Error) => Error
  /** Ms of audio per ms that a server with this Begin is to be sent; `Infinity` for no pace. */
  rate: (begin: BeginMessage) => number
  /** Length of a frame; may be fractional. */
  frameMs: number
  /** A frame of silence. */
  silentFrame: Buffer
  /** Makes what writes the frames of one session as its messages; absent where frames are messages, all of one length. */
  wire?: () => (frame: Buffer) => Buffer
  /** The beginning of the next frame, as far as there is one. */
  pending: () => Buffer
  /** Whether nobody speaks in what is given; `false` where that cannot be told. */
  isQuiet: (audio: Buffer) => boolean
  /** Longest burst of audio after a stall. */
  catchUp: number
  /** Audio before the last final word that a new session hears again, to know the speakers by. */
  overlap: number
  /** Most audio kept while no session is open. */
  maxReplay: number
  /** Attempts in a row, without the stream coming further between them, before the last error stands. */
  retries: number
  /** The same before the first session. */
  firstRetries: number
  /** How long before its expiry the session after it is opened. */
  rollOverBefore: number
  /** Whether the source cannot be held back. */
  live: boolean
  /** Whether silence is sent while the source pauses. */
  keepAlive: boolean
  /** Whether an unformatted final waits for the formatted one. */
  awaitFormatted: boolean
  /** What becomes of labels that are not the protocol's letters; `letters` if absent. */
  serverLabels?: ServerLabels
  /** By what labels of two sessions are matched beside the words that both heard; by these alone where it is absent. */
  voices?: VoiceSource | undefined
  /** Where the stream goes on; at its beginning where absent. */
  start?: StreamStart | undefined
}

export interface SessionChange {
  begin: BeginMessage
  /** When that came. */
  beganAt: Date
  /** Ms of the stream at which the session's audio begins. */
  offset: number
  /** Speaker labels of the session and the letters they stand for in the stream, so far. */
  speakers: Record<string, string>
  channel?: string
}

/** A session that was told of is over. */
export interface SessionEnded {
  sessionId: string
  /** Absent where the server confirmed the end. */
  error?: Error | undefined
  channel?: string
}

/** Which part of a recording is heard. */
export interface HeardRange {
  /** Where it begins, in ms of the recording. @defaultValue `0` */
  start?: number
  /** How long it is, in ms, from 1. @defaultValue as long as there is audio */
  duration?: number
}

/** Audio that no session has heard. */
export interface Gap {
  /** First ms of the stream that is missing. */
  start: number
  /** First ms of the stream that is there again. */
  end: number
  /** Name of the channel it is on, where channels are kept apart. */
  channel?: string
  /** Wall time at which the loss began, ISO 8601, where nobody listened since a run was killed. */
  startedAt?: string
  /** Wall time at which audio came again, ISO 8601. */
  endedAt?: string
}

/**
 * Speech that the engine on this machine, or a server of this library, has heard and made no words of. AssemblyAI does not tell
 * of it, but says how sure it is of each word.
 */
export interface UnrecognizedSpeech {
  /** First ms of the stream at which there is such speech. */
  start: number
  /** First ms of the stream at which there is none any more. */
  end: number
  /** `noWords` where there are none; `repetition` where the model said the same over and over, and that was cut. */
  reason: 'noWords' | 'repetition'
  /** Words of the repetition that were left out. */
  repeatedWords?: number
  /** Name of the channel it is on, where channels are kept apart. */
  channel?: string
}

/** An attempt to open a session again. */
export interface ReconnectingRecord {
  /** From 1; back to 1 once the stream has come further. */
  attempt: number
  /** Ms until the attempt. */
  delay: number
  /** Why the last session, or the last attempt, ended. */
  error: SessionError
  /** Name of the channel whose session it is, where channels are kept apart. */
  channel?: string
}

/** Voices of a stream, or of one of its channels, by the speakers of its turns. */
export interface HeardVoicesRecord {
  voices: ReadonlyMap<string, VoiceProfile>
  channel?: string
}

export interface SupervisorEvents {
  turn: [Turn]
  /** A session has taken over, or one more of its labels has been matched. */
  session: [SessionChange]
  sessionEnd: [SessionEnded]
  reconnecting: [ReconnectingRecord]
  gap: [Gap]
  unrecognized: [UnrecognizedSpeech]
  warning: [Warning]
  message: [ServerMessage & { channel?: string }]
  /** A voice was heard: those of all letters so far. */
  voices: [HeardVoicesRecord]
}
