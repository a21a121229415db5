import { createRequire } from 'node:module'
import type { TransducerFiles } from '../models/installed.ts'

/** A stream of audio into a recogniser or a speaker model. */
export interface SherpaStream {
  acceptWaveform(audio: { samples: Float32Array; sampleRate: number }): void
  inputFinished(): void
}

/** The streaming recogniser. */
export interface SherpaRecogniserObject {
  createStream(): SherpaStream
  isReady(stream: SherpaStream): boolean
  decode(stream: SherpaStream): void
  getResult(stream: SherpaStream): { tokens: string[]; timestamps: number[]; ys_probs?: number[] }
}

/** The speaker model. */
export interface SherpaExtractor {
  readonly dim: number
  createStream(): SherpaStream
  isReady(stream: SherpaStream): boolean
  compute(stream: SherpaStream, enableExternalBuffer: boolean): Float32Array
}

/** What is used of the package, which has no declarations of its own. */
export interface SherpaPackage {
  OnlineRecognizer: new (config: object) => SherpaRecogniserObject
  SpeakerEmbeddingExtractor: new (config: object) => SherpaExtractor
}

/** Loads the package; throws where it is missing or has no binary for this platform. */
export function loadSherpa(): SherpaPackage {
  return createRequire(import.meta.url)('sherpa-onnx-node') as SherpaPackage
}

/** One thread: the audio of a stream comes no faster than it plays, and other streams want the other cores. */
const computing = { numThreads: 1, provider: 'cpu', debug: 0 }

/** The settings of a recogniser; where turns end is decided elsewhere. */
export function recogniserConfig({ tokens, ...transducer }: TransducerFiles): object {
  return {
    featConfig: { sampleRate: 16_000, featureDim: 80 },
    modelConfig: { transducer, tokens, ...computing },
    decodingMethod: 'greedy_search',
    enableEndpoint: 0,
  }
}

/** The settings of a speaker model. */
export function extractorConfig(file: string): object {
  return { model: file, ...computing }
}
