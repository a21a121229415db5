import { readFile, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { OutputError, VoiceBookError } from '../errors.ts'
import { checkBoolean, checkInteger, checkKnown, checkString, invalidOption } from '../options.ts'
import { FileLock } from '../sinks/file-lock.ts'
import { replaceFile } from '../sinks/private-file.ts'
import {
  type BookContents,
  checkModel,
  checkVoiceName,
  formatBook,
  type KnownVoice,
  maxFileBytes,
  mostVoices,
  parseBook,
  type SpeakerModelIdentity,
  unreadable,
  withName,
  withoutName,
  withVoice,
} from './book-file.ts'
import { isStranger } from './identify.ts'
import type { VoiceProfile } from './profile.ts'

/** Options of {@link voiceBook}. */
export interface VoiceBookOptions {
  /**
   * Whether streams put voices into the book: new ones, called `Voice 1`, `Voice 2`, …, and further speech of those that
   * they know for sure.
   * @defaultValue `false`
   */
  learn?: boolean
  /** Most voices in the book, 1 to 1000. @defaultValue `500` */
  maxVoices?: number
  /**
   * The model that tells voices apart: a name that `diarize-stream models list` shows, or an `.onnx` file. All voices of
   * a book are of one.
   * @defaultValue that of the package `diarize-stream-model-en-tiny`
   */
  speakerModel?: string
}

/**
 * Voices that are known by name, in a file. What is changed is in the file once {@link VoiceBook.save} has resolved; what
 * other processes have saved meanwhile is kept, and seen by the next call.
 *
 * All methods reject with a VoiceBookError: `VOICES_UNREADABLE` where the file is damaged or no voice book.
 */
export interface VoiceBook {
  /** Absolute path of the file; it is there once something was saved. */
  readonly path: string
  /** Whether streams put voices into it. */
  readonly learn: boolean
  /** The speaker model that was asked for; `undefined` for the one in the box. */
  readonly speakerModel: string | undefined
  /** The voices, in the order in which they were added. */
  list(): Promise<readonly KnownVoice[]>
  /** The speaker model that made them; `undefined` while there is none. */
  model(): Promise<SpeakerModelIdentity | undefined>
  /**
   * Adds speech to the voice called `name`, or a new voice. Rejects with `VOICES_MODEL_MISMATCH` where `model` is not the
   * one of the others, and `VOICES_FULL` where there is no place for one more.
   */
  add(name: string, profile: VoiceProfile, model: SpeakerModelIdentity): Promise<void>
  /** Gives a voice another name; of two voices that are to have one name, it makes one. Rejects with `VOICE_UNKNOWN`. */
  rename(name: string, to: string): Promise<void>
  /** Removes a voice. Rejects with `VOICE_UNKNOWN`. */
  forget(name: string): Promise<void>
  /** Writes what has changed, whole or not at all. Rejects with an OutputError `OUTPUT_UNWRITABLE`; it can be tried again. */
  save(): Promise<void>
}

/** How long another process may have the file, in ms: it takes milliseconds to write it. */
const lockWait = 10_000
const lockPause = 20
const defaultMost = 500

type Change = (contents: BookContents) => BookContents

/**
 * A book of voices in the JSON file `file`, which need not be there yet. It holds no audio: of each voice its name and one
 * or two vectors of numbers, made by a speaker model. That is biometric data all the same: see `docs/voices.md`.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 */
export function voiceBook(file: string, options: VoiceBookOptions = {}): VoiceBook {
  if (typeof file !== 'string' || file === '') throw invalidOption('file', 'the path of a file', file)
  checkKnown('voiceBook()', options, ['learn', 'maxVoices', 'speakerModel'])
  checkBoolean('learn', options.learn)
  checkInteger('maxVoices', options.maxVoices, 1, mostVoices)
  checkString('speakerModel', options.speakerModel)
  return new VoiceBookInFile(path.resolve(file), options)
}

/** Refuses anything but a {@link VoiceBook}. */
export function checkVoiceBook(option: string, value: unknown): asserts value is VoiceBookInFile {
  if (!(value instanceof VoiceBookInFile))
    throw invalidOption(option, "a book that was made by voiceBook('voices.json')", value)
}

export class VoiceBookInFile implements VoiceBook {
  readonly path: string
  readonly learn: boolean
  readonly speakerModel: string | undefined
  readonly #most: number
  /** What is in the file, as it was last read, and what tells whether it still is. */
  #read: { contents: BookContents; state: string } | undefined
  /** What is not saved yet, in order. */
  #changes: Change[] = []
  /** Calls are done one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(file: string, { learn = false, maxVoices = defaultMost, speakerModel }: VoiceBookOptions) {
    this.path = file
    this.learn = learn
    this.speakerModel = speakerModel
    this.#most = maxVoices
  }

  async list(): Promise<readonly KnownVoice[]> {
    return (await this.contents()).voices
  }

  async model(): Promise<SpeakerModelIdentity | undefined> {
    return (await this.contents()).model
  }

  /** All that it holds, with what is not saved yet. */
  contents(): Promise<BookContents> {
    return this.#inTurn(async () => this.#changed(await this.#load()))
  }

  async add(name: string, profile: VoiceProfile, model: SpeakerModelIdentity): Promise<void> {
    const clean = checkVoiceName('name', name)
    await this.#change(this.#adding({ name: clean, profile, model }))
  }

  /**
   * Adds the voice of somebody whom nobody has named yet, unless he may be one of those who are in the book by then; so one
   * who has two labels in a stream, or speaks in two streams at a time, is one voice.
   */
  async learnNew(profile: VoiceProfile, model: SpeakerModelIdentity): Promise<void> {
    await this.#change((contents) => {
      checkModel(contents, model, this.path)
      if (!isStranger(profile, contents.voices)) return contents
      // By the time it is saved, another process may have one of that name.
      const taken = new Set(contents.voices.map((voice) => voice.name))
      let number = 1
      while (taken.has(`Voice ${number}`)) number += 1
      return this.#adding({ name: `Voice ${number}`, profile, model, learned: true })(contents)
    })
  }

  /** Adds speech to a voice, if it is still there; whoever gave it a name did so for good. */
  async learnMore(name: string, profile: VoiceProfile, model: SpeakerModelIdentity): Promise<void> {
    const add = this.#adding({ name, profile, model, learned: true })
    await this.#change((contents) => (contents.voices.some((voice) => voice.name === name) ? add(contents) : contents))
  }

  async rename(name: string, to: string): Promise<void> {
    const clean = checkVoiceName('to', to)
    await this.#change((contents) => withName(contents, name, clean, this.path))
  }

  async forget(name: string): Promise<void> {
    await this.#change((contents) => withoutName(contents, name, this.path))
  }

  save(): Promise<void> {
    return this.#inTurn(() => this.#save())
  }

  #adding(added: Omit<Parameters<typeof withVoice>[1], 'at'>): Change {
    const at = new Date().toISOString()
    return (contents) => withVoice(contents, { ...added, at }, { file: this.path, most: this.#most })
  }

  #change(change: Change): Promise<void> {
    return this.#inTurn(async () => {
      // What it cannot be done to is refused here, where the caller is told.
      change(this.#changed(await this.#load()))
      this.#changes.push(change)
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }

  #changed(contents: BookContents): BookContents {
    return this.#changes.reduce((before, change) => tried(change, before, isRefused), contents)
  }

  async #load(): Promise<BookContents> {
    const state = await stateOf(this.path)
    if (this.#read?.state === state) return this.#read.contents
    const contents = state === '' ? { voices: [] } : parseBook(await readText(this.path), this.path)
    this.#read = { contents, state }
    return contents
  }

  async #save(): Promise<void> {
    if (this.#changes.length === 0) return
    const file = await realpath(this.path).catch(() => this.path)
    const lock = await lockOf(file)
    try {
      const before = await this.#load()
      const contents = this.#changes.reduce((so, change) => tried(change, so, isGone), before)
      await replaceFile(file, formatBook(contents))
      this.#changes = []
      this.#read = { contents, state: await stateOf(this.path) }
    } catch (error) {
      // What the book refuses now, it will refuse again.
      if (isRefused(error)) this.#changes = []
      throw error
    } finally {
      await lock.release()
    }
  }
}

