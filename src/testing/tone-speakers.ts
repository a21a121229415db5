import type { EngineRevision, EngineTurn, EngineWord } from '../engine/engine.ts'

/** How a {@link ToneSpeakers} names the speakers of a session. */
export interface ToneSpeakersSettings {
  /** Speakers that get a letter; further ones get none. */
  maxSpeakers: number
  /** Words at the start that have no letter until they are revised. */
  unattributedWords: number
  /** Words after those that have the letter of another speaker until they are revised. */
  mistakenWords: number
}

const FIRST_LETTER = 65

/** Letter of the speaker of most words; absent where none has one. */
export function mostFrequent(words: readonly EngineWord[]): string | undefined {
  const counts = new Map<string, number>()
  for (const { speaker } of words) if (speaker !== undefined) counts.set(speaker, (counts.get(speaker) ?? 0) + 1)
  return [...counts].toSorted((a, b) => b[1] - a[1])[0]?.[0]
}

/** Gives the speakers of one session their letters in order of appearance, at first wrongly where it is told to. */
export class ToneSpeakers {
  readonly #settings: ToneSpeakersSettings
  readonly #letters = new Map<number, string>()
  /** Finals with words whose right letter is still to be told, by their order. */
  readonly #wrong = new Map<number, EngineTurn>()
  #words = 0

  constructor(settings: ToneSpeakersSettings) {
    this.#settings = settings
  }

  /** The letter with which the next word is reported, and the right one; absent where there is none. */
  label(speaker: number): { given: string | undefined; right: string | undefined } {
    const { maxSpeakers, unattributedWords, mistakenWords } = this.#settings
    if (!this.#letters.has(speaker) && this.#letters.size < maxSpeakers) {
      this.#letters.set(speaker, String.fromCharCode(FIRST_LETTER + this.#letters.size))
    }
    const right = this.#letters.get(speaker)
    const place = this.#words++
    if (place < unattributedWords) return { given: undefined, right }
    return { given: place < unattributedWords + mistakenWords ? this.#otherThan(right) : right, right }
  }

  /** Notes a final whose words' right letters are `right`, in case some were reported otherwise. */
  note(final: EngineTurn, right: readonly (string | undefined)[]): void {
    if (final.words.every((word, index) => word.speaker === right[index])) return
    const words = final.words.map((word, index) => withLetter(word, right[index]))
    this.#wrong.set(final.order, { ...final, words })
  }

  /** The right letters of all finals noted since the last time. */
  revise(): EngineRevision[] {
    const revisions = [...this.#wrong.values()].map(({ order, words }): EngineRevision => {
      const speaker = mostFrequent(words)
      return { order, words, ...(speaker === undefined ? {} : { speaker }) }
    })
    this.#wrong.clear()
    return revisions
  }

  #otherThan(letter: string | undefined): string | undefined {
    return [...this.#letters.values()].find((other) => other !== letter) ?? letter
  }
}

function withLetter(word: EngineWord, speaker: string | undefined): EngineWord {
  const { speaker: _before, ...rest } = word
  return { ...rest, ...(speaker === undefined ? {} : { speaker }) }
}
