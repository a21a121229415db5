import { describe, expect, it } from 'vitest'
import { CueLayout, joins, layoutCues } from '../../../src/captions/layout/layout.ts'
import { layoutSettings, type CueLayoutOptions } from '../../../src/captions/layout/options.ts'
import type { Segment } from '../../../src/model.ts'
import { makeSegment, makeWords } from '../example-turn.ts'

const plain = { labels: 'none' } satisfies CueLayoutOptions
const lines = (turns: readonly Segment[][], options: CueLayoutOptions = plain) =>
  layoutCues(turns, options, { next: Infinity }).map((cue) => cue.lines)

const STORY =
  'The meeting was moved to Thursday because of the strike. Everybody has been told about it by mail, except for the ' +
  'people in Rome who were already on their way to the airport. They heard of it from the driver.'

describe('hard cuts', () => {
  it('come between turns after a shorter silence than within one', () => {
    const first = makeSegment('one two')
    const after = (ms: number) => makeSegment('three', 450 + ms)
    expect(lines([[first], [after(699)]])).toEqual([['one two three']])
    expect(lines([[first], [after(700)]])).toEqual([['one two'], ['three']])
    expect(lines([[first, after(1499)]])).toEqual([['one two three']])
    expect(lines([[first, after(1500)]])).toEqual([['one two'], ['three']])
  })

  it('come where the language changes', () => {
    const german = makeSegment('und tschüss', 500, { language: 'de' })
    expect(lines([[makeSegment('Goodbye', 0, { language: 'en' }), german]])).toEqual([['Goodbye'], ['und tschüss']])
  })

  it('are what joins() says of two turns', () => {
    const settings = layoutSettings()
    const first = makeSegment('one two', 0, { speaker: 'A' })
    const after = (ms: number, over: Partial<Segment> = { speaker: 'A' }) => makeSegment('three', 450 + ms, over)
    expect(joins(first, after(699), settings)).toBe(true)
    expect(joins(first, after(700), settings)).toBe(false)
    expect(joins(first, after(-300), settings)).toBe(true)
    expect(joins(first, after(0, { speaker: 'B' }), settings)).toBe(false)
    expect(joins(first, after(0, { speaker: 'A', channel: 'left' }), settings)).toBe(false)
    expect(joins(first, after(0, { speaker: 'A', language: 'de' }), settings)).toBe(false)
    const dashes = layoutSettings({ dashes: true })
    expect(joins(first, after(699, { speaker: 'B' }), dashes)).toBe(true)
    expect(joins(first, after(700, { speaker: 'B' }), dashes)).toBe(false)
  })
})

describe('the open tail', () => {
  it('makes a short look-ahead end cues where a long one does, not where its knowledge ends', () => {
    const far = lines([[makeSegment(STORY)]], { ...plain, lookAhead: 1000 })
    expect(far.map((cue) => cue.join(' '))).toEqual([
      'The meeting was moved to Thursday because of the strike.',
      'Everybody has been told about it by mail,',
      'except for the people in Rome who were already on their way to the airport.',
      'They heard of it from the driver.',
    ])
    const ends = [12, 25]
      .flatMap((lookAhead) => lines([[makeSegment(STORY)]], { ...plain, lookAhead }))
      .map((cue) => cue.at(-1)?.split(' ').at(-1))
    expect(ends).toEqual(expect.arrayContaining(['strike.', 'mail,', 'airport.', 'driver.']))
    for (const end of ends) expect(['the', 'of', 'to', 'for', 'in', 'their']).not.toContain(end)
  })
})

describe('CueLayout', () => {
  it('gives a cue as soon as the look-ahead is full, and the rest at the end', () => {
    const layout = new CueLayout(layoutSettings({ ...plain, lookAhead: 12 }))
    const words = makeWords(STORY)
    const counts = words.map((word) => layout.add([makeSegment('', 0, { words: [word] })]).length)
    expect(counts.slice(0, 12).every((count) => count === 0)).toBe(true)
    expect(counts[12]).toBe(1)
    expect(layout.oldest).toBeGreaterThan(0)
    expect(layout.close(Infinity).length).toBeGreaterThan(0)
    expect(layout.oldest).toBeUndefined()
    expect(layout.close(Infinity)).toEqual([])
  })

  it('gives the last cue of a run its times when the next run begins', () => {
    const layout = new CueLayout(layoutSettings(plain))
    expect(layout.add([makeSegment('one two', 0, { speaker: 'A' })])).toEqual([])
    expect(layout.add([makeSegment('three', 1000, { speaker: 'B' })])).toMatchObject([{ start: 0, end: 917 }])
    expect(layout.close()).toMatchObject([{ start: 1000, end: 1833 }])
  })
})

