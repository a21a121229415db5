import type { InputIdentity } from '../../checkpoint/checkpoint.ts'
import type { Sha256 } from '../../checkpoint/stages.ts'
import type { HeardRange } from '../../stream/options.ts'
import { deserialize, serialize, type Serialized, type Turn, type Word } from '../../model.ts'
import type { Warning } from '../../errors.ts'
import type { BookContents, SpeakerModelIdentity, VoiceBookInFile } from '../../voices/book.ts'
import { checkModel } from '../../voices/book-file.ts'
import { type Identification, identify, learnedFrom } from '../../voices/identify.ts'
import { framesOf, type VoiceProfile, withoutLearned } from '../../voices/profile.ts'

/** Voices that were heard, by the labels that turns have. */
export type HeardVoices = ReadonlyMap<string, VoiceProfile>

export interface SpeakerNamingListener {
  /** A turn that has come out already has other names. */
  revised(turn: Turn): void
  warning(warning: Warning): void
  /** The book cannot be used. */
  failed(error: Error): void
}

/** The warning on a book that names nobody; `undefined` where it may. */
export function noVoices(book: VoiceBookInFile, { voices }: BookContents): Warning | undefined {
  if (voices.length > 0 || book.learn) return undefined
  const message = `the voice book ${book.path} has no voices, so nobody gets a name; add some: diarize-stream voices add <name> <clip>`
  return { code: 'VOICES_EMPTY', message }
}

/** Turns that can still get names, the newest. */
const MOST_TURNS = 1000
/** And those of which it is known which revision of them came out. */
const MOST_REVISED = 20_000
/** Speech from which on a voice is learned, in frames of 10 ms. */
const LEARNED_FRAMES = 500

interface Kept {
  turn: Serialized<Turn>
  labels: readonly string[]
}

/**
 * Puts the names of a voice book on turns. A name that is found after a turn has come out, or proves wrong, makes the turn
 * come again with a higher revision.
 */
export class SpeakerNaming {
  readonly #book: VoiceBookInFile
  readonly #listener: SpeakerNamingListener
  readonly #kept = new Map<number, Kept>()
  readonly #revisions = new Map<number, number>()
  /** Voices of each group of labels of whom no two are one, such as those of a channel. */
  readonly #heard = new Map<string, HeardVoices>()
  #names = new Map<string, Identification>()
  /** Of each voice, by its label, what is in the book. */
  readonly #learned = new Map<string, VoiceProfile>()
  /** What the book held when it was last read. */
  #contents: BookContents | undefined
  #unreadableTold = false
  #model: SpeakerModelIdentity | undefined
  #working: Promise<void> | undefined
  #isNews = false
  #closed = false

  constructor(book: VoiceBookInFile, listener: SpeakerNamingListener) {
    this.#book = book
    this.#listener = listener
  }

  /** Goes on with `turns` that have come out, and with the voices that were heard by then, each group by itself. */
  resumeFrom(turns: readonly Turn[], groups: ReadonlyMap<string, HeardVoices>, learned: HeardVoices = new Map()): void {
    for (const [label, profile] of learned) this.#learned.set(label, profile)
    for (const { speakerName, speakerConfidence, ...turn } of turns) {
      const words = turn.words.map(({ speakerName: _name, speakerConfidence: _confidence, ...word }) => word)
      this.#revise({ ...turn, words })
      if (turn.speaker === undefined || speakerName === undefined) continue
      this.#names.set(turn.speaker, { name: speakerName, confidence: speakerConfidence ?? 0 })
    }
    for (const [group, voices] of groups) this.heard(group, voices)
  }

