import { EngineError } from '../errors.ts'
import { confidenceOf } from './confidence.ts'
import { findDamage } from './model-check.ts'
import type { RecognisedWord, Recogniser } from './parts.ts'
import { call, openDecoder, type Decoder } from './pocketsphinx-decoder.ts'
import {
  engineUnavailable,
  findModel,
  loadPocketSphinx,
  nextStep,
  type LibraryLocation,
  type ModelFiles,
  type PocketSphinxLibrary,
} from './pocketsphinx-library.ts'

const frameMs = 10
/** The longest utterance that is decoded as a whole, in samples (15 s). */
const longestWhole = 240_000

let alive = 0

/** Decoders that exist in this process now; each holds about 95 MB. */
export function openDecoders(): number {
  return alive
}

/** A word as the dictionary spells it, without the variant's number; `undefined` for silence and noise. */
export function plainWord(entry: string): string | undefined {
  if (entry.startsWith('<') || entry.startsWith('[') || entry.startsWith('+')) return undefined
  return entry.replace(/\(\d+\)$/, '')
}

/** The words of a term that was heard as one, each given time by its length in letters. */
export function separateWords(term: RecognisedWord): RecognisedWord[] {
  const texts = term.text.split(' ')
  const letters = texts.reduce((sum, text) => sum + text.length, 0)
  let before = 0
  const place = (): number => term.start + Math.round(((term.end - term.start) * before) / letters)
  return texts.map((text) => {
    const start = place()
    before += text.length
    return { ...term, text, start, end: place() }
  })
}

/** Where the library and the model are, and what is asked of the recogniser. */
export interface PocketSphinxSettings extends LibraryLocation {
  /** Whether `partial()` will be called; without it each utterance is decoded once, at its end. */
  partials?: boolean
  /** Names and words to expect; see `pronounceKeyterms`. */
  keyterms?: readonly string[]
}

/**
 * Opens a decoder as a {@link Recogniser} for mono PCM16 at 16 kHz. Every native call runs on libuv's pool, one at a
 * time for each decoder. Rejects with `ENGINE_UNAVAILABLE` where koffi, the library or the model is missing, and
 * where the model is found to be damaged.
 */
export async function openPocketSphinx(settings: PocketSphinxSettings = {}): Promise<Recogniser> {
  const library = await loadPocketSphinx(settings.libraryPath)
  const model = findModel(settings.modelPath)
  const damage = await findDamage(model)
  if (damage !== undefined) throw engineUnavailable(damage)
  const decoder = await openDecoder(library, model, settings.keyterms)
  alive++
  return new PocketSphinxRecogniser(library, model, decoder, settings)
}

/**
 * The final words come from decoding the whole utterance in one go, since the decoder can then take its channel and
 * level from all of it (measured: 19.1 instead of 20.9 % word errors). Utterances longer than that is worth are
 * decoded as they come.
 */
class PocketSphinxRecogniser implements Recogniser {
  readonly #library: PocketSphinxLibrary
  readonly #model: ModelFiles
  readonly #partials: boolean
  #decoder: Decoder | undefined
  /** What the decoder knows, and what it is to know from the next utterance on. */
  #keyterms: readonly string[]
  #wanted: readonly string[]
  #closed: Promise<void> | undefined
  #last: Promise<unknown> = Promise.resolve()
  /** The utterance so far; absent once it is too long to be decoded as a whole. */
  #whole: Int16Array[] | undefined
  #length = 0
  #streaming = false

  constructor(library: PocketSphinxLibrary, model: ModelFiles, decoder: Decoder, settings: PocketSphinxSettings) {
    this.#library = library
    this.#model = model
    this.#decoder = decoder
    this.#partials = settings.partials ?? false
    this.#keyterms = settings.keyterms ?? []
    this.#wanted = this.#keyterms
  }

  expect(keyterms: readonly string[]): void {
    this.#wanted = [...keyterms]
  }

  start(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#wanted.join('\n') !== this.#keyterms.join('\n')) await this.#reopen()
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
      let spare: RecognisedWord[] = []
      if (this.#streaming) spare = await this.#end()
      if (this.#whole !== undefined) {
        const samples = new Int16Array(this.#length)
        this.#whole.reduce((at, block) => (samples.set(block, at), at + block.length), 0)
        this.#whole = undefined
        await this.#begin()
        await this.#process(samples, true)
        spare = await this.#end()
      }
      const words = await this.#words(true)
      return words.length > 0 ? words : spare
    })
  }

  close(): Promise<void> {
    this.#closed ??= this.#last.then(async () => {
      await this.#free()
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

  async #free(): Promise<void> {
    const decoder = this.#decoder
    if (decoder === undefined) return
    this.#decoder = undefined
    await call(this.#library.ps_free, decoder.pointer)
    alive--
  }

  /** Words cannot be taken out of a dictionary, so other keyterms need another decoder. */
  async #reopen(): Promise<void> {
    const keyterms = this.#wanted
    await this.#free()
    this.#decoder = await openDecoder(this.#library, this.#model, keyterms)
    alive++
    this.#keyterms = keyterms
  }

  async #begin(): Promise<void> {
    // Frame numbers count from the start of the stream, so every utterance is a stream of its own.
    await this.#check('ps_start_stream')
    await this.#check('ps_start_utt')
  }

  async #process(samples: Int16Array, whole: boolean): Promise<void> {
    await this.#check('ps_process_raw', samples, samples.length, 0, whole ? 1 : 0)
  }

  #opened(): Decoder {
    if (this.#decoder === undefined) throw new EngineError('ENGINE_FAILED', `PocketSphinx is not open; ${nextStep}`)
    return this.#decoder
  }

  /**
   * Ends the utterance; returns the words as they stood before. Now and then the search for the best path through the
   * word lattice finds none, and the decoder forgets all it heard.
   */
  async #end(): Promise<RecognisedWord[]> {
    const words = await this.#words(false)
    await this.#check('ps_end_utt')
    return words
  }

  async #check(
    name: 'ps_start_stream' | 'ps_start_utt' | 'ps_process_raw' | 'ps_end_utt',
    ...args: unknown[]
  ): Promise<void> {
    const status = (await call(this.#library[name], this.#opened().pointer, ...args)) as number
    if (status < 0)
      throw new EngineError('ENGINE_FAILED', `PocketSphinx failed in ${name} (status ${status}); ${nextStep}`)
  }

  async #words(final: boolean): Promise<RecognisedWord[]> {
    const { ps_seg_iter, ps_seg_next, ps_seg_word, ps_seg_frames, ps_seg_prob } = this.#library
    const { pointer, keyterms } = this.#opened()
    const logmath = this.#library.ps_get_logmath(pointer)
    const words: RecognisedWord[] = []
    // The search through the word lattice happens inside ps_seg_iter; walking the result is cheap.
    let segment = await call(ps_seg_iter, pointer)
    for (; segment !== null; segment = ps_seg_next(segment)) {
      const entry = ps_seg_word(segment) as string
      const text = keyterms.get(entry)?.text ?? plainWord(entry)
      if (text === undefined) continue
      const first = [0]
      const last = [0]
      ps_seg_frames(segment, first, last)
      // Posteriors exist only once the utterance has ended.
      const confidence = final
        ? confidenceOf(this.#library.logmath_exp(logmath, ps_seg_prob(segment, null, null, null)) as number)
        : 0.5
      const times = { start: first[0]! * frameMs, end: (last[0]! + 1) * frameMs }
      words.push(...separateWords({ text, ...times, confidence }))
    }
    return words
  }
}
