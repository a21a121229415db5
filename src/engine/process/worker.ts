import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { RecogniserModel } from '../models/model.ts'
import { speechFrameMs, type Stretch } from '../parts.ts'
import { boostedTokens, isSpelled, Vocabulary } from '../words/hotwords.ts'
import {
  activityConfig,
  activityWindow,
  extractorConfig,
  hotwordsScore,
  recogniserConfig,
  type SherpaActivity,
  type SherpaCalls,
  type SherpaExtractor,
  type SherpaOfflineRecogniser,
  type SherpaOnlineRecogniser,
  type SherpaPackage,
  type SherpaRequest,
  type SherpaResult,
  type SherpaStream,
  type TokenResult,
} from './sherpa.ts'

const sampleRate = 16_000
/**
 * Silence after an utterance (0.8 s): a streaming recogniser looks ahead, and its last words come with what follows.
 */
const tail = new Float32Array(12_800)
/** The least audio a speaker model is given, in samples (0.5 s): on less, some of them fail, and end the process. */
const minForSpeaker = 8000
/** The least and most audio a recogniser is given at a time, in samples: less ends the process, more is not heard. */
const utteranceLimits = { min: 1600, max: 29 * sampleRate }
/** Samples after which a detector begins anew: its counters end at 2^31. */
export const activityLimits = { quiet: 3600 * sampleRate, all: 24 * 3600 * sampleRate }
/** Windows after that in which it says nothing that counts. */
const activityWarmUp = 4

interface Activity {
  detectors: SherpaActivity[]
  level: number
  /** Samples since the detectors began anew. */
  heard: number
  /** Windows in which the last level is kept, since the detectors have just begun anew. */
  kept: number
}

interface Offline {
  recogniser: SherpaOfflineRecogniser
  model: RecogniserModel
  language: string
  /** Turns signs back into tokens; only where it listens for hotwords. */
  vocabulary?: Vocabulary
}

/** The calls of a process on the objects of sherpa-onnx; all of them are synchronous. */
export class SherpaWork {
  readonly #sherpa: SherpaPackage
  readonly #scratch: string
  readonly #streams = new Map<number, SherpaStream>()
  readonly #activities = new Map<number, Activity>()
  #online: SherpaOnlineRecogniser | undefined
  #offline: Offline | undefined
  #extractor: SherpaExtractor | undefined

  /** @param scratch - where a folder may be made for a moment; whoever started the process removes it, too. */
  constructor(sherpa: SherpaPackage, scratch: string) {
    this.#sherpa = sherpa
    this.#scratch = scratch
  }

