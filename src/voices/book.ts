import path from 'node:path'
import { checkBoolean, checkOptions, integer, invalidOption, string } from '../options.ts'
import type { VoiceProfile } from './profile.ts'

/** The speaker model that made the vectors of a voice: only those of one model can be compared. */
export interface SpeakerModelIdentity {
  /** Name in the catalogue, or of its file. */
  name: string
  /** SHA-256 of its file, in hex, small letters. */
  sha256: string
}

/** A voice in a voice book. */
export interface KnownVoice {
  /** What its speaker is called. */
  name: string
  /** Whether it was learned by itself, and nobody has given it a name yet. */
  learned: boolean
  /** How it sounds. */
  profile: VoiceProfile
  /** When it was first heard, ISO 8601. */
  addedAt: string
  /** When speech was last added, ISO 8601. */
  updatedAt: string
  /** Recordings that it was learned from, as hashes, the newest 100: what is captioned once more adds nothing. */
  heardIn?: readonly string[]
}

/** All that a voice book holds. */
export interface BookContents {
  /** Absent while there is no voice in it. */
  model?: SpeakerModelIdentity
  voices: readonly KnownVoice[]
}

type StoredBook = import('./stored-book.ts').StoredBook

/** The most voices that any book holds. */
export const mostVoices = 1000

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

const defaultMost = 500

/**
 * A book of voices in the JSON file `file`, which need not be there yet. It holds no audio: of each voice its name and one
 * or two vectors of numbers, made by a speaker model. That is biometric data all the same: see `docs/voices.md`.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 */
export function voiceBook(file: string, options: VoiceBookOptions = {}): VoiceBook {
  if (typeof file !== 'string' || file === '') throw invalidOption('file', 'the path of a file', file)
  const checks = { learn: checkBoolean, maxVoices: integer(1, mostVoices), speakerModel: string() }
  checkOptions('voiceBook()', options, checks)
  return new VoiceBookInFile(path.resolve(file), options)
}

/** Refuses anything but a {@link VoiceBook}. */
export function checkVoiceBook(option: string, value: unknown): asserts value is VoiceBookInFile {
  if (!(value instanceof VoiceBookInFile))
    throw invalidOption(option, "a book that was made by voiceBook('voices.json')", value)
}

/** A {@link VoiceBook} in its file; what reads and writes that is loaded when a voice is wanted. */
export class VoiceBookInFile implements VoiceBook {
  readonly path: string
  readonly learn: boolean
  readonly speakerModel: string | undefined
  readonly #most: number
  #stored: Promise<StoredBook> | undefined

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
  async contents(): Promise<BookContents> {
    return (await this.#open()).contents()
  }

  async add(name: string, profile: VoiceProfile, model: SpeakerModelIdentity): Promise<void> {
    await (await this.#open()).add(name, profile, model)
  }

  /**
   * Adds the voice of somebody whom nobody has named yet, unless he may be one of those who are in the book by then; so one
   * who has two labels in a stream, or speaks in two streams at a time, is one voice.
   */
  async learnNew(profile: VoiceProfile, model: SpeakerModelIdentity, input?: string): Promise<void> {
    await (await this.#open()).learnNew(profile, model, input)
  }

  /** Adds speech to a voice, if it is still there; whoever gave it a name did so for good. */
  async learnMore(name: string, profile: VoiceProfile, model: SpeakerModelIdentity, input?: string): Promise<void> {
    await (await this.#open()).learnMore(name, profile, model, input)
  }

  async rename(name: string, to: string): Promise<void> {
    await (await this.#open()).rename(name, to)
  }

  async forget(name: string): Promise<void> {
    await (await this.#open()).forget(name)
  }

  async save(): Promise<void> {
    await (await this.#open()).save()
  }

  #open(): Promise<StoredBook> {
    return (this.#stored ??= import('./stored-book.ts').then(({ StoredBook: Stored }) => {
      return new Stored(this.path, this.#most)
    }))
  }
}
