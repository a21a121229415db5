import type { EngineRevision, EngineTurn, EngineWord } from '../engine/engine.ts'

/** A word of a {@link ScriptedTurn}; times in ms from the first audio sample. */
export interface ScriptedWord {
  text: string
  start: number
  end: number
  /**
   * From 0 to 1.
   * @defaultValue 0.9
   */
  confidence?: number
  /**
   * Speaker label; `null` for a word that cannot be attributed.
   * @defaultValue the turn's
   */
  speaker?: string | null
  /**
   * The label a revision gives the word later.
   * @defaultValue the turn's `revisedSpeaker`; without one the word is not revised
   */
  revisedSpeaker?: string
}

/** A turn that a scripted engine hears, whatever the audio holds. */
export interface ScriptedTurn {
  /** Words with their times; or a text, whose words are spread evenly from `start` to `end`. */
  words: string | readonly ScriptedWord[]
  /** Milliseconds at which a text begins; needed with a text only. */
  start?: number
  /** Milliseconds at which a text ends; needed with a text only. */
  end?: number
  /**
   * Speaker label of the turn and of its words.
   * @defaultValue the label of most of its words' time
   */
  speaker?: string
  /**
   * The label a revision gives the turn later.
   * @defaultValue none: the turn is not revised
   */
  revisedSpeaker?: string
  /**
   * Milliseconds of audio at which the revision is reported.
   * @defaultValue at the end of the session
   */
  revisionAt?: number
  /**
   * Milliseconds of audio at which partials are reported.
   * @defaultValue at the end of each word but the last
   */
  partialsAt?: readonly number[]
  /**
   * Milliseconds of audio at which the final is reported.
   * @defaultValue 640 after the last word
   */
  finalAt?: number
  /** Language code of the final. */
  language?: string
}

/** A scripted turn with its words and times worked out. */
export interface PlannedTurn {
  words: readonly ScriptedWord[]
  partialsAt: readonly number[]
  finalAt: number
  source: ScriptedTurn
}

const SETTLE_MS = 640

/** Works out the words and times of a turn. Throws a `RangeError` for a turn without words or with times that lack. */
export function planTurn(turn: ScriptedTurn): PlannedTurn {
  const words = typeof turn.words === 'string' ? spread(turn.words, turn.start, turn.end) : turn.words
  const last = words.at(-1)
  if (last === undefined) throw new RangeError('a scripted turn needs at least one word')
  return {
    words,
    partialsAt: turn.partialsAt ?? words.slice(0, -1).map((word) => word.end),
    finalAt: turn.finalAt ?? last.end + SETTLE_MS,
    source: turn,
  }
}

function spread(text: string, start: number | undefined, end: number | undefined): ScriptedWord[] {
  if (start === undefined || end === undefined || end < start) {
    throw new RangeError('a scripted turn given as text needs start and end in ms')
  }
  const texts = text.split(/\s+/).filter((word) => word !== '')
  const at = (index: number) => Math.round(start + ((end - start) * index) / texts.length)
  return texts.map((word, index) => ({ text: word, start: at(index), end: at(index + 1) }))
}

/** The turn as an engine reports it with the words heard so far. */
export function engineTurn(
  plan: PlannedTurn,
  words: readonly ScriptedWord[],
  facts: { order: number; final: boolean; formatted: boolean; speakerLabels: boolean },
): EngineTurn {
  const { order, final, formatted, speakerLabels } = facts
  const spoken = words.map((word) => engineWord(word, final, speakerLabels ? speakerOf(word, plan) : undefined))
  const speaker = speakerLabels && final ? (plan.source.speaker ?? dominantSpeaker(spoken)) : undefined
  return {
    order,
    words: spoken,
    transcript: words.map((word) => word.text).join(' '),
    ...(speaker === undefined ? {} : { speaker }),
    endOfTurn: final,
    formatted,
    endOfTurnConfidence: final ? 1 : 0,
    ...(final && plan.source.language !== undefined ? { language: plan.source.language } : {}),
  }
}

/** The new labels of a turn whose final is out; `undefined` where its script holds none. */
export function engineRevision(plan: PlannedTurn, final: EngineTurn): EngineRevision | undefined {
  const { revisedSpeaker } = plan.source
  const scripted = plan.words.slice(0, final.words.length)
  if (revisedSpeaker === undefined && scripted.every((word) => word.revisedSpeaker === undefined)) return undefined
  const words = final.words.map((word, index) => {
    const label = scripted[index]?.revisedSpeaker ?? revisedSpeaker
    return label === undefined ? word : { ...word, speaker: label }
  })
  const speaker = revisedSpeaker ?? final.speaker ?? dominantSpeaker(words)
  return { order: final.order, words, ...(speaker === undefined ? {} : { speaker }) }
}

function engineWord(word: ScriptedWord, final: boolean, speaker: string | undefined): EngineWord {
  const { text, start, end, confidence = 0.9 } = word
  return { text, start, end, confidence, ...(final && speaker !== undefined ? { speaker } : {}), final }
}

function speakerOf(word: ScriptedWord, plan: PlannedTurn): string | undefined {
  return word.speaker === null ? undefined : (word.speaker ?? plan.source.speaker)
}

function dominantSpeaker(words: readonly EngineWord[]): string | undefined {
  const spoken = new Map<string, number>()
  for (const { speaker, start, end } of words) {
    if (speaker !== undefined) spoken.set(speaker, (spoken.get(speaker) ?? 0) + end - start)
  }
  let most: string | undefined
  for (const [speaker, ms] of spoken) if (most === undefined || ms > (spoken.get(most) ?? 0)) most = speaker
  return most
}
