import type { HeartbeatMessage, SilenceMessage, SpeechStartedMessage } from '../protocol/messages.ts'
import type { ConnectionParameters } from '../protocol/parameters.ts'
import type { CertaintyFigures } from '../certainty.ts'
import type { Gap, HeardRange, ReconnectingRecord, UnrecognizedSpeech } from '../stream/options.ts'
import type { Warning } from '../errors.ts'
import type { TypedDuplex } from '../events.ts'
import type { Turn } from '../model.ts'

/** What tells events of several channels apart. */
export interface OfChannel {
  /** Name of the channel, where channels are kept apart. */
  channel?: string
}

/** What a session is, said once it has begun. */
export interface SessionRecord extends OfChannel {
  /** Id that the server gave it. */
  sessionId: string
  /** `server` is one given by `url`. */
  engine: 'assemblyai' | 'server' | 'embedded'
  /** Name of the engine or host, for people. */
  name: string
  /** Model the server says it runs, else the one asked for. */
  model: string
  /** Address without its query; `embedded:` and the engine's name where it runs in this process. */
  url: string
  /** Millisecond of the stream at which the session's audio begins. */
  offset: number
  /**
   * Speaker labels of the session and the letters they have in the stream, as far as they are known: a later session
   * labels its speakers anew, and is told of once its first turn shows who they are.
   */
  speakers: Record<string, string>
  /** Wall time at which the session began, ISO 8601. */
  startedAt: string
  /** Wall time of millisecond 0 of the stream, ISO 8601, where the source is live and of this library. */
  streamStartedAt?: string
  /** Wall time at which the server will end the session, ISO 8601; absent where it does not say. */
  expiresAt?: string
}

/** What has been done so far. */
export interface DiarizeProgress {
  /** Audio sent, in ms. */
  audioMs: number
  /**
   * Audio done, in ms: where nobody speaks, up to where it was sent; where speech has begun of which the words are not final, up
   * to the last words that are.
   */
  doneMs: number
  /** Final turns so far, revisions not counted. */
  turns: number
  /**
   * Speakers of the final turns so far, as these were last revised, in order of appearance; channels where nobody on them
   * is told apart. One whose turns have all become those of another is no longer there.
   */
  speakers: string[]
  /** Names that a voice book has for them, by label, such as `{ A: 'Alice' }`; absent where it has had none. */
  speakerNames?: Record<string, string>
  /** Languages of the final turns, where the engine says so, that of most turns first. */
  languages: string[]
  /** How sure one may be of the words of the final turns so far. */
  certainty: CertaintyFigures
  /** The part of the recording that is heard, where that is not all: then times above count from its beginning. */
  range?: HeardRange
}

/** How the last session ended; where channels are kept apart, that of each. */
export interface TerminationRecord extends OfChannel {
  /** Audio the server counted, in ms; servers say it in whole seconds. */
  audioMs: number
  /** Wall time of the session, in ms; servers say it in whole seconds. */
  sessionMs: number
}

/** Events of the stream that {@link diarize} returns, beside those of every Duplex. */
export interface DiarizeEvents {
  /** A session has taken over; given again when one more of its speakers is known. */
  session: [SessionRecord]
  /** A session was lost; the next attempt follows after `delay` ms. */
  reconnecting: [ReconnectingRecord]
  /** Audio is missing: from `start` to `end` in ms of the stream, no session has heard it. */
  gap: [Gap]
  /** Speech of which the engine made no words, or only ones that it repeated without end; AssemblyAI does not tell of it. */
  unrecognized: [UnrecognizedSpeech]
  /**
   * A turn that is still open; also given where `partials` is off. Of several channels, each has one open turn at most,
   * which its next final replaces. One without words says that nothing is left of it.
   */
  partial: [Turn]
  /** A final turn has changed; it comes out of the stream again as well. */
  revision: [Turn]
  /** Recoverable trouble. */
  warning: [Warning]
  /** Speech was heard. */
  speechStarted: [SpeechStartedMessage & OfChannel]
  /** The server is alive; about every 5 s, where `sessionHeartbeat` is on. */
  heartbeat: [HeartbeatMessage & OfChannel]
  /** Nobody speaks; about every second, where `acknowledgeSilence` is on. */
  silence: [SilenceMessage & OfChannel]
  /** Given about once a second of audio, and at the end. */
  progress: [DiarizeProgress]
  /** The server has confirmed the end. */
  termination: [TerminationRecord]
}

/** Events that every stage below passes on. */
export type PassedOnEvents = Pick<DiarizeEvents, 'session' | 'gap' | 'unrecognized'>

/** Parameters that may change while the session runs. */
export type UpdatableParameters = Pick<
  ConnectionParameters,
  | 'formatTurns'
  | 'mode'
  | 'minTurnSilence'
  | 'maxTurnSilence'
  | 'endOfTurnConfidenceThreshold'
  | 'vadThreshold'
  | 'interruptionDelay'
  | 'continuousPartials'
  | 'turnLeftPadMs'
  | 'keytermsPrompt'
  | 'prompt'
  | 'agentContext'
  | 'languageCodes'
  | 'sessionHeartbeat'
  | 'acknowledgeSilence'
  | 'filterProfanity'
>

/** A Duplex: PCM in, {@link Turn}s out. */
export interface Diarize extends TypedDuplex<DiarizeEvents, Turn> {
  /**
   * Changes parameters of the running session; the server does not acknowledge it. Before the session has begun, the
   * change is sent right after Begin.
   *
   * @throws ConfigurationError `INVALID_OPTION` where a value is out of range or the parameter is fixed at connection.
   */
  updateConfiguration(update: UpdatableParameters): void
  /** Ends the open turn now; its final follows within about 300 ms. May cut a word. */
  forceEndpoint(): void
}
