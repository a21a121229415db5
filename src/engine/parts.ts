/** Roles of the embedded engine: what is speech, what was said, who said it. All audio is mono PCM16 at 16 kHz. */

/** Length of the frames that speech is known for, in ms. */
export const speechFrameMs = 10

/** Level of speech from which on the detector is sure. */
export const sureSpeech = 0.7

/** Says of each {@link speechFrameMs} of audio whether it is speech. Calls are made one at a time. */
export interface VoiceActivityDetector {
  /** Resolves to the levels of the frames now known: 0, or the highest threshold that the speech passed. */
  accept(samples: Int16Array): Promise<number[]>
  /** From which probability on audio counts as speech, 0 to 1; from the next samples on. */
  setThreshold(threshold: number | undefined): void
  /** Frees everything; resolves when no call is under way any more. */
  close(): Promise<void>
}

/** A word as the recogniser gives it; times in ms from the first sample of the utterance. */
export interface RecognisedWord {
  text: string
  start: number
  end: number
  /** 0 to 1; absent where the model gives none. */
  confidence?: number
}

/** What was heard in an utterance. */
export interface Recognition {
  words: RecognisedWord[]
  /** ISO 639-1 code of the language that the model took it for; absent where it does not say. */
  language?: string
  /** Words of repetitions that were left out, since the audio has no room for them; absent where there were none. */
  repeatedWords?: number
}

/** A stretch of speech between two silences, on its way through a recogniser. */
export interface Utterance {
  /** Takes samples with the speech levels of their frames, 29 s at most; resolves when it can take more. */
  accept(samples: Int16Array, speech: readonly number[]): void | Promise<void>
  /** What is heard so far, which may still change; absent where the machine has no time for it. */
  partial(): Promise<Recognition | undefined>
  /** The utterance is likely to end here: what is heard may be found already. */
  prepare?(): void
  /** The audio comes as it is said: what is long past may be heard by itself, so that the end need not wait for all of it. */
  splitAtPause?(): void
  /** Ends the utterance, at `untilMs` from its first sample where it is given; nothing behind that is heard. */
  finish(untilMs?: number): Promise<Recognition>
}

/** What `finish()` rejects with where two processes died of the utterance; others can still be heard. */
export class CrashingUtterance extends Error {}

/** Turns utterances into words. Several may be under way at a time. */
export interface Recogniser {
  begin(): Utterance
  /** How many utterances it can work on at the same time. */
  readonly parallel: number
  /** Words to listen for, from the next utterance on; returns, for people, which have no effect and why. */
  setKeyterms?(keyterms: readonly string[]): string | undefined
  /** The stream has ended, and its client waits: what is left of it goes before the utterances of others. */
  prioritise?(): void
  /** Frees everything; resolves when nothing is under way any more. */
  close(): Promise<void>
}

/** What a speaker tracker gets to know of an utterance. */
export interface TrackedUtterance {
  id: number
  /** Place of `samples[0]` in the stream, in ms. */
  offset: number
  samples: Int16Array
  /** Whether each {@link speechFrameMs} of `samples` is speech. */
  speech: readonly boolean[]
  /** Its words, in order; times in ms of the stream. */
  words: readonly { start: number; end: number }[]
}

/** Speaker letters of the words of an utterance; absent where the speaker is not known. */
export interface Attribution {
  id: number
  words: (string | undefined)[]
}

/** Tells the speakers of a session apart, utterance by utterance. Calls are made one at a time, in order. */
export interface SpeakerTracker {
  /** Attributes the words of the next utterance. */
  attribute(utterance: TrackedUtterance): Promise<Attribution>
  /** Looks at all utterances again and returns those whose attribution changes. */
  revise(): Promise<Attribution[]>
}

/** A stretch of an utterance, in frames of {@link speechFrameMs}; `end` is not part of it. */
export interface Stretch {
  start: number
  end: number
}

/** Turns stretches of speech into vectors that point the same way where the voice is the same. */
export interface SpeakerModel {
  /** Vectors of length 1, one a stretch; zeros where the model makes nothing of it. */
  embed(samples: Int16Array, stretches: readonly Stretch[]): Promise<Float32Array[]>
}