  do({ name, input }: SherpaRequest): SherpaCalls[keyof SherpaCalls]['output'] {
    switch (name) {
      case 'loadRecogniser':
        this.#load(input.model, input.hotwords)
        return undefined
      case 'loadSpeakers':
        this.#extractor = new this.#sherpa.SpeakerEmbeddingExtractor(extractorConfig(input.file))
        return { size: this.#extractor.dim }
      case 'openActivity':
        this.#activities.set(input.stream, {
          detectors: input.thresholds.map(
            (threshold) => new this.#sherpa.Vad(activityConfig(input.file, threshold), 60),
          ),
          level: 0,
          heard: 0,
          kept: 0,
        })
        return undefined
      case 'activity':
        return this.#detect(input.stream, input.samples)
      case 'decode':
        return this.#decode(toFloat(input.samples), input.language, input.hotwords)
      case 'start':
        // A new stream for each utterance: a used one would keep the features of all audio it ever heard.
        this.#streams.set(input.stream, this.#loaded(this.#online).createStream())
        return undefined
      case 'accept':
        this.#hear(input.stream, toFloat(input.samples))
        return undefined
      case 'partial':
        return toTokens(this.#loaded(this.#online).getResult(this.#stream(input.stream)))
      case 'finish': {
        this.#hear(input.stream, tail)
        const result = toTokens(this.#loaded(this.#online).getResult(this.#stream(input.stream)))
        this.#drop(input.stream)
        return result
      }
      case 'close':
        this.#drop(input.stream)
        return undefined
      case 'embed': {
        const before = process.cpuUsage()
        const vectors = input.stretches.map((stretch) => this.#embed(input.samples, stretch))
        collect()
        const { user, system } = process.cpuUsage(before)
        return { vectors, cpuMs: (user + system) / 1000 }
      }
      default:
        throw new Error('there is no such call')
    }
  }

  #load(model: RecogniserModel, hotwords: boolean, language = ''): void {
    const { tokens = '' } = model.files
    const text = tokens === '' ? '' : readFileSync(tokens, 'utf8')
    if (text.trim() === '') throw new Error('its tokens.txt is empty')
    if (model.mode === 'streaming') {
      this.#online = new this.#sherpa.OnlineRecognizer(recogniserConfig(model, tokens))
      return
    }
    const vocabulary = hotwords ? new Vocabulary(text) : undefined
    // The library loses characters whose bytes are in two tokens, so it gets a vocabulary of bytes in hexadecimal.
    const other = model.kind === 'whisper' ? bytesInHex(text) : vocabulary?.signed()
    const load = (file: string): void => {
      const recogniser = new this.#sherpa.OfflineRecognizer(recogniserConfig(model, file, { language, hotwords }))
      this.#offline = { recogniser, model, language, ...(vocabulary && { vocabulary }) }
    }
    if (other === undefined) return load(tokens)
    mkdirSync(this.#scratch, { mode: 0o700 })
    try {
      const file = path.join(this.#scratch, 'tokens.txt')
      writeFileSync(file, other)
      load(file)
    } finally {
      rmSync(this.#scratch, { recursive: true, force: true })
    }
  }

  #decode(samples: Float32Array, language: string, hotwords: string): TokenResult {
    const { model } = this.#loaded(this.#offline)
    this.#speak(language)
    const { recogniser, vocabulary } = this.#loaded(this.#offline)
    // What the library cannot read ends the process.
    if (hotwords !== '' && (vocabulary === undefined || !isSpelled(hotwords))) throw new Error('no such hotwords')
    const heard = withinLimits(samples)
    const stream = hotwords === '' ? recogniser.createStream() : recogniser.createStream(hotwords)
    stream.acceptWaveform({ samples: heard, sampleRate })
    recogniser.decode(stream)
    const result = toTokens(recogniser.getResult(stream))
    collect()
    if (vocabulary) {
      const boosted = model.kind === 'nemoTransducer' ? boostedTokens(hotwords, result.tokens) : []
      return {
        ...result,
        tokens: result.tokens.map((sign) => vocabulary.textOf(sign)),
        logProbabilities: result.logProbabilities.map((value, at) => value - (boosted[at] ? hotwordsScore : 0)),
      }
    }
    return model.kind === 'whisper' ? { ...result, tokens: textOfHex(result.tokens) } : result
  }

  #speak(language: string): void {
    const { model, language: before } = this.#loaded(this.#offline)
    if (language === before) return
    // The library ends the process at a language that the model does not have.
    if (!model.languages.includes(language) && language !== '') throw new Error(`the model does not know ${language}`)
    // Transducers are not told. SenseVoice would lose its own settings of the features by other ones, so it begins anew.
    if (model.kind === 'senseVoice') {
      this.#offline = undefined
      collect()
      this.#load(model, false, language)
    }
    const offline = this.#loaded(this.#offline)
    if (model.kind === 'whisper') {
      offline.recogniser.setConfig(recogniserConfig(model, model.files['tokens']!, { language }))
    }
    offline.language = language
  }

  #hear(stream: number, samples: Float32Array): void {
    const recogniser = this.#loaded(this.#online)
    const audio = this.#stream(stream)
    audio.acceptWaveform({ samples, sampleRate })
    while (recogniser.isReady(audio)) recogniser.decode(audio)
  }

  #detect(stream: number, samples: Int16Array): Uint8Array {
    const activity = this.#activities.get(stream)
    if (activity === undefined) throw new Error('no stream of that number listens')
    const levels = new Uint8Array(Math.floor(samples.length / activityWindow))
    for (let at = 0; at < levels.length; at++) {
      for (let n = 0; n < activityWindow; n++) window[n] = samples[at * activityWindow + n]! / 32_768
      levels[at] = judge(activity)
    }
    return levels
  }

