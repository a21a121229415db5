import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EngineError } from '../errors.ts'

/** A pointer of the C side; koffi gives `null` for a null pointer. */
export type Pointer = unknown

/** A C function that can run here or on a thread of libuv's pool. */
export interface NativeFunction {
  (...args: unknown[]): unknown
  async(...args: unknown[]): unknown
}

const signatures = {
  sphinx: {
    ps_args: 'void *ps_args()',
    ps_init: 'void *ps_init(void *config)',
    ps_free: 'int ps_free(void *decoder)',
    ps_get_config: 'void *ps_get_config(void *decoder)',
    ps_add_word: 'int ps_add_word(void *decoder, const char *word, const char *phones, int update)',
    ps_lookup_word: 'HeapString ps_lookup_word(void *decoder, const char *word)',
    ps_set_lm: 'int ps_set_lm(void *decoder, const char *name, void *model)',
    ps_set_search: 'int ps_set_search(void *decoder, const char *name)',
    ps_start_stream: 'int ps_start_stream(void *decoder)',
    ps_start_utt: 'int ps_start_utt(void *decoder)',
    ps_process_raw: 'int ps_process_raw(void *decoder, const int16_t *samples, size_t count, int noSearch, int whole)',
    ps_end_utt: 'int ps_end_utt(void *decoder)',
    ps_get_logmath: 'void *ps_get_logmath(void *decoder)',
    ps_seg_iter: 'void *ps_seg_iter(void *decoder)',
    ps_seg_next: 'void *ps_seg_next(void *segment)',
    ps_seg_word: 'const char *ps_seg_word(void *segment)',
    ps_seg_frames: 'void ps_seg_frames(void *segment, _Out_ int *first, _Out_ int *last)',
    ps_seg_prob: 'int ps_seg_prob(void *segment, void *acoustic, void *language, void *backoff)',
  },
  base: {
    cmd_ln_parse_r:
      'void *cmd_ln_parse_r(void *config, const void *definition, int count, const char **settings, int strict)',
    cmd_ln_free_r: 'int cmd_ln_free_r(void *config)',
    err_set_callback: 'void err_set_callback(void *callback, void *data)',
    err_set_logfp: 'void err_set_logfp(void *file)',
    logmath_exp: 'double logmath_exp(void *logmath, int value)',
    logmath_retain: 'void *logmath_retain(void *logmath)',
    ngram_model_read: 'void *ngram_model_read(void *config, const char *path, int type, void *logmath)',
    ngram_model_add_word: 'int ngram_model_add_word(void *model, const char *word, float weight)',
    ngram_model_free: 'int ngram_model_free(void *model)',
  },
} as const

/** The functions of libpocketsphinx and libsphinxbase the engine calls, by their C names. */
export type PocketSphinxLibrary = Record<keyof typeof signatures.sphinx | keyof typeof signatures.base, NativeFunction>

/** Where to look; each may be absent. */
export interface LibraryLocation {
  libraryPath?: string | undefined
  modelPath?: string | undefined
}

const defaultModelPath = '/usr/share/pocketsphinx/model/en-us/'

const sonames: Record<string, readonly [sphinx: string, base: string]> = {
  darwin: ['libpocketsphinx.3.dylib', 'libsphinxbase.3.dylib'],
  linux: ['libpocketsphinx.so.3', 'libsphinxbase.so.3'],
}

/** What the user of an engine that fails in mid-session can do. */
export const nextStep =
  'run it again, or use another engine: set an AssemblyAI key in ASSEMBLYAI_API_KEY, or give the url of a v3 server'

/** The one error for anything the embedded engine lacks on this machine. */
export function engineUnavailable(reason: string, cause?: unknown): EngineError {
  return new EngineError(
    'ENGINE_UNAVAILABLE',
    `the embedded engine cannot start: ${reason}. Install what it needs (on Debian or Ubuntu: ` +
      'apt-get install libpocketsphinx3 pocketsphinx-en-us; in the project: npm install koffi), or use another engine: ' +
      'set an AssemblyAI key in ASSEMBLYAI_API_KEY, or give the url of a v3 server',
    cause === undefined ? {} : { cause },
  )
}

/** Paths of the parts of a model: the folder of the acoustic model, the language model and the dictionary. */
export interface ModelFiles {
  hmm: string
  lm: string
  dict: string
}

/** Paths of the acoustic model, language model and dictionary; throws `ENGINE_UNAVAILABLE` where one is missing. */
export function findModel(modelPath: string = defaultModelPath): ModelFiles {
  const model = {
    hmm: join(modelPath, 'en-us'),
    lm: join(modelPath, 'en-us.lm.bin'),
    dict: join(modelPath, 'cmudict-en-us.dict'),
  }
  // PocketSphinx ends the process where a model file is missing, so each file is looked for beforehand.
  const files = ['mdef', 'means', 'variances', 'transition_matrices', 'feat.params'].map((name) =>
    join(model.hmm, name),
  )
  const missing = [...files, model.lm, model.dict].find((path) => !existsSync(path))
  if (missing !== undefined) throw engineUnavailable(`the model file ${missing} is missing`)
  return model
}

interface Koffi {
  load(path: string, options?: { global?: boolean }): { func(definition: string): unknown }
  disposable(name: string, type: string, free: unknown): unknown
}

async function importKoffi(): Promise<Koffi> {
  try {
    return ((await import('koffi')) as unknown as { default: Koffi }).default
  } catch (error) {
    throw engineUnavailable('the npm package koffi is missing or does not run on this platform', error)
  }
}

/** Made once in a process, since a type cannot be named twice. */
let stringType: unknown
const loaded = new Map<string, PocketSphinxLibrary>()

/** Loads the library (once per path); rejects with `ENGINE_UNAVAILABLE` where koffi or the library is missing. */
export async function loadPocketSphinx(libraryPath?: string): Promise<PocketSphinxLibrary> {
  const [sphinxName, baseName] = sonames[process.platform] ?? sonames['linux']!
  const sphinxPath = libraryPath ?? sphinxName
  const known = loaded.get(sphinxPath)
  if (known !== undefined) return known
  const koffi = await importKoffi()
  const basePath = libraryPath === undefined ? baseName : join(dirname(libraryPath), baseName)
  try {
    // An explicit library brings its own base library along; only without one beside it the system's is taken.
    const base = koffi.load(libraryPath !== undefined && !existsSync(basePath) ? baseName : basePath, { global: true })
    const sphinx = koffi.load(sphinxPath)
    // Strings that the library allocates for its caller are copied and freed.
    stringType ??= koffi.disposable('HeapString', 'str', base.func('void ckd_free(void *memory)'))
    const bind = (from: typeof base, table: Record<string, string>): [string, unknown][] =>
      Object.entries(table).map(([name, signature]) => [name, from.func(signature)])
    const library = Object.fromEntries([
      ...bind(sphinx, signatures.sphinx),
      ...bind(base, signatures.base),
    ]) as PocketSphinxLibrary
    // Without this it logs to stderr: messages by the callback, on every thread, and its settings by the file.
    library.err_set_callback(null, null)
    library.err_set_logfp(null)
    loaded.set(sphinxPath, library)
    return library
  } catch (error) {
    throw engineUnavailable(`the library ${sphinxPath} or ${baseName} cannot be loaded`, error)
  }
}
