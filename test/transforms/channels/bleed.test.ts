import { int16ToMulaw } from '../../../src/audio/pcm.ts'
import type { Turn, Word } from '../../../src/model.ts'
import {
  BleedFilter,
  isBleed,
  isSameWord,
  type Level,
  LevelHistory,
  withoutWords,
} from '../../../src/transforms/channels/bleed.ts'
import { runs } from '../../helpers/runs.ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const word = (text: string, start: number, end = start + 240): Word => ({
  text,
  start,
  end,
  confidence: 1,
  final: true,
})

const turn = (order: number, ...words: Word[]): Turn => ({
  sessionId: 's',
  order,
  revision: 0,
  endOfTurn: true,
  formatted: true,
  transcript: words.map(({ text }) => text).join(' '),
  words,
  start: words[0]?.start ?? 0,
  end: words.at(-1)?.end ?? 0,
})

/** Channel 0 is the louder one. */
const falling: Level = (channel) => 1 / (channel + 1)

describe('isSameWord', () => {
  it.each<[string, Word, Word, boolean]>([
    ['the same', word('yes', 1000), word('yes', 1000), true],
    ['case and punctuation', word('Yes,', 1000), word('yes', 1100), true],
    ['accents written in two ways', word('caf\u00e9', 1000), word('cafe\u0301', 1000), true],
    ['other text', word('yes', 1000), word('yet', 1000), false],
    ['a little apart', word('yes', 1000, 1400), word('yes', 1300, 1700), true],
    ['further apart', word('yes', 1000, 1400), word('yes', 1301, 1700), false],
    ['an answer with the same word', word('yes', 1000, 1200), word('yes', 1250, 1500), false],
    ['nothing but punctuation', word('-', 1000), word('-', 1000), false],
  ])('%s', (_what, one, other, same) => {
    expect(isSameWord(one, other)).toBe(same)
    expect(isSameWord(other, one)).toBe(same)
  })
})

describe('isBleed', () => {
  it('holds for exactly one of two channels, whatever the levels', () => {
    const levels = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(levels, levels, fc.integer({ min: 0, max: 300 }), (one, other, apart) => {
        const level: Level = (channel) => [one, other][channel]
        const [a, b] = [word('yes', 1000, 1400), word('yes', 1000 + apart, 1500)]
        expect(isBleed(a, 0, b, 1, level)).toBe(!isBleed(b, 1, a, 0, level))
      }),
    )
  })

  it('measures both channels over all the time that either gives the word', () => {
    const asked: number[][] = []
    isBleed(word('a', 1000, 1200), 0, word('a', 1100, 1300), 1, (...where) => asked.push(where))
    expect(asked).toEqual([
      [0, 1000, 1300],
      [1, 1000, 1300],
    ])
  })

  it('drops nothing where the levels are not known any more', () => {
    expect(isBleed(word('a', 1000), 1, word('a', 1000), 0, () => undefined)).toBe(false)
  })
})

describe('withoutWords', () => {
  it('makes a turn of what is left', () => {
    const whole = turn(0, word('a', 0), word('b', 300), word('c', 600))
    expect(withoutWords(whole, ({ text }) => text === 'a')).toMatchObject({ transcript: 'b c', start: 300, end: 840 })
    expect(withoutWords(whole, () => true)).toBeUndefined()
    expect(withoutWords(whole, () => false)).toBe(whole)
  })
})

describe('BleedFilter', () => {
  it('keeps a word on the louder channel only', () => {
    const filter = new BleedFilter(3, 60_000, falling)
    const loud = turn(0, word('good', 1000), word('morning', 1300))
    const quiet = turn(1, word('Good', 1010), word('hello', 1300), word('morning.', 1320))
    filter.hear(0, loud)
    filter.hear(2, quiet)
    expect(filter.filter(0, loud)).toBe(loud)
    expect(filter.filter(2, quiet)).toMatchObject({ transcript: 'hello', start: 1300, end: 1540 })
  })

  it('drops a turn of which nothing is left, and its revisions', () => {
    const filter = new BleedFilter(2, 60_000, falling)
    const quiet = turn(1, word('yes', 1000))
    filter.hear(0, turn(0, word('yes', 1000)))
    expect(filter.filter(1, quiet)).toBeUndefined()
    expect(filter.filter(1, { ...quiet, revision: 1 })).toBeUndefined()
  })

  it('does not bring a word back by a revision', () => {
    const filter = new BleedFilter(2, 60_000, falling)
    const quiet = turn(1, word('yes', 1000), word('sir', 1300))
    filter.hear(0, turn(0, word('yes', 1000)))
    filter.filter(1, quiet)
    expect(filter.filter(1, { ...quiet, revision: 1 })).toMatchObject({ transcript: 'sir', revision: 1 })
    expect(filter.filter(1, turn(2, word('yes', 9000)))).toMatchObject({ transcript: 'yes' })
    // The orders of channels are their own.
    const other = { ...turn(1, word('yes', 1000)), revision: 1 }
    expect(filter.filter(0, other)).toBe(other)
  })

  it('compares a day of words in little time and memory', () => {
    const filter = new BleedFilter(2, 60_000, falling)
    for (let order = 0; order < runs(100_000); order++) {
      filter.hear(0, turn(order, word('yes', order * 900)))
      expect(filter.filter(1, turn(order, word('yes', order * 900 + 50)))).toBeUndefined()
    }
  })
})

/** 50 ms of one value at 8 kHz. */
const frame = (value: number): Buffer => Buffer.from(new Int16Array(400).fill(value).buffer)

describe('LevelHistory', () => {
  it('tells how loud each channel was at a time, parts of frames weighed', () => {
    const levels = new LevelHistory(2, 50, 1000, 's16le')
    levels.add([frame(0), frame(16_384)])
    levels.add([frame(8192), frame(0)])
    expect(levels.level(0, 50, 100)).toBeCloseTo(0.25)
    expect(levels.level(1, 0, 50)).toBeCloseTo(0.5)
    expect(levels.level(1, 0, 100)).toBeCloseTo(0.5 / Math.SQRT2)
    expect(levels.level(1, 40, 60)).toBeCloseTo(0.5 / Math.SQRT2)
    expect(levels.level(0, 60, 60)).toBeCloseTo(0.25)
  })

  it('knows mu-law', () => {
    const levels = new LevelHistory(1, 50, 1000, 'mulaw')
    levels.add([Buffer.alloc(400, int16ToMulaw(-16_384))])
    expect(levels.level(0, 0, 50)).toBeCloseTo(0.5, 1)
  })

  it('forgets what is long past, and does not know what has not come', () => {
    const levels = new LevelHistory(1, 50, 200, 's16le')
    for (let count = 0; count < 10; count++) levels.add([frame(count * 1000)])
    expect(levels.level(0, 0, 50)).toBeUndefined()
    expect(levels.level(0, 200, 260)).toBeUndefined()
    expect(levels.level(0, 300, 350)).toBeCloseTo(6000 / 32_768)
    expect(levels.level(0, 450, 500)).toBeCloseTo(9000 / 32_768)
    expect(levels.level(0, 450, 501)).toBeUndefined()
  })
})