  #drop(stream: number): void {
    this.#activities.delete(stream)
    this.#streams.delete(stream)
    collect()
  }

  #embed(samples: Int16Array, { start, end }: Stretch): Float32Array {
    const perFrame = (speechFrameMs * sampleRate) / 1000
    const extractor = this.#loaded(this.#extractor)
    const stream = extractor.createStream()
    const stretch = atLeast(samples.subarray(start * perFrame, end * perFrame), minForSpeaker)
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

/** What the detectors are given, who copy it: a new one for each 32 ms of weeks would be much to collect. */
const window = new Float32Array(activityWindow)

/** Level of the window: how many detectors take it for speech. */
function judge(activity: Activity): number {
  let level = 0
  for (const detector of activity.detectors) {
    detector.acceptWaveform(window)
    if (detector.isDetected()) level++
    // Else all of a speech so far would be copied with each window; whether there is speech does not depend on it.
    detector.flush()
    detector.clear()
  }
  activity.heard += window.length
  if (activity.kept > 0) activity.kept--
  else activity.level = level
  const { quiet, all } = activityLimits
  const { heard } = activity
  if (heard >= all || (activity.level === 0 && heard >= quiet)) {
    for (const detector of activity.detectors) detector.reset()
    activity.heard = 0
    activity.kept = activityWarmUp
  }
  return activity.level
}

function toTokens({ tokens, timestamps, ys_log_probs = [], ys_probs = [], lang = '' }: SherpaResult): TokenResult {
  const language = /^(?:<\|)?([a-z]{2,3})(?:\|>)?$/.exec(lang)?.[1]
  const logProbabilities = ys_log_probs.length > 0 ? ys_log_probs : ys_probs
  return { tokens, timestamps, logProbabilities, ...(language !== undefined && { language }) }
}

/** Not too short and not too long for a recogniser, all of it numbers from -1 to 1. */
function withinLimits(samples: Float32Array): Float32Array {
  const { min, max } = utteranceLimits
  if (samples.length >= min) return samples.subarray(0, max)
  const padded = new Float32Array(min)
  padded.set(samples)
  return padded
}

setFlagsFromString('--expose-gc')
/** The memory of a stream is the library's and goes with the object, which the collector does not know to be large. */
export const collect = runInNewContext('gc') as () => void

function toFloat(samples: Int16Array): Float32Array {
  return Float32Array.from(samples, (sample) => sample / 32_768)
}

/** The samples, again and again until they are `least`. */
function atLeast(samples: Int16Array, least: number): Int16Array {
  if (samples.length >= least) return samples
  if (samples.length === 0) return new Int16Array(least)
  return Int16Array.from({ length: least }, (_, at) => samples[at % samples.length]!)
}

/** Whisper's vocabulary with each token's bytes in hexadecimal, so that parts of characters arrive whole. */
export function bytesInHex(tokens: string): string {
  return tokens
    .split('\n')
    .map((line) => {
      const [bytes, number] = line.trim().split(/\s+/)
      if (bytes === undefined || number === undefined) return ''
      const hex = Buffer.from(bytes, 'base64').toString('hex')
      return `${Buffer.from(hex, 'latin1').toString('base64')} ${number}`
    })
    .filter((line) => line !== '')
    .join('\n')
}

/** The texts of tokens of such a vocabulary. A character whose bytes are in several tokens is in the last of them. */
export function textOfHex(tokens: readonly string[]): string[] {
  const decoder = new TextDecoder()
  return tokens.map((token) => decoder.decode(Buffer.from(token, 'hex'), { stream: true }))
}
