import type { EngineRevision } from './engine.ts'

/**
 * The three parts of the embedded engine that can be replaced one by one: what is speech, what was said, and who said
 * it. Turns, their order and their ends are the business of the session above them.
 */

/** Says of each short frame of audio how likely it is speech. */
export interface VoiceActivityDetector {
  /** Samples in one frame, 160 (10 ms) to 16000; best a whole number of 10 ms, since otherwise consecutive frames overlap a little. */
  readonly frameSamples: number
  /** Takes the next frame, exactly `frameSamples` long, and returns its speech probability from 0 to 1. */
  accept(frame: Int16Array): number
}

/** A word as the recogniser gives it; times in ms from the first sample of the utterance. */
export interface RecognisedWord {
  text: string
  start: number
  end: number
  /** 0 to 1. */
  confidence: number
}

/**
 * Turns the samples of one utterance after another into words. Calls are made one at a time, in the order `start`,
 * `accept` (any number), `finish`; `close` may come at any moment, also while another call is under way.
 */
export interface Recogniser {
  /** Other keyterms to listen for from the next utterance on; absent where the recogniser cannot be told. */
  expect?(keyterms: readonly string[]): void
  /** Begins an utterance. */
  start(): Promise<void>
  /** Takes the next samples of the utterance. */
  accept(samples: Int16Array): Promise<void>
  /** The words of the utterance so far; they may still change. */
  partial(): Promise<RecognisedWord[]>
  /** Ends the utterance and returns its words in order of time. */
  finish(): Promise<RecognisedWord[]>
  /** Frees everything; resolves when no call is under way any more. */
  close(): Promise<void>
}

/** What a speaker tracker gets to know of a turn that has just ended. */
export interface HeardTurn {
  order: number
  /** Place of `samples[0]` in the stream, in ms. */
  offset: number
  samples: Int16Array
  /** Speech probability of each {@link speechFrameMs} of `samples`. */
  speech: readonly number[]
  /** Threshold above which a probability counts as speech. */
  threshold: number
  /** The turn's words; times in ms of the stream. */
  words: readonly { start: number; end: number }[]
}

/** Length of the frames that {@link HeardTurn.speech} describes, in ms. */
export const speechFrameMs = 10

/** Who spoke in a turn. */
export interface Attribution {
  /** One entry a word; absent where the speaker is not known. */
  words: (string | undefined)[]
  /** Speaker of most of the turn's speech; absent where it is not known. */
  speaker?: string
}

/** What is known of a turn after another look at the whole session. */
export type RevisedAttribution = Attribution & Pick<EngineRevision, 'order'>

/** Tells the speakers of a session apart, turn by turn. Calls are made one at a time; `close` may come at any moment. */
export interface SpeakerTracker {
  /** Attributes the words of the next turn. */
  attribute(turn: HeardTurn): Attribution | Promise<Attribution>
  /** Looks at all turns again and returns those whose attribution changes. */
  revise(): RevisedAttribution[] | Promise<RevisedAttribution[]>
  /** Frees what the tracker holds outside of this process; resolves when nothing is left. */
  close?(): Promise<void>
}

/** A stretch of a turn, in frames of {@link speechFrameMs}; `end` is not part of it. */
export interface Stretch {
  start: number
  end: number
}

/** Turns stretches of speech into vectors that point the same way where the voice is the same. */
export interface SpeakerModel {
  /** Numbers in one vector. */
  readonly size: number
  /** The cosine of two vectors at which one voice is as likely as two, for stretches of about 2 s. */
  readonly threshold: number
  /**
   * Vectors of length 1, one for each stretch of `samples` (mono PCM16 at 16 kHz). `speech` tells of each
   * {@link speechFrameMs} whether it is speech.
   */
  embed(samples: Int16Array, stretches: readonly Stretch[], speech: readonly boolean[]): Promise<Float32Array[]>
  /** Frees what the model holds outside of this process; resolves when nothing is left. */
  close?(): Promise<void>
}
