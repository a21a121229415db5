import { type Stretch, speechFrameMs } from '../parts.ts'
import type { SherpaCalls, SherpaRequest, TokenResult } from './messages.ts'
import {
  extractorConfig,
  recogniserConfig,
  type SherpaExtractor,
  type SherpaPackage,
  type SherpaRecogniserObject,
  type SherpaStream,
} from './package.ts'

const sampleRate = 16_000
/**
 * Silence after an utterance, in samples (0.8 s): a recogniser works on whole blocks of up to 0.6 s and looks a little
 * ahead, so that its last words come only with what follows them.
 */
const tail = new Float32Array(12_800)
/** The least audio a speaker model is given, in samples (0.5 s): on less, some of them fail, and end the process. */
const leastForSpeaker = 8000

/** The calls of the process on the objects of sherpa-onnx; all of them are synchronous. */
export class SherpaWork {
  readonly #sherpa: SherpaPackage
  readonly #streams = new Map<number, SherpaStream>()
  #recogniser: SherpaRecogniserObject | undefined
  #extractor: SherpaExtractor | undefined

  constructor(sherpa: SherpaPackage) {
    this.#sherpa = sherpa
  }

  /** Does one call. */
  do({ name, input }: SherpaRequest): SherpaCalls[keyof SherpaCalls]['output'] {
    switch (name) {
      case 'loadRecogniser':
        this.#recogniser = new this.#sherpa.OnlineRecognizer(recogniserConfig(input.files))
        return undefined
      case 'loadSpeakers':
        this.#extractor = new this.#sherpa.SpeakerEmbeddingExtractor(extractorConfig(input.file))
        return { size: this.#extractor.dim }
      case 'start':
        // A new stream for each utterance: a used one would keep the features of all audio it ever heard.
        this.#streams.set(input.stream, this.#loaded(this.#recogniser).createStream())
        return undefined
      case 'accept':
        this.#hear(input.stream, toFloat(input.samples))
        return undefined
      case 'partial':
        return this.#result(input.stream)
      case 'finish':
        return this.#finish(input.stream)
      case 'close':
        this.#drop(input.stream)
        return undefined
      case 'embed': {
        const vectors = input.stretches.map((stretch) => this.#embed(input.samples, stretch))
        collect()
        return vectors
      }
      default:
        throw new Error('there is no such call')
    }
  }

  #hear(stream: number, samples: Float32Array): void {
    const recogniser = this.#loaded(this.#recogniser)
    const audio = this.#stream(stream)
    audio.acceptWaveform({ samples, sampleRate })
    while (recogniser.isReady(audio)) recogniser.decode(audio)
  }

  #result(stream: number): TokenResult {
    const { tokens, timestamps, ys_probs = [] } = this.#loaded(this.#recogniser).getResult(this.#stream(stream))
    return { tokens, timestamps, ys_probs }
  }

  #finish(stream: number): TokenResult {
    this.#hear(stream, tail)
    const result = this.#result(stream)
    this.#drop(stream)
    return result
  }

  #drop(stream: number): void {
    if (this.#streams.delete(stream)) collect()
  }

  #embed(samples: Int16Array, { start, end }: Stretch): Float32Array {
    const perFrame = (speechFrameMs * sampleRate) / 1000
    const extractor = this.#loaded(this.#extractor)
    const stream = extractor.createStream()
    const stretch = atLeast(samples.subarray(start * perFrame, end * perFrame), leastForSpeaker)
    stream.acceptWaveform({ samples: toFloat(stretch), sampleRate })
    stream.inputFinished()
    if (!extractor.isReady(stream)) return new Float32Array(extractor.dim)
    // Without a buffer outside of the heap, which some builds of Node forbid.
    return extractor.compute(stream, false)
  }

  #stream(number: number): SherpaStream {
    const stream = this.#streams.get(number)
    if (stream === undefined) throw new Error('no utterance is open')
    return stream
  }

  #loaded<T>(model: T | undefined): T {
    if (model === undefined) throw new Error('no model is loaded')
    return model
  }
}

/** The memory of a stream is the library's and goes with the object, which the collector does not know to be large. */
function collect(): void {
  globalThis.gc?.()
}

function toFloat(samples: Int16Array): Float32Array {
  return Float32Array.from(samples, (sample) => sample / 32_768)
}

/** The samples, again and again until they are `least`. */
export function atLeast(samples: Int16Array, least: number): Int16Array {
  if (samples.length >= least) return samples
  if (samples.length === 0) return new Int16Array(least)
  return Int16Array.from({ length: least }, (_, at) => samples[at % samples.length]!)
}