  /** The turn with the names that are known so far. */
  pass(turn: Turn): Turn {
    if (!turn.endOfTurn) return named(turn, this.#names)
    const before = this.#revisions.get(turn.order)
    const revision = before === undefined ? turn.revision : Math.max(turn.revision, before + 1)
    const plain = { ...turn, revision }
    this.#revise(plain)
    bound(this.#kept, MOST_TURNS)
    bound(this.#revisions, MOST_REVISED)
    return named(plain, this.#names)
  }

  /** Takes what was heard so far of all voices of a group of labels. */
  heard(group: string, voices: HeardVoices): void {
    this.#heard.set(group, voices)
    this.#isNews = true
    this.#look()
  }

  /**
   * What is in the book. Once it has been read, names are no reason to lose words: where it cannot be read any more, as while somebody
   * edits it, it is what was in it before.
   *
   * @throws (rejects with) VoiceBookError `VOICES_UNREADABLE` where it could not be read once.
   */
  async contents(): Promise<BookContents> {
    try {
      this.#contents = await this.#book.contents()
    } catch (error) {
      if (this.#contents === undefined) throw error
      if (!this.#unreadableTold) {
        const message = `${(error as Error).message}; until it can be read again, names are those that were in it before`
        this.#listener.warning({ code: 'VOICES_UNREADABLE', message, error })
      }
      this.#unreadableTold = true
    }
    return this.#contents
  }

  /** What of each voice has been learned, by this run, or one that it goes on with. */
  get learned(): HeardVoices {
    return this.#learned
  }

  /**
   * Notes by which model voices are made: those that cannot be compared with the book's would leave everybody without a name.
   *
   * @throws (rejects with) VoiceBookError
   */
  async madeBy(model: SpeakerModelIdentity): Promise<void> {
    this.#model = model
    checkModel(await this.contents(), model, this.#book.path)
  }

  /**
   * Resolves when all that was heard has been compared, and learned where that is wished for.
   *
   * @param learns - whether it may be learned by now.
   * @param input - hash of the recording that was heard: who was learned from it before is not learned again.
   */
  async settle(learns = true, input?: string): Promise<void> {
    this.#look()
    await this.#working
    if (this.#book.learn && learns && this.#model !== undefined && !this.#closed) await this.#learn(this.#model, input)
  }

  /** Looks at nothing any more. */
  close(): void {
    this.#closed = true
    this.#heard.clear()
    this.#kept.clear()
  }

  /** What comes meanwhile is looked at together. */
  #look(): void {
    if (this.#closed || !this.#isNews) return
    this.#working ??= this.#compare()
      .catch((error: unknown) => {
        if (!this.#closed) this.#listener.failed(error as Error)
      })
      .finally(() => {
        this.#working = undefined
        this.#look()
      })
  }

  async #compare(): Promise<void> {
    while (this.#isNews && !this.#closed) {
      this.#isNews = false
      const { voices: known } = await this.contents()
      const names = new Map<string, Identification>()
      for (const voices of this.#heard.values()) {
        const before = new Map(
          [...voices.keys()].flatMap((label) => {
            const name = this.#names.get(label)?.name
            return name === undefined ? [] : [[label, name] as const]
          }),
        )
        const heard = [...voices].map(([label, profile]) => ({ label, profile }))
        for (const [label, who] of identify(heard, known, before)) names.set(label, who)
      }
      this.#rename(names)
    }
  }

  #rename(names: Map<string, Identification>): void {
    const before = this.#names
    this.#names = names
    const labels = new Set([...before.keys(), ...names.keys()])
    const changed = [...labels].filter((label) => before.get(label)?.name !== names.get(label)?.name)
    if (changed.length === 0 || this.#closed) return
    const orders = [...this.#kept].filter(([, kept]) => kept.labels.some((label) => changed.includes(label)))
    for (const [, { turn: packed }] of orders.toSorted(([a], [b]) => a - b)) {
      const turn = deserialize(packed)
      const again = { ...turn, revision: (this.#revisions.get(turn.order) ?? turn.revision) + 1 }
      this.#revise(again)
      this.#listener.revised(named(again, names))
    }
  }

  #revise(turn: Turn): void {
    this.#revisions.set(turn.order, turn.revision)
    const labels = [...new Set([turn.speaker, ...turn.words.map(({ speaker }) => speaker)])]
    this.#kept.set(turn.order, { turn: serialize(turn), labels: labels.filter((label) => label !== undefined) })
  }

  async #learn(model: SpeakerModelIdentity, input: string | undefined): Promise<void> {
    try {
      const { voices: known } = await this.#book.contents()
      const isKnown = (name: string): boolean =>
        input !== undefined && known.find((voice) => voice.name === name)?.heardIn?.includes(input) === true
      const learned = new Map<string, VoiceProfile>()
      for (const voices of this.#heard.values()) {
        for (const [label, whole] of voices) {
          const profile = withoutLearned(whole, this.#learned.get(label))
          if (framesOf(profile) < LEARNED_FRAMES) continue
          const who = this.#names.get(label)
          if (who === undefined) await this.#book.learnNew(profile, model, input)
          else if (who.confidence < learnedFrom) continue
          else if (!isKnown(who.name)) await this.#book.learnMore(who.name, profile, model, input)
          learned.set(label, whole)
        }
      }
      await this.#book.save()
      for (const [label, whole] of learned) this.#learned.set(label, whole)
    } catch (error) {
      const message = `voices of this stream are not in the book ${this.#book.path}: ${(error as Error).message}`
      this.#listener.warning({ code: 'VOICES_NOT_SAVED', message, error })
    }
  }
}

/**
 * A hash of a recording, the same wherever it is stored, and whenever it was put there; `undefined` for an input that may be another
 * each time.
 */
export function recordingHash(
  { kind, modified, address, ...facts }: InputIdentity,
  range: HeardRange | undefined,
  sha256: Sha256,
): string | undefined {
  const isFile = kind === 'file'
  if (!isFile && facts['size'] === undefined) return undefined
  const place = isFile ? [] : [modified, facts['etag'] === undefined ? address : undefined]
  const text = JSON.stringify([kind, facts, place, range?.start ?? 0, range?.duration])
  return sha256(Buffer.from(text)).slice(0, 16)
}

/** Forgets the oldest of what is beyond `most`. */
function bound(map: Map<number, unknown>, most: number): void {
  if (map.size > most) map.delete(map.keys().next().value!)
}

/** The turn with `names` for its labels; a word without a label is one of the turn's speaker. */
export function named(turn: Turn, names: ReadonlyMap<string, Identification>): Turn {
  if (names.size === 0) return turn
  const of = (label: string | undefined): Pick<Word, 'speakerName' | 'speakerConfidence'> | undefined => {
    const who = label === undefined ? undefined : names.get(label)
    return who && { speakerName: who.name, speakerConfidence: who.confidence }
  }
  const words = turn.words.map((word) => {
    const who = of(word.speaker ?? turn.speaker)
    return who === undefined ? word : { ...word, ...who }
  })
  return { ...turn, ...of(turn.speaker), words }
}