describe('words without visible text', () => {
  it('ride with a neighbour', () => {
    const words = ['\u200B', 'one', '\u0000', '', 'two'].flatMap((text, i) => ({
      ...makeWords('x', i * 250)[0]!,
      text,
    }))
    const cues = layoutCues([[makeSegment('', 0, { words })]], plain)
    expect(cues).toMatchObject([{ lines: ['one two'], words }])
  })

  it('make a cue without lines where they have none', () => {
    const words = makeWords('x').map((word) => ({ ...word, text: ' ' }))
    const cues = layoutCues(
      [[makeSegment('Hello', 0, { speaker: 'A' }), makeSegment('', 0, { speaker: 'B', words })]],
      plain,
    )
    expect(cues).toMatchObject([{ lines: ['Hello'] }, { lines: [], words }])
  })
})

describe('punctuation given as words', () => {
  it('is written to the word before it', () => {
    expect(lines([[makeSegment('Well , yes . And “ you ” ?')]])[0]).toEqual(['Well, yes.'])
    expect(lines([[makeSegment('Vraiment ?', 0, { language: 'fr' })]])).toEqual([['Vraiment\u00A0?']])
  })
})

describe('languages without spaces', () => {
  it('break between words, never before a closing mark, whatever the language is said to be', () => {
    const text = '昨天我和张先生谈了街道尽头的那座新建筑，他告诉我它花了超过三百万欧元，大约是原来计划的两倍。'
    const words = makeWords(text).map((word) => ({ ...word, end: 9000 }))
    const cues = lines([[makeSegment('', 0, { words })]])
    expect(cues.flat().join('')).toBe(text)
    expect(cues.length).toBeGreaterThan(1)
    for (const line of cues.flat()) expect(line).not.toMatch(/^[，。]/u)
  })

  it('do not break words that come as single characters', () => {
    const text = '我们明天上午坐飞机去北京看望我们的朋友然后我们再一起去长城参观'
    const cues = lines([[makeSegment(Array.from(text).join(' '), 0, { language: 'zh' })]])
    const ends = new Set(cues.flat().map((line) => line.at(-1)))
    expect(cues.flat().join('')).toBe(text)
    for (const inside of ['北', '飞', '朋', '然', '长']) expect(ends).not.toContain(inside)
  })

  it('put a space between Korean words', () => {
    expect(lines([[makeSegment('오늘 날씨가 좋아요', 0, { language: 'ko' })]])).toEqual([['오늘 날씨가 좋아요']])
  })
})

describe('dashes', () => {
  const turn = (text: string, start: number, speaker: string) => [makeSegment(text, start, { speaker })]
  const exchange = [
    turn('Did you see it?', 0, 'A'),
    turn('No.', 1000, 'B'),
    turn('A long story follows now.', 3000, 'A'),
  ]

  it('put two short turns of two speakers in one cue', () => {
    const cues = layoutCues(exchange, { dashes: true }, { next: Infinity })
    expect(cues.map(({ lines, lineSpeakers, speaker }) => [lines, lineSpeakers, speaker])).toEqual([
      [['-Did you see it?', '-No.'], ['A', 'B'], undefined],
      [['A long story follows now.'], undefined, 'A'],
    ])
    expect(cues[0]).toMatchObject({ start: 0 })
    expect(cues[0]?.words).toHaveLength(5)
  })

  it('are for those who ask', () => {
    expect(lines(exchange)).toEqual([['Did you see it?'], ['No.'], ['A long story follows now.']])
  })

  it('are not for turns apart, or longer than a line', () => {
    const options = { ...plain, dashes: true }
    expect(lines([turn('Did you see it?', 0, 'A'), turn('No.', 1650, 'B')], options)).toHaveLength(2)
    const long = 'Did you see how they all went over the bridge?'
    expect(lines([turn(long, 0, 'A'), turn('No.', 2600, 'B')], options).flat()).toContain('No.')
  })
})

describe('overlapping speakers', () => {
  it('keep their words in readable cues, one after the other', () => {
    const cues = layoutCues([
      [makeSegment('I was just about to say that this is nothing new to us', 0, { speaker: 'A' })],
      [makeSegment('Mm.', 1000, { speaker: 'B' })],
    ])
    expect(cues.map((cue) => cue.speaker)).toEqual(['A', 'B'])
    expect(cues[0]?.end).toBeGreaterThan(2500)
    expect(cues[1]?.start).toBe((cues[0]?.end ?? 0) + 83)
  })
})
