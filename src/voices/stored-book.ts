import { readFile, realpath, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode, OutputError, VoiceBookError } from '../errors.ts'
import { FileLock } from '../sinks/file-lock.ts'
import { replaceFile } from '../sinks/private-file.ts'
import type { BookContents, SpeakerModelIdentity } from './book.ts'
import {
  checkModel,
  checkVoiceName,
  formatBook,
  maxFileBytes,
  parseBook,
  unreadable,
  withName,
  withoutName,
  withVoice,
} from './book-file.ts'
import { isStranger } from './identify.ts'
import type { VoiceProfile } from './profile.ts'

/** How long another process may have the file, in ms: it takes milliseconds to write it. */
const lockWait = 10_000
const lockPause = 20

type Change = (contents: BookContents) => BookContents

/** The work of a voice book: what is in its file, and what is to be changed in it. */
export class StoredBook {
  readonly path: string
  readonly #most: number
  /** What is in the file, as it was last read, and what tells whether it still is. */
  #read: { contents: BookContents; state: string } | undefined
  /** What is not saved yet, in order. */
  #changes: Change[] = []
  /** Calls are done one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(file: string, most: number) {
    this.path = file
    this.#most = most
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
  async learnNew(profile: VoiceProfile, model: SpeakerModelIdentity, input?: string): Promise<void> {
    await this.#change((contents) => {
      checkModel(contents, model, this.path)
      if (!isStranger(profile, contents.voices)) return contents
      // By the time it is saved, another process may have one of that name.
      const taken = new Set(contents.voices.map((voice) => voice.name))
      let number = 1
      while (taken.has(`Voice ${number}`)) number += 1
      return this.#adding({ name: `Voice ${number}`, profile, model, learned: true, input })(contents)
    })
  }

  /** Adds speech to a voice, if it is still there; whoever gave it a name did so for good. */
  async learnMore(name: string, profile: VoiceProfile, model: SpeakerModelIdentity, input?: string): Promise<void> {
    const add = this.#adding({ name, profile, model, learned: true, input })
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
    if (errorCode(error) === 'ENOENT') return ''
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
