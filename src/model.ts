/**
 * What travels between the stages. All times are integer milliseconds of the stream, counted from its first audio
 * sample; they never restart.
 */

/** One recognised word. */
export interface Word {
  /** The word as shown, punctuation attached. */
  text: string
  /** First millisecond of the word in the stream. */
  start: number
  /** Millisecond in the stream at which the word ends; may equal `start`. */
  end: number
  /** How sure the recogniser is, from 0 to 1; absent where it does not know. */
  confidence?: number
  /** Speaker label (`A`, `B`, …; a name where `serverLabels` is `'asGiven'`); absent where the engine could not attribute the word. */
  speaker?: string
  /** Name of who said it, where a voice book knows the voice; see the option `voices` of `diarize()`. */
  speakerName?: string
  /** How sure it is that the name is right, from 0 to 1; there wherever `speakerName` is. */
  speakerConfidence?: number
  /** Whether the word can still change: `true` means it cannot, except by a revision. */
  final: boolean
}

/** A stretch of speech between two silences, possibly of several speakers. */
export interface Turn {
  /** Identity of the socket session the turn came from. */
  sessionId: string
  /** Unique and rising for the whole stream. */
  order: number
  /** 0 at first; a turn that comes again with a higher revision replaces the earlier one whole. */
  revision: number
  /** `true` once the turn is final; `false` for a partial. */
  endOfTurn: boolean
  /**
   * `true` where the server never made the turn final: these are its words as far as they were known. Absent otherwise.
   */
  unconfirmed?: true
  /** Whether punctuation and casing have been applied. */
  formatted: boolean
  /** The whole text of the turn. */
  transcript: string
  /** Dominant speaker of the turn; absent where it could not be attributed. */
  speaker?: string
  /** Name of the dominant speaker, where a voice book knows the voice. */
  speakerName?: string
  /** How sure it is that the name is right, from 0 to 1; there wherever `speakerName` is. */
  speakerConfidence?: number
  /** Name of the channel the turn was heard on, when channels are kept apart. */
  channel?: string
  words: Word[]
  /** First millisecond of the first word. */
  start: number
  /** Last millisecond of the last word. */
  end: number
  /** BCP-47 or ISO 639-1 code, when language detection is on. */
  language?: string
}

/** A run of words of one speaker inside one turn. */
export interface Segment {
  /** Speaker of all words of the run; absent where unattributed. */
  speaker?: string
  /** Name of the speaker, where a voice book knows the voice. */
  speakerName?: string
  channel?: string
  /** First millisecond of the first word. */
  start: number
  /** Last millisecond of the last word. */
  end: number
  /** The words, with single spaces between them where their script puts some. */
  text: string
  words: Word[]
  /** BCP-47 or ISO 639-1 code of the turn, where known. */
  language?: string
  /** The turn this run was cut from. */
  turn: { order: number; revision: number }
}

/** What is shown on the screen, and when. */
export interface Cue {
  /** From 1, rising by 1. */
  index: number
  /** Millisecond in the stream at which the cue appears. */
  start: number
  /** Millisecond in the stream at which the cue disappears; greater than `start`. */
  end: number
  /** How high it stands while others are shown, as of two channels: 1 above 0, which is at the bottom and not written. */
  lane?: number
  /** Speaker of all words of the cue; absent where unattributed. */
  speaker?: string
  /** Lines as shown, without speaker label and without any format's escapes. */
  lines: string[]
  /**
   * The speaker of each line, only where two short turns share a cue: each line then begins with a dash, and the cue
   * has no `speaker`.
   */
  lineSpeakers?: string[]
  words: Word[]
}

/** What a sink accepts; told apart by {@link isTurn}, {@link isSegment} and {@link isCue}. */
export type Captionable = Turn | Segment | Cue

/** Whether `value` is a {@link Turn}. */
export function isTurn(value: Captionable): value is Turn {
  return 'endOfTurn' in value
}

/** Whether `value` is a {@link Segment}. */
export function isSegment(value: Captionable): value is Segment {
  return 'turn' in value
}

/** Whether `value` is a {@link Cue}. */
export function isCue(value: Captionable): value is Cue {
  return 'lines' in value
}

declare const plain: unique symbol

/** A plain value as one string; see {@link serialize}. */
export type Serialized<T> = string & { readonly [plain]: T }

/** Makes a value small, to be kept for long: thousands of objects are what keeps a garbage collector busy. */
export function serialize<T>(value: T): Serialized<T> {
  // What V8 makes is a tree of pieces; read out of bytes it is a string in one piece.
  return Buffer.from(JSON.stringify(value)).toString() as Serialized<T>
}

/** A copy of the value that was packed. */
export function deserialize<T>(packed: Serialized<T>): T {
  return JSON.parse(packed) as T
}
