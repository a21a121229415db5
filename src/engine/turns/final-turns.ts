import { defined } from '../../options.ts'
import type { EngineRevision, EngineSettings, EngineTurn, EngineWord } from '../engine.ts'
import type { Attribution, Recognition } from '../parts.ts'
import { joinedTexts } from '../../scripts.ts'
import { asSentences, formatWords, SENTENCE_PAUSE_MS, withoutFormat } from './formatting.ts'

/** The number of utterances whose turns a revision can still name. */
const revisable = 4000

/** A turn that was made of words `from` to before `to` of an utterance. */
interface PastTurn {
  order: number
  from: number
  to: number
}

interface PastUtterance {
  turns: PastTurn[]
  words: EngineWord[]
}

/** What of a session's settings its turns depend on. */
export type TurnSettings = Pick<EngineSettings, 'formatTurns' | 'revisionInterval'>

/**
 * Makes turns of the words of utterances, ends them where the speaker changes, and names those that a revision changes.
 */
export class FinalTurns {
  settings: TurnSettings
  readonly #past = new Map<number, PastUtterance>()
  /** How many utterances have become final; the number of the next one. */
  utterances = 0
  #order = 0
  /** End of the last final word: no later word begins before it. */
  #wordsUntil = 0
  #revisedAt = 0
  /** Whether the last final was cut in the middle of a sentence. */
  #isOpen = false

  constructor(settings: TurnSettings) {
    this.settings = settings
  }

  /** Places words in the stream: in order, not before the last final word, not after what was heard. */
  place({ words }: Recognition, startMs: number, endMs: number): EngineWord[] {
    let from = this.#wordsUntil
    return words.map(({ text, start, end, confidence }) => {
      const first = Math.min(Math.max(startMs + start, from), Math.max(endMs, from))
      from = Math.max(first, Math.min(startMs + end, endMs))
      return { text, start: first, end: from, ...(confidence !== undefined && { confidence }), final: false }
    })
  }

  partial(heard: Recognition, startMs: number, endMs: number): EngineTurn {
    const words = this.place(heard, startMs, endMs)
    const shown = this.settings.formatTurns ? words : words.map((word) => ({ ...word, text: withoutFormat(word.text) }))
    return this.#turn(shown, { endOfTurn: false, formatted: false, language: heard.language })
  }

  /** The turns of an utterance, one for each run of words of one speaker; `isCut` where speech goes on behind it. */
  finals(
    words: readonly EngineWord[],
    labels: readonly (string | undefined)[],
    isCut: boolean,
    language: string | undefined,
  ): EngineTurn[] {
    const runs = speakerRuns(words.length, labels)
    const past: PastUtterance = { turns: [], words: [] }
    const turns = runs.map(({ from, to, speaker }, index) => {
      const open = isCut && index === runs.length - 1
      const said = words.slice(from, to).map((word, at) => withSpeaker(word, labels[from + at]))
      const continues = index === 0 && this.#isOpen && said[0]!.start - this.#wordsUntil < SENTENCE_PAUSE_MS
      // A run is what one speaker says, also where the speaker of a word in it is not known.
      const texts = this.settings.formatTurns
        ? asSentences(formatWords(words.slice(from, to), { continues, open }), {
            begins: index > 0,
            ends: index < runs.length - 1,
          })
        : said.map(({ text }) => withoutFormat(text))
      const final = said.map((word, at) => ({ ...word, text: texts[at]!, final: true }))
      past.turns.push({ order: this.#order, from, to })
      past.words.push(...final)
      const turn = this.#turn(final, { endOfTurn: true, formatted: this.settings.formatTurns, speaker, language })
      this.#order++
      return turn
    })
    this.#isOpen = isCut
    this.#wordsUntil = words.at(-1)?.end ?? this.#wordsUntil
    this.#past.set(this.utterances, past)
    this.#past.delete(this.utterances - revisable)
    this.utterances++
    return turns
  }

  /** Whether a revision in the middle of the session is due when audio up to `endMs` is final. */
  revisionIsDue(endMs: number): boolean {
    const { revisionInterval } = this.settings
    if (revisionInterval <= 0 || endMs - this.#revisedAt < revisionInterval) return false
    this.#revisedAt = endMs
    return true
  }

  /** The turns whose labels change by what a tracker says of utterances. */
  revise(attributions: readonly Attribution[]): EngineRevision[] {
    return attributions.flatMap(({ id, words: labels }) => {
      const past = this.#past.get(id)
      if (past === undefined) return []
      const before = past.words
      past.words = before.map((word, index) => withSpeaker(word, labels[index]))
      return past.turns.flatMap(({ order, from, to }) => {
        const words = past.words.slice(from, to)
        if (words.every(({ speaker }, at) => speaker === before[from + at]!.speaker)) return []
        const speaker = dominantSpeaker(words)
        return [{ order, words, ...defined({ speaker }) }]
      })
    })
  }

  #turn(
    words: EngineWord[],
    facts: { endOfTurn: boolean; formatted: boolean; speaker?: string | undefined; language: string | undefined },
  ): EngineTurn {
    const { endOfTurn, formatted, speaker, language } = facts
    return {
      order: this.#order,
      words,
      transcript: joinedTexts(words.map(({ text }) => text)),
      ...defined({ speaker }),
      endOfTurn,
      formatted,
      endOfTurnConfidence: endOfTurn ? 1 : 0,
      ...defined({ language }),
    }
  }
}

/** A word with this speaker instead of its own, or with none. */
export function withSpeaker({ speaker: _own, ...word }: EngineWord, speaker: string | undefined): EngineWord {
  return speaker === undefined ? word : { ...word, speaker }
}

/** Runs of `count` words of one speaker; what has none goes with what is before it, at the beginning with what follows. */
export function speakerRuns(
  count: number,
  labels: readonly (string | undefined)[],
): { from: number; to: number; speaker?: string }[] {
  const runs: { from: number; to: number; speaker?: string }[] = []
  for (let index = 0; index < count; index++) {
    const label = labels[index]
    const last = runs.at(-1)
    if (last === undefined || (label !== undefined && last.speaker !== undefined && label !== last.speaker)) {
      runs.push({ from: index, to: index + 1, ...defined({ speaker: label }) })
      continue
    }
    last.to = index + 1
    if (label !== undefined) last.speaker = label
  }
  return runs
}

export function dominantSpeaker(words: readonly EngineWord[]): string | undefined {
  const sums = new Map<string, number>()
  for (const { speaker, start, end } of words) {
    if (speaker !== undefined) sums.set(speaker, (sums.get(speaker) ?? 0) + end - start)
  }
  return [...sums].toSorted((a, b) => b[1] - a[1])[0]?.[0]
}
