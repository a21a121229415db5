import type { TransducerFiles } from '../models/installed.ts'
import type { Stretch } from '../parts.ts'

/** What a recogniser has made of an utterance so far, as sherpa-onnx says it. */
export interface TokenResult {
  /** Pieces of words; the first of a word begins with a space or `▁`. */
  tokens: string[]
  /** Where each begins, in seconds from the start of the utterance. */
  timestamps: number[]
  /** Natural logarithm of the probability of each; empty where the model gives none. */
  ys_probs?: number[]
}

/** Every call that the process answers: what goes in and what comes out. Streams are numbered by the caller. */
export interface SherpaCalls {
  loadRecogniser: { input: { files: TransducerFiles }; output: undefined }
  loadSpeakers: { input: { file: string }; output: { size: number } }
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

/** Its answer; `missing` says that the package is not there. */
export type SherpaAnswer =
  { id: number; output: unknown } | { id: number; error: { message: string; missing: boolean } }
