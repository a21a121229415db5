import type { RecogniserModel } from '../models/model.ts'
import type { Stretch } from '../parts.ts'

/** What a recogniser has made of an utterance, as sherpa-onnx says it. */
export interface TokenResult {
  /** Pieces of words; the first of a word begins with a space or `▁`. Together they are the text. */
  tokens: string[]
  /** Where each begins, in seconds from the start of the utterance. */
  timestamps: number[]
  /** Natural logarithm of the probability of each; empty where the model gives none. */
  logProbabilities: number[]
  /** ISO 639-1 code; absent where the model does not say. */
  language?: string
}

/** Every call that a process answers: what goes in and what comes out. Streams are numbered by the caller. */
export interface SherpaCalls {
  /** `hotwords` says whether it is to listen for some; only offline transducers can. */
  loadRecogniser: { input: { model: RecogniserModel; hotwords: boolean }; output: undefined }
  loadSpeakers: { input: { file: string }; output: { size: number } }
  /** Speech levels of a stream, by one detector for each threshold, the lowest first. */
  openActivity: { input: { stream: number; file: string; thresholds: readonly number[] }; output: undefined }
  /** For each whole 512 of the samples: how many of the thresholds they pass. */
  activity: { input: { stream: number; samples: Int16Array }; output: Uint8Array }
  /**
   * A whole utterance of 0.1 to 29 s. `language` is `''` where the model is to find out; `hotwords` are as `spellKeyterms`
   * makes them, and `''` where the recogniser was loaded without.
   */
  decode: { input: { samples: Int16Array; language: string; hotwords: string }; output: TokenResult }
  start: { input: { stream: number }; output: undefined }
  accept: { input: { stream: number; samples: Int16Array }; output: undefined }
  partial: { input: { stream: number }; output: TokenResult }
  finish: { input: { stream: number }; output: TokenResult }
  close: { input: { stream: number }; output: undefined }
  embed: { input: { samples: Int16Array; stretches: readonly Stretch[] }; output: Float32Array[] }
}

/** A call on its way to the process. */
export type SherpaRequest = {
  [Name in keyof SherpaCalls]: { id: number; name: Name; input: SherpaCalls[Name]['input'] }
}[keyof SherpaCalls]

/**
 * What the process says of a call, with its resident memory in bytes: that it begins with it, then the answer; `missing`
 * says that the package cannot be loaded.
 */
export type SherpaAnswer = { id: number; memory: number } & (
  { begun: true } | { output: unknown } | { error: { message: string; missing: boolean } }
)
