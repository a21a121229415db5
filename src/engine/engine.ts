/**
 * What a speech engine is to the v3 server: PCM in, turns with words, times, confidence and speakers out,
 * incrementally. The embedded engine implements it; so do scripted engines in tests, and so can yours.
 */

/** A recognised word; times in ms from the first sample of the engine session. */
export interface EngineWord {
  text: string
  start: number
  end: number
  /** 0 to 1; absent where the engine does not know it. */
  confidence?: number
  /** Speaker letter; absent where the engine cannot attribute the word. Only final words carry one. */
  speaker?: string
  final: boolean
}

/** A turn as known so far; a later one with the same `order` replaces it. */
export interface EngineTurn {
  /** From 0, rising by 1. */
  order: number
  words: EngineWord[]
  transcript: string
  /** Speaker of most of the turn's speech; absent where unattributed. */
  speaker?: string
  endOfTurn: boolean
  /** Whether punctuation and casing were applied. */
  formatted: boolean
  /** 0 to 1. */
  endOfTurnConfidence: number
  language?: string
}

/** New labels for a turn that is already final; words, text and times are those of the final. */
export interface EngineRevision {
  order: number
  words: EngineWord[]
  speaker?: string
}

/** What a client asked for, with the server's defaults filled in. Silences in ms. */
export interface EngineSettings {
  speakerLabels: boolean
  /** Cap on the number of speakers, 1 to 10. */
  maxSpeakers?: number
  /** Milliseconds between revisions in the middle of a session; 0 for only one at the end. */
  revisionInterval: number
  formatTurns: boolean
  /** Whether partial turns are wanted. */
  partials: boolean
  /** Silence in ms after which a turn that seems finished ends. */
  minTurnSilence: number
  /** Silence in ms after which any turn ends. */
  maxTurnSilence: number
  /** Speech probability from 0 to 1 above which audio counts as speech; absent where the client leaves it to the engine. */
  vadThreshold?: number
  keyterms: string[]
  /** ISO 639-1 codes of the languages to expect, the likeliest first; none where the engine is to find out. */
  languages: string[]
  /** The `speech_model` asked for. */
  model: string
}

/** Settings a client may change in mid-session by UpdateConfiguration. */
export type EngineSettingsUpdate = Partial<
  Pick<EngineSettings, 'formatTurns' | 'minTurnSilence' | 'maxTurnSilence' | 'vadThreshold' | 'keyterms'>
>

/** Recoverable trouble of an engine. */
export interface EngineWarning {
  /** Stable code, e.g. `AUDIO_LOST`. */
  code: string
  message: string
  /** The stretch of the audio that could not be heard, in ms. */
  lost?: { start: number; end: number }
}

/** Speech that an engine has heard and made no words of. */
export interface EngineUnrecognizedSpeech {
  /** In ms from the first sample of the engine session. */
  start: number
  end: number
  /** Whether it has no words there, or had a repetition without end, which was cut. */
  reason: 'noWords' | 'repetition'
  /** Words of the repetition that were left out. */
  repeatedWords?: number
}

/** Where an engine session delivers what it finds. Called in order, never after `destroy()`. */
export interface EngineListener {
  speechStarted(atMs: number, confidence: number): void
  turn(turn: EngineTurn): void
  revision(revisions: EngineRevision[]): void
  /** Speech was heard, and it is not known what was said; for engines that are not sure of their words, but of that. */
  unrecognized?(speech: EngineUnrecognizedSpeech): void
  /** Something that the client should know, and that does not end the session. */
  warning?(warning: EngineWarning): void
  /** The session is beyond repair; nothing follows. */
  failed(error: Error): void
}

/** One client's stream of audio through an engine. */
export interface EngineSession {
  /**
   * Takes the next samples (mono, at the engine's `sampleRate`); resolves once the engine can take more, which is the
   * back-pressure. Turns may be reported before or after it resolves.
   */
  write(samples: Int16Array): Promise<void>
  /** Ends the open turn, if there is one, and reports its final before it resolves. */
  forceEndpoint(): Promise<void>
  configure(update: EngineSettingsUpdate): void
  /** No more audio: reports the last final and the last revision before it resolves. */
  end(): Promise<void>
  /** Frees everything at once, whatever is in flight; resolves when nothing is left running. */
  destroy(): Promise<void>
}

/** A factory of {@link EngineSession}s. */
export interface Engine {
  /** Short name for people, e.g. `sherpa-onnx`. */
  readonly name: string
  /** Model id that `Begin` echoes whatever was asked for; absent where the engine stands in for any model. */
  readonly model?: string
  /** Rate of the mono PCM it wants, in Hz. */
  readonly sampleRate: number
  /** Whether audio may come faster than it plays. */
  readonly fasterThanRealTime: boolean
  /** Opens a session; rejects with an `EngineError` where a library or model is missing. */
  open(settings: EngineSettings, listener: EngineListener): Promise<EngineSession>
}
