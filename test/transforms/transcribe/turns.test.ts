import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { turnsOf } from '../../../src/transforms/transcribe/turns.ts'

const said = { id: 'id', status: 'completed' }

interface Spoken {
  text: string
  start: number
  end: number
  confidence: number
  speaker: string | null
}

/** Words of 200 ms, one every 250 ms from `start` on. */
function words(text: string, speaker: string | null, start = 0): Spoken[] {
  return text.split(' ').map((word, index) => ({
    text: word,
    start: start + index * 250,
    end: start + index * 250 + 200,
    confidence: 0.5,
    speaker,
  }))
}

const utterance = (list: Spoken[]) => ({
  speaker: list[0]!.speaker,
  words: list,
  start: list[0]!.start,
  text: 'unused',
})

describe('turns of a transcript', () => {
  it('are its utterances, with all that is known of the words', () => {
    const [first, second] = [words('Good morning all.', 'A'), words('Hello.', 'B', 1000)]
    const transcript = {
      ...said,
      words: [...first, ...second],
      utterances: [utterance(first), utterance(second)],
      language_code: 'en_us',
    }
    expect(turnsOf(transcript, true)).toEqual({
      speakers: { A: 'A', B: 'B' },
      turns: [
        {
          sessionId: 'id',
          order: 0,
          revision: 0,
          endOfTurn: true,
          formatted: true,
          transcript: 'Good morning all.',
          speaker: 'A',
          words: [
            { text: 'Good', start: 0, end: 200, confidence: 0.5, final: true, speaker: 'A' },
            { text: 'morning', start: 250, end: 450, confidence: 0.5, final: true, speaker: 'A' },
            { text: 'all.', start: 500, end: 700, confidence: 0.5, final: true, speaker: 'A' },
          ],
          start: 0,
          end: 700,
          language: 'en-US',
        },
        expect.objectContaining({ order: 1, transcript: 'Hello.', speaker: 'B', start: 1000, end: 1200 }),
      ],
    })
  })

  it('end at a pause, and with a sentence where somebody talks for long', () => {
    const paused = turnsOf({ ...said, words: [...words('one two', 'A'), ...words('three', 'A', 1450)] }, true)
    expect(paused.turns.map(({ transcript }) => transcript)).toEqual(['one two', 'three'])
    const long = words(Array.from({ length: 300 }, (_, at) => (at % 10 === 9 ? 'end.' : 'word')).join(' '), 'A')
    const { turns } = turnsOf({ ...said, utterances: [utterance(long)] }, true)
    expect(turns.map(({ words: list }) => list.length)).toEqual([130, 130, 40])
    expect(turns.every(({ transcript }) => transcript.endsWith('end.'))).toBe(true)
  })

  it('have letters for speakers of other names, and none where nobody knows', () => {
    const all = [
      ...words('a', 'Alice'),
      ...words('b', 'B', 300),
      ...words('c', null, 600),
      ...words('d', 'UNKNOWN', 900),
    ]
    const { turns, speakers } = turnsOf({ ...said, words: all }, true)
    expect(turns.map(({ transcript, speaker }) => [transcript, speaker])).toEqual([
      ['a', 'A'],
      ['b', 'B'],
      ['c d', undefined],
    ])
    expect(speakers).toEqual({ Alice: 'A', B: 'B' })
    expect(turnsOf({ ...said, words: all }, false).turns).toMatchObject([{ transcript: 'a b c d' }])
  })

  it('hold the words that no utterance has', () => {
    const all = [...words('one two', 'A'), ...words('three', 'B', 500)]
    const { turns } = turnsOf({ ...said, words: all, utterances: [utterance(all.slice(0, 2))] }, true)
    expect(turns.flatMap((turn) => turn.words.map(({ text }) => text))).toEqual(['one', 'two', 'three'])
  })

  it('have times that come as texts', () => {
    const all = words('one two', 'A', 100).map((word) => ({ ...word, start: String(word.start), end: `${word.end}.0` }))
    expect(turnsOf({ ...said, text: 'one two', words: all }, true)).toMatchObject({
      turns: [{ transcript: 'one two', start: 100, end: 550 }],
    })
  })

  it('are none where no word says when it was said', () => {
    const all = words('one two', 'A').map((word) => ({ ...word, start: '0:01', end: '0:02' }))
    expect(turnsOf({ ...said, words: all, utterances: [] }, true)).toMatchObject({ turns: [], lacking: 1 })
  })

  it('say how much of the text they do not have', () => {
    const [first, second] = [words('Good morning all.', 'A'), words('Hello.', 'B', 1000)]
    const text = 'Good morning all. Hello.'
    const empty = { ...utterance(second), text: 'Hello.', words: null }
    const whole = { ...said, text, words: [...first, ...second] }
    expect(turnsOf(whole, true)).not.toHaveProperty('lacking')
    expect(turnsOf({ ...whole, utterances: [utterance(first), empty] }, true)).not.toHaveProperty('lacking')
    expect(turnsOf({ ...said, text, utterances: [utterance(first), empty] }, true).lacking).toBeCloseTo(5 / 19)
    expect(turnsOf({ ...said, utterances: [{ ...utterance(first), text }] }, true).lacking).toBeCloseTo(5 / 19)
    expect(turnsOf({ ...said, text, words: first }, true).lacking).toBeCloseTo(5 / 19)
    // Spaces and punctuation are nobody's words.
    expect(turnsOf({ ...said, text: '你好，世界。', words: words('你 好 世 界', 'A') }, true)).not.toHaveProperty(
      'lacking',
    )
    expect(turnsOf({ ...said, text: ' … ' }, true)).not.toHaveProperty('lacking')
  })

  it.each([
    ['de', 'de'],
    ['pt_br', 'pt-BR'],
    ['en_uk', 'en-GB'],
    ['en-GB', 'en-GB'],
    ['gsw', 'gsw'],
    ['nonsense here', undefined],
    [7, undefined],
  ])('have the language %s as %s', (code, language) => {
    expect(turnsOf({ ...said, words: words('a', 'A'), language_code: code }, true).turns[0]!.language).toBe(language)
  })

  it('are made of whatever a server sends', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (list, utterances, language_code) => {
        const { turns } = turnsOf({ ...said, words: list, utterances, language_code }, true)
        for (const turn of turns) {
          expect(turn.words.length).toBeGreaterThan(0)
          for (const { start, end } of turn.words) expect(Number.isInteger(start) && end >= start).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
    const odd = { text: ' x ', start: -1, end: 'z', confidence: 7, speaker: 3 }
    expect(
      turnsOf({ ...said, words: [odd, { text: 4 }, null, { text: 'y', start: 9.6, end: 2 }] }, true).turns,
    ).toMatchObject([
      { words: [{ text: 'x', start: 0, end: 0, final: true, speaker: 'A' }] },
      { words: [{ text: 'y', start: 10, end: 10, final: true }] },
    ])
  })

  it('come in order of their beginning, every word once', () => {
    const spoken = fc.array(
      fc.record({
        count: fc.integer({ min: 1, max: 40 }),
        start: fc.integer({ min: 0, max: 100_000 }),
        speaker: fc.constantFrom('A', 'B', 'C', null),
      }),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(spoken, (parts) => {
        let number = 0
        const lists = parts.map(({ count, start, speaker }) =>
          words(Array.from({ length: count }, () => `w${number++}`).join(' '), speaker, start),
        )
        const { turns } = turnsOf({ ...said, words: lists.flat(), utterances: lists.map(utterance) }, true)
        const starts = turns.map((turn) => turn.start)
        expect(starts).toEqual(starts.toSorted((a, b) => a - b))
        expect(turns.map(({ order }) => order)).toEqual([...turns.keys()])
        const out = turns.flatMap((turn) => turn.words.map(({ text }) => Number(text.slice(1))))
        expect(out.toSorted((a, b) => a - b)).toEqual(Array.from({ length: number }, (_, at) => at))
      }),
    )
  })
})
