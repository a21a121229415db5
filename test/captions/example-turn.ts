import { readFileSync } from 'node:fs'
import type { Segment, Turn, Word } from '../../src/model.ts'

interface WireWord {
  text: string
  start: number
  end: number
  confidence: number
  word_is_final: boolean
  speaker: string
}

interface WireTurn {
  turn_order: number
  end_of_turn: boolean
  turn_is_formatted: boolean
  transcript: string
  speaker_label: string
  words: WireWord[]
}

/** The Turn message of the fixture, as it comes over the wire. */
export const wireTurn = JSON.parse(
  readFileSync(new URL('../fixtures/example-turn.json', import.meta.url), 'utf8'),
) as WireTurn

/** The fixture as a Turn, its labels as the wire has them. */
export function exampleTurn(overrides: Partial<Turn> = {}): Turn {
  const words = wireTurn.words.map((word) => ({
    text: word.text,
    start: word.start,
    end: word.end,
    confidence: word.confidence,
    speaker: word.speaker,
    final: word.word_is_final,
  }))
  return {
    sessionId: 'session-1',
    order: wireTurn.turn_order,
    revision: 0,
    endOfTurn: wireTurn.end_of_turn,
    formatted: wireTurn.turn_is_formatted,
    transcript: wireTurn.transcript,
    speaker: wireTurn.speaker_label,
    words,
    start: words[0]?.start ?? 0,
    end: words.at(-1)?.end ?? 0,
    ...overrides,
  }
}

/** Words of 200 ms, 50 ms apart, from `start` on; `A:Hello` sets the speaker of a word. */
export function makeWords(text: string, start = 0): Word[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((item, i) => {
      const [, speaker, word = item] = /^([A-Z]):(.*)$/.exec(item) ?? []
      const from = start + i * 250
      return {
        text: word,
        start: from,
        end: from + 200,
        confidence: 1,
        ...(speaker !== undefined && { speaker }),
        final: true,
      }
    })
}

/** A final turn of {@link makeWords}. */
export function makeTurn(order: number, text: string, overrides: Partial<Turn> = {}): Turn {
  const words = overrides.words ?? makeWords(text, overrides.start ?? order * 10_000)
  return {
    sessionId: 'session-1',
    order,
    revision: 0,
    endOfTurn: true,
    formatted: true,
    transcript: words.map((word) => word.text).join(' '),
    words,
    start: words[0]?.start ?? 0,
    end: words.at(-1)?.end ?? 0,
    ...overrides,
  }
}

/** A segment of {@link makeWords} of one speaker. */
export function makeSegment(text: string, start = 0, overrides: Partial<Segment> = {}): Segment {
  const words = overrides.words ?? makeWords(text, start)
  return {
    start: words[0]?.start ?? start,
    end: words.at(-1)?.end ?? start,
    text: words.map((word) => word.text).join(' '),
    words,
    turn: { order: 0, revision: 0 },
    ...overrides,
  }
}
