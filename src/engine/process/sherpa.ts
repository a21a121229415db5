import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RecogniserModel } from '../models/model.ts'
import type { Stretch } from '../parts.ts'

export interface SherpaStream {
  acceptWaveform(audio: { samples: Float32Array; sampleRate: number }): void
  inputFinished(): void
}

/** What a recogniser says of a stream; which lists are filled depends on the model. */
export interface SherpaResult {
  tokens: string[]
  timestamps: number[]
  ys_log_probs?: number[]
  ys_probs?: number[]
  lang?: string
}

export interface SherpaOnlineRecogniser {
  createStream(): SherpaStream
  isReady(stream: SherpaStream): boolean
  decode(stream: SherpaStream): void
  getResult(stream: SherpaStream): SherpaResult
}

export interface SherpaOfflineRecogniser {
  createStream(hotwords?: string): SherpaStream
  decode(stream: SherpaStream): void
  getResult(stream: SherpaStream): SherpaResult
  setConfig(config: object): void
}

export interface SherpaExtractor {
  readonly dim: number
  createStream(): SherpaStream
  isReady(stream: SherpaStream): boolean
  compute(stream: SherpaStream, enableExternalBuffer: boolean): Float32Array
}

export interface SherpaActivity {
  acceptWaveform(samples: Float32Array): void
  isDetected(): boolean
  flush(): void
  clear(): void
  reset(): void
}

/** What is used of the package, which has no declarations of its own. */
export interface SherpaPackage {
  OnlineRecognizer: new (config: object) => SherpaOnlineRecogniser
  OfflineRecognizer: new (config: object) => SherpaOfflineRecogniser
  SpeakerEmbeddingExtractor: new (config: object) => SherpaExtractor
  Vad: new (config: object, bufferSeconds: number) => SherpaActivity
}

/** Loads the package. Its own loader swallows why a binary cannot be loaded, so the binary is loaded first. */
export function loadSherpa(): SherpaPackage {
  const require = createRequire(import.meta.url)
  const wrapper = require.resolve('sherpa-onnx-node')
  const system = process.platform === 'win32' ? 'win' : process.platform
  const binary = `sherpa-onnx-${system}-${process.arch}`
  createRequire(wrapper)(path.join(path.dirname(wrapper), '..', binary, 'sherpa-onnx.node'))
  return require(wrapper) as SherpaPackage
}

/** One thread each: what is to work at the same time has a process of its own. */
const computing = { numThreads: 1, provider: 'cpu', debug: 0 }
/**
 * Settings of onnxruntime where words are recognised. Without them it takes, from the second utterance of a length on, the
 * memory of a whole run in one piece beside what it has: 100 MB more with Whisper base, for no less time.
 */
const recogniserSession = (): string => fileURLToPath(new URL('../../../bin/recogniser-session.txt', import.meta.url))
const featConfig = { sampleRate: 16_000, featureDim: 80 }

/** What may differ between two recognisers of one model. */
export interface RecogniserOptions {
  /** ISO 639-1 code; absent or `''` where the model is to find out. */
  language?: string
  /** Whether it is to listen for hotwords; the characters of each are symbols of `tokens`. */
  hotwords?: boolean
}

/** How many readings of an utterance are followed at once where hotwords are listened for, as is the library's default. */
const readings = 4
/** What each token of a hotword adds to the logarithm of its probability, as is the library's default. */
export const hotwordsScore = 1.5

/** The settings of a recogniser; where turns end is decided elsewhere. */
export function recogniserConfig(
  { mode, kind, files }: RecogniserModel,
  tokens: string,
  { language = '', hotwords = false }: RecogniserOptions = {},
): object {
  const { tokens: _vocabulary, ...parts } = files
  const model = {
    whisper: { whisper: { ...parts, language, task: 'transcribe', tailPaddings: -1, enableTokenTimestamps: 1 } },
    transducer: { transducer: parts },
    nemoTransducer: { transducer: parts, modelType: 'nemo_transducer' },
    senseVoice: { senseVoice: { ...parts, language: language || 'auto', useInverseTextNormalization: 1 } },
  }[kind]
  return {
    featConfig,
    modelConfig: {
      ...model,
      tokens,
      ...computing,
      provider: `cpu:${recogniserSession()}`,
      ...(hotwords && { modelingUnit: 'cjkchar' }),
    },
    ...(hotwords
      ? { decodingMethod: 'modified_beam_search', maxActivePaths: readings, hotwordsScore }
      : { decodingMethod: 'greedy_search' }),
    ...(mode === 'streaming' && { enableEndpoint: 0 }),
  }
}

export function extractorConfig(file: string): object {
  return { model: file, ...computing }
}

/** Samples that the detector of voice activity judges at a time. */
export const activityWindow = 512

/** The settings of a detector that says of each window by itself whether it is speech. */
export function activityConfig(file: string, threshold: number): object {
  const sileroVad = {
    model: file,
    threshold,
    // The library takes 0 as not given: it would wait for 250 ms of speech and 500 ms of silence.
    minSilenceDuration: 0.001,
    minSpeechDuration: 0.001,
    windowSize: activityWindow,
    // What it does of its own when speech becomes longer is to raise the threshold to 0.9. As it counts samples in 32
    // bits, above 134,217 s it does so from the beginning.
    maxSpeechDuration: 1e5,
  }
  return { sileroVad, sampleRate: 16_000, ...computing }
}

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
   * A whole utterance of 0.1 to 29 s; `language` may be `''`, and `hotwords` come from `spellKeyterms`, or are `''`.
   */
  decode: { input: { samples: Int16Array; language: string; hotwords: string }; output: TokenResult }
  start: { input: { stream: number }; output: undefined }
  accept: { input: { stream: number; samples: Int16Array }; output: undefined }
  partial: { input: { stream: number }; output: TokenResult }
  finish: { input: { stream: number }; output: TokenResult }
  close: { input: { stream: number }; output: undefined }
  /** `cpuMs` is the time of processors that it took, however long others had them meanwhile. */
  embed: {
    input: { samples: Int16Array; stretches: readonly Stretch[] }
    output: { vectors: Float32Array[]; cpuMs: number }
  }
}

/** A call on its way to the process. */
export type SherpaRequest = {
  [Name in keyof SherpaCalls]: { id: number; name: Name; input: SherpaCalls[Name]['input'] }
}[keyof SherpaCalls]

/** What the process says of a call, with its memory in bytes: that it begins, then the answer. */
export type SherpaAnswer = { id: number; memory: number } & (
  { begun: true } | { output: unknown } | { error: { message: string; missing: boolean; code?: string | undefined } }
)
