import { promisify } from 'node:util'
import { EngineError } from '../errors.ts'
import type { RecognisedWord, Recogniser } from './parts.ts'
import {
  engineUnavailable,
  findModel,
  loadPocketSphinx,
  nextStep,
  type LibraryLocation,
  type NativeFunction,
  type Pointer,
  type PocketSphinxLibrary,
} from './pocketsphinx-library.ts'

const frameMs = 10
/** The longest utterance that is decoded as a whole, in samples (15 s). */
const longestWhole = 240_000

/** Decoder settings beside the model's own; chosen by measurement (accuracy, and an end of utterance below 150 ms). */
const decoderSettings = {
  '-remove_silence': 'no',
  '-remove_noise': 'no',
  '-fwdflat': 'no',
  '-bestpath': 'yes',
  '-maxwpf': '20',
  '-maxhmmpf': '6000',
}

let alive = 0

/** Decoders that exist in this process now; each holds about 95 MB. */
export function openDecoders(): number {
  return alive
}

/** Runs a native call on libuv's pool. */
function call(fn: NativeFunction, ...args: unknown[]): Promise<unknown> {
  return promisify((callback: (error: unknown, result: unknown) => void) => fn.async(...args, callback))()
}

/** A word as the dictionary spells it, without the variant's number; `undefined` for silence and noise. */
export function plainWord(entry: string): string | undefined {
  if (entry.startsWith('<') || entry.startsWith('[') || entry.startsWith('+')) return undefined
  return entry.replace(/\(\d+\)$/, '')
}

/** Where the library and the model are, and what is asked of the recogniser. */
export interface PocketSphinxSettings extends LibraryLocation {
  /** Whether `partial()` will be called; without it each utterance is decoded once, at its end. */
  partials?: boolean
}

/**
 * Opens a decoder as a {@link Recogniser} for mono PCM16 at 16 kHz. Every native call runs on libuv's pool, one at a
 * time for each decoder. Rejects with `ENGINE_UNAVAILABLE` where koffi, the library or the model is missing.
 */
export async function openPocketSphinx(settings: PocketSphinxSettings = {}): Promise<Recogniser> {
  const library = await loadPocketSphinx(settings.libraryPath)
  const model = findModel(settings.modelPath)
  const all = { '-hmm': model.hmm, '-lm': model.lm, '-dict': model.dict, ...decoderSettings }
  const pairs = Object.entries(all).flatMap(([name, value]) => ['char *', name, 'char *', value])
  const config = library.cmd_ln_init(null, library.ps_args(), 1, ...pairs, 'void *', null)
  if (config === null) throw engineUnavailable('the library refused its settings; release 5prealpha is needed')
  const decoder = await call(library.ps_init, config)
  library.cmd_ln_free_r(config)
  if (decoder === null) throw engineUnavailable(`PocketSphinx could not load the model in ${model.hmm}`)
  alive++
  return new PocketSphinxRecogniser(library, decoder, settings.partials ?? false)
}

/**
 * The final words come from decoding the whole utterance in one go, since the decoder can then take its channel and
 * level from all of it (measured: 19.1 instead of 20.9 % word errors). Utterances longer than that is worth are
 * decoded as they come.
 */
class PocketSphinxRecogniser implements Recogniser {
  readonly #library: PocketSphinxLibrary
  readonly #partials: boolean
  #decoder: Pointer
  #closed: Promise<void> | undefined
  #last: Promise<unknown> = Promise.resolve()
  /** The utterance so far; absent once it is too long to be decoded as a whole. */
  #whole: Int16Array[] | undefined
  #length = 0
  #streaming = false

  constructor(library: PocketSphinxLibrary, decoder: Pointer, partials: boolean) {
    this.#library = library
    this.#decoder = decoder
    this.#partials = partials
  }

  start(): Promise<void> {
    return this.#inTurn(async () => {
      this.#whole = []
      this.#length = 0
      this.#streaming = this.#partials
      if (this.#streaming) await this.#begin()
    })
  }

  accept(samples: Int16Array): Promise<void> {
    const own = samples.slice()
    return this.#inTurn(async () => {
      this.#length += own.length
      this.#whole?.push(own)
      if (this.#whole !== undefined && this.#length > longestWhole) {
        const late = this.#streaming ? [] : this.#whole
        this.#whole = undefined
        if (!this.#streaming) await this.#begin()
        this.#streaming = true
        for (const block of late) await this.#process(block, false)
        if (late.length > 0) return
      }
      if (this.#streaming) await this.#process(own, false)
    })
  }

  partial(): Promise<RecognisedWord[]> {
    return this.#inTurn(async () => (this.#streaming ? this.#words(false) : []))
  }

  finish(): Promise<RecognisedWord[]> {
    return this.#inTurn(async () => {
      if (this.#length === 0 && !this.#streaming) return []
      if (this.#streaming) await this.#check('ps_end_utt', this.#decoder)
      if (this.#whole !== undefined) {
        const samples = new Int16Array(this.#length)
        this.#whole.reduce((at, block) => (samples.set(block, at), at + block.length), 0)
        this.#whole = undefined
        await this.#begin()
        await this.#process(samples, true)
        await this.#check('ps_end_utt', this.#decoder)
      }
      return this.#words(true)
    })
  }

  close(): Promise<void> {
    this.#closed ??= this.#last.then(async () => {
      const decoder = this.#decoder
      this.#decoder = null
      await call(this.#library.ps_free, decoder)
      alive--
    })
    return this.#closed
  }

  /** Queues `work` behind whatever the decoder is doing; two calls into one decoder at a time would corrupt it. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined)
      return Promise.reject(new EngineError('ENGINE_FAILED', 'the recogniser is closed; open another'))
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }

  async #begin(): Promise<void> {
    // Frame numbers count from the start of the stream, so every utterance is a stream of its own.
    await this.#check('ps_start_stream', this.#decoder)
    await this.#check('ps_start_utt', this.#decoder)
  }

  async #process(samples: Int16Array, whole: boolean): Promise<void> {
    await this.#check('ps_process_raw', this.#decoder, samples, samples.length, 0, whole ? 1 : 0)
  }

  async #check(
    name: 'ps_start_stream' | 'ps_start_utt' | 'ps_process_raw' | 'ps_end_utt',
    ...args: unknown[]
  ): Promise<void> {
    const status = (await call(this.#library[name], ...args)) as number
    if (status < 0)
      throw new EngineError('ENGINE_FAILED', `PocketSphinx failed in ${name} (status ${status}); ${nextStep}`)
  }

  async #words(final: boolean): Promise<RecognisedWord[]> {
    const { ps_seg_iter, ps_seg_next, ps_seg_word, ps_seg_frames, ps_seg_prob } = this.#library
    const logmath = this.#library.ps_get_logmath(this.#decoder)
    const words: RecognisedWord[] = []
    // The search through the word lattice happens inside ps_seg_iter; walking the result is cheap.
    let segment = await call(ps_seg_iter, this.#decoder)
    for (; segment !== null; segment = ps_seg_next(segment)) {
      const text = plainWord(ps_seg_word(segment) as string)
      if (text === undefined) continue
      const first = [0]
      const last = [0]
      ps_seg_frames(segment, first, last)
      const posterior = final
        ? (this.#library.logmath_exp(logmath, ps_seg_prob(segment, null, null, null)) as number)
        : 0.5
      words.push({
        text,
        start: first[0]! * frameMs,
        end: (last[0]! + 1) * frameMs,
        confidence: Math.min(1, Math.max(0, posterior)),
      })
    }
    return words
  }
}