function tried(change: Change, contents: BookContents, isLeft: (error: unknown) => boolean): BookContents {
  try {
    return change(contents)
  } catch (error) {
    if (isLeft(error)) return contents
    throw error
  }
}

const isRefused = (error: unknown): boolean => error instanceof VoiceBookError

/** Whether another process did it first, such as to forget a voice that is to be renamed. */
const isGone = (error: unknown): boolean => isRefused(error) && (error as VoiceBookError).code === 'VOICE_UNKNOWN'

/** What changes when the file does; `''` where there is none. */
async function stateOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(file, { bigint: true })
    return `${ino} ${size} ${mtimeNs}`
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return ''
    throw unreadable(file, (error as Error).message, error)
  }
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size > maxFileBytes) throw new Error(`it has ${size} bytes, and none has more than ${maxFileBytes}`)
    return await readFile(file, 'utf8')
  } catch (error) {
    throw unreadable(file, (error as Error).message, error)
  }
}

/** Keeps other processes away from the file, for which it waits. */
async function lockOf(file: string): Promise<FileLock> {
  const until = performance.now() + lockWait
  for (;;) {
    try {
      const lock = await FileLock.take(file)
      if (lock !== undefined) return lock
      const message = `cannot write to ${file}: no file can be made beside it; make its folder writable, or name another file`
      throw new OutputError('OUTPUT_UNWRITABLE', message, { target: file })
    } catch (error) {
      if (error instanceof OutputError) throw error
      const { code, pid } = error as { code?: unknown; pid?: unknown }
      if (code !== 'FILE_SHARED' || performance.now() > until) {
        const message = `cannot write to ${file}: process ${String(pid)} has been writing to it for ${lockWait / 1000} s; try again when it has ended`
        throw new OutputError('OUTPUT_UNWRITABLE', message, { cause: error, target: file, retryable: true })
      }
      await sleep(lockPause)
    }
  }
}
