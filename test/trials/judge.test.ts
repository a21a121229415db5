import { describe, expect, it } from 'vitest'
import { judge, type Delivery } from './judge.ts'
import type { Turn } from '../../src/index.ts'
import type { ToneWord } from '../../src/testing/index.ts'

const script: ToneWord[] = [0, 1, 0, 1, 0, 1].map((speaker, word) => ({ word, speaker, start: word * 1000 }))

/** A turn of the words with these numbers, each with the letter of the same place. */
function turn(order: number, numbers: number[], letters: string, sessionId = 'one', shift = 0): Turn {
  const words = numbers.map((number, index) => ({
    text: `w${number}`,
    start: number * 1000 + shift,
    end: number * 1000 + 240 + shift,
    confidence: 1,
    final: true,
    ...(letters[index] === '-' ? {} : { speaker: letters[index]! }),
  }))
  const { start } = words[0]!
  const facts = { sessionId, order, revision: 0, endOfTurn: true, formatted: true, transcript: '', start, end: start }
  return { ...facts, words }
}

function delivery(turns: Turn[], more: Partial<Delivery> = {}): Delivery {
  const sessions = [{ sessionId: 'one', offset: 0 }]
  return { turns, sessions, gaps: [], uncertain: new Set(), blindWords: 0, ...more }
}

const clean = {
  lost: 0,
  inGaps: 0,
  doubled: 0,
  disordered: 0,
  invented: 0,
  wrongSpeaker: 0,
  newLetters: 0,
  timeError: 0,
}

describe('judge', () => {
  it('finds nothing wrong with the words of the script', () => {
    const verdict = judge(script, delivery([turn(0, [0, 1, 2], 'ABA'), turn(1, [3, 4, 5], 'BAB')]))
    expect(verdict).toMatchObject({ ...clean, words: 6, examples: [] })
  })

  it('sees a lost word, unless a gap was reported', () => {
    const turns = [turn(0, [0, 1], 'AB'), turn(1, [3, 4, 5], 'BAB')]
    expect(judge(script, delivery(turns))).toMatchObject({ ...clean, words: 5, lost: 1 })
    const gaps = [{ start: 1240, end: 2050 }]
    expect(judge(script, delivery(turns, { gaps }))).toMatchObject({ ...clean, words: 5, inGaps: 1 })
    expect(judge(script, delivery(turns, { gaps: [{ start: 1240, end: 2000 }] }))).toMatchObject({ lost: 1 })
  })

  it('sees a doubled, a moved and an invented word', () => {
    const turns = [turn(0, [0, 1, 2], 'ABA'), turn(1, [2, 4, 3], 'AAB'), turn(2, [5, 99], 'BA')]
    expect(judge(script, delivery(turns))).toMatchObject({ ...clean, words: 7, doubled: 1, disordered: 1, invented: 1 })
  })

  it('sees one millisecond', () => {
    const turns = [turn(0, [0, 1, 2], 'ABA'), turn(1, [3, 4, 5], 'BAB', 'one', 1)]
    expect(judge(script, delivery(turns))).toMatchObject({ ...clean, words: 6, timeError: 1 })
  })

  it('sees swapped and missing letters', () => {
    expect(judge(script, delivery([turn(0, [0, 1, 2, 3, 4, 5], 'ABABBA')]))).toMatchObject({ wrongSpeaker: 2 })
    expect(judge(script, delivery([turn(0, [0, 1, 2, 3, 4, 5], 'ABAB-B')]))).toMatchObject({ wrongSpeaker: 1 })
    const uncertain = new Set(['w4'])
    expect(judge(script, delivery([turn(0, [0, 1, 2, 3, 4, 5], 'ABAB-B')], { uncertain }))).toMatchObject({
      wrongSpeaker: 0,
      uncertainSpeaker: 1,
    })
  })

  it('allows a new letter where the overlap did not hold the speaker, and only there', () => {
    const turns = [turn(0, [0, 1, 2, 3], 'ABAB'), turn(1, [4, 5], 'CB', 'two')]
    const from = (offset: number) => ({ sessions: [...delivery([]).sessions, { sessionId: 'two', offset }] })
    expect(judge(script, delivery(turns, from(1500)))).toMatchObject({ ...clean, newLetters: 1 })
    expect(judge(script, delivery(turns, from(0)))).toMatchObject({ wrongSpeaker: 1 })
    expect(judge(script, delivery(turns))).toMatchObject({ wrongSpeaker: 1 })
  })

  it('never allows the letter of somebody else', () => {
    const turns = [turn(0, [0, 1, 2, 3], 'ABAB'), turn(1, [4, 5], 'BA', 'two')]
    const sessions = [...delivery([]).sessions, { sessionId: 'two', offset: 3500 }]
    expect(judge(script, delivery(turns, { sessions }))).toMatchObject({ wrongSpeaker: 2 })
  })
})
