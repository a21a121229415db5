import { promisify } from 'node:util'
import { pronounceKeyterms, type KeytermPronunciation } from './keyterms.ts'
import {
  engineUnavailable,
  type ModelFiles,
  type NativeFunction,
  type Pointer,
  type PocketSphinxLibrary,
} from './pocketsphinx-library.ts'

/** Decoder settings beside the model's own; chosen by measurement (accuracy, and an end of utterance below 150 ms). */
const decoderSettings = {
  '-remove_silence': 'no',
  '-remove_noise': 'no',
  '-fwdflat': 'no',
  '-bestpath': 'yes',
  '-maxwpf': '20',
  '-maxhmmpf': '6000',
}

/**
 * The one word that stands for all keyterms in the language model; each pronunciation is a variant of it. The model's
 * search for word pairs reads outside its table where more than one word has been added, so there is never a second.
 */
const carrier = 'keyterm'
/** How much likelier than a word of average frequency each keyterm is; chosen by measurement. */
const keytermWeight = 100
/** The name of the one search of a decoder. */
const searchName = 'words'
/** NGRAM_AUTO of sphinxbase: the kind of language model is seen from the file. */
const anyFileType = 0

/** A decoder and what the words mean that were added to its dictionary. */
export interface Decoder {
  pointer: Pointer
  /** By dictionary entry. */
  keyterms: ReadonlyMap<string, KeytermPronunciation>
}

/** Runs a native call on libuv's pool. */
export function call(fn: NativeFunction, ...args: unknown[]): Promise<unknown> {
  return promisify((callback: (error: unknown, result: unknown) => void) => fn.async(...args, callback))()
}

/** Opens a decoder that knows `keyterms` as well as its model; rejects with `ENGINE_UNAVAILABLE`. */
export async function openDecoder(
  library: PocketSphinxLibrary,
  model: ModelFiles,
  keyterms: readonly string[] = [],
): Promise<Decoder> {
  // Without a language model, so that words can be added before the search is built from it.
  const settings = Object.entries({ '-hmm': model.hmm, '-dict': model.dict, ...decoderSettings }).flat()
  const config = library.cmd_ln_parse_r(null, library.ps_args(), settings.length, settings, 1)
  if (config === null) throw engineUnavailable('the library refused its settings; release 5prealpha is needed')
  const pointer = await call(library.ps_init, config)
  library.cmd_ln_free_r(config)
  if (pointer === null) throw engineUnavailable(`PocketSphinx could not load the model in ${model.hmm}`)
  const entries = addToDictionary(library, pointer, keyterms)
  if (!(await addSearch(library, pointer, model, entries.size > 0))) {
    await call(library.ps_free, pointer)
    throw engineUnavailable(`PocketSphinx could not load the language model ${model.lm}`)
  }
  return { pointer, keyterms: entries }
}

function addToDictionary(
  library: PocketSphinxLibrary,
  decoder: Pointer,
  keyterms: readonly string[],
): Map<string, KeytermPronunciation> {
  const entries = new Map<string, KeytermPronunciation>()
  for (const pronunciation of pronounceKeyterms(keyterms, (word) => lookUp(library, decoder, word))) {
    const entry = entries.size === 0 ? carrier : `${carrier}(${entries.size + 1})`
    const added = library.ps_add_word(decoder, entry, pronunciation.phones.join(' '), 0) as number
    if (added >= 0) entries.set(entry, pronunciation)
  }
  return entries
}

/** The dictionary's pronunciations of a word, which holds nothing but lower-case letters and apostrophes. */
function lookUp(library: PocketSphinxLibrary, decoder: Pointer, word: string): string[][] {
  return ['', '(2)', '(3)'].flatMap((variant) => {
    const phones = library.ps_lookup_word(decoder, word + variant) as string | null
    return phones === null ? [] : [phones.trim().split(' ')]
  })
}

async function addSearch(
  library: PocketSphinxLibrary,
  decoder: Pointer,
  model: ModelFiles,
  withKeyterms: boolean,
): Promise<boolean> {
  // The language model takes a share in the table of logarithms, and gives it back when it is freed.
  const logmath = library.logmath_retain(library.ps_get_logmath(decoder))
  const config = library.ps_get_config(decoder)
  const languageModel = await call(library.ngram_model_read, config, model.lm, anyFileType, logmath)
  if (languageModel === null) return false
  if (withKeyterms) library.ngram_model_add_word(languageModel, carrier, keytermWeight)
  const status = (await call(library.ps_set_lm, decoder, searchName, languageModel)) as number
  library.ngram_model_free(languageModel)
  return status >= 0 && (library.ps_set_search(decoder, searchName) as number) >= 0
}
