import { describe, expect, it } from 'vitest'
import type { Turn } from '../../../src/model.ts'
import { FinalWords } from '../../../src/stream/turns/final-words.ts'

function turn(order: number, start: number, end: number, more: Partial<Turn> = {}): Turn {
  // One word, as long as a word may be.
  const words = [
    { text: `word${order}`, start: Math.max(start, end - 500), end, confidence: 1, speaker: 'A', final: true },
  ]
  const text = { transcript: `word${order}`, formatted: true }
  return { sessionId: 's', order, revision: 0, endOfTurn: true, ...text, words, start, end, ...more }
}

const texts = (finals: FinalWords): string[] => finals.turns.flat().map(({ text }) => text)

describe('FinalWords', () => {
  it('is empty at first', () => {
    const finals = new FinalWords(1000)
    expect([finals.end, finals.turns.flat(), finals.any]).toEqual([0, [], false])
  })

  it('tells how far the stream is final, and gives the words in order', () => {
    const finals = new FinalWords(60_000)
    finals.add(turn(0, 100, 900))
    finals.add(turn(1, 1000, 2500))
    expect(finals.end).toBe(2500)
    expect(texts(finals)).toEqual(['word0', 'word1'])
  })

  it('puts a turn whose final comes late in its place', () => {
    const finals = new FinalWords(60_000)
    finals.add(turn(0, 0, 900))
    finals.add(turn(2, 2000, 2900))
    finals.add(turn(1, 1000, 1900))
    expect(texts(finals)).toEqual(['word0', 'word1', 'word2'])
    expect(finals.end).toBe(2900)
  })

  it('forgets turns that ended too long ago, but never the last one', () => {
    const finals = new FinalWords(1000)
    finals.add(turn(0, 0, 500))
    finals.add(turn(1, 600, 1000))
    finals.add(turn(2, 1500, 2000))
    // Word 1 ends exactly as far back as words are kept.
    expect(texts(finals)).toEqual(['word1', 'word2'])
    finals.add(turn(3, 90_000, 99_000))
    expect(texts(finals)).toEqual(['word3'])
  })

  it('keeps the last two thousand turns at most, whatever times they have', () => {
    const finals = new FinalWords(60_000)
    for (let order = 0; order < 2500; order += 1) finals.add(turn(order, 0, 500))
    const kept = texts(finals)
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([2000, 'word500', 'word2499'])
  })

  it('takes the labels of a revision, and does not move the end', () => {
    const finals = new FinalWords(60_000)
    const first = turn(0, 100, 900)
    finals.add(first)
    finals.add(turn(1, 1000, 2500))
    finals.add({ ...first, revision: 1, words: first.words.map((word) => ({ ...word, speaker: 'B' })) })
    expect(finals.turns.flat().map(({ text, speaker }) => [text, speaker])).toEqual([
      ['word0', 'B'],
      ['word1', 'A'],
    ])
    expect(finals.end).toBe(2500)
  })

  it('goes no further than the session has heard, whatever times it gives', () => {
    const finals = new FinalWords(60_000)
    finals.add(turn(0, 100, 900), 5000)
    finals.add(turn(1, 1000, 90_000), 5000)
    expect(finals.end).toBe(5000)
    expect(texts(finals)).toEqual(['word0', 'word1'])
  })

  it('knows of a final turn that has no words', () => {
    const finals = new FinalWords(60_000)
    finals.add(turn(0, 0, 0, { words: [], transcript: '[Music]' }))
    expect([finals.any, finals.end, finals.turns.flat()]).toEqual([true, 0, []])
  })

  it('ignores a revision of a turn it has forgotten', () => {
    const finals = new FinalWords(1000)
    finals.add(turn(0, 0, 500))
    finals.add(turn(1, 5000, 6000))
    finals.add(turn(0, 0, 500, { revision: 1 }))
    expect(texts(finals)).toEqual(['word1'])
    expect(finals.end).toBe(6000)
  })

  it('never moves the end back', () => {
    const finals = new FinalWords(60_000)
    finals.add(turn(0, 0, 3000))
    finals.add(turn(1, 2000, 2800))
    expect(finals.end).toBe(3000)
  })

  it('does not believe that a word lasts for seconds', () => {
    const finals = new FinalWords(60_000)
    const words = [{ text: 'two', start: 1400, end: 1700 + 1344, final: true }]
    finals.add(turn(0, 1400, 1700 + 1344, { words }))
    expect(finals.end).toBeLessThan(1400 + 1000)
  })

  it('has the last word heard again, with most of a second before it, whatever the overlap', () => {
    const finals = new FinalWords(60_000)
    finals.add(turn(0, 9000, 10_000))
    expect(finals.hearFrom(5000)).toBe(5000)
    expect(finals.hearFrom(0)).toBe(8700)
  })
})
