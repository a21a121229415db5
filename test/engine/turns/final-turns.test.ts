import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EngineWord } from '../../../src/engine/engine.ts'
import { dominantSpeaker, FinalTurns, speakerRuns } from '../../../src/engine/turns/final-turns.ts'

const settings = { formatTurns: true, revisionInterval: 0 }
const plain = { ...settings, formatTurns: false }

/** Words of 200 ms each, without pauses, from `from` on. */
function words(text: string, from = 0): EngineWord[] {
  return text
    .split(' ')
    .map((word, index) => ({ text: word, start: from + index * 200, end: from + index * 200 + 200, final: false }))
}

const label = fc.constantFrom('A', 'B', 'C', undefined)

describe('speakerRuns', () => {
  it.each<[string, (string | undefined)[], string]>([
    ['of nobody', [undefined, undefined], '0-2 ?'],
    ['of one', ['A', 'A'], '0-2 A'],
    ['of two', ['A', 'B', 'B'], '0-1 A, 1-3 B'],
    ['with a word of nobody between them', ['A', undefined, 'B'], '0-2 A, 2-3 B'],
    ['with words of nobody around them', [undefined, 'A', undefined], '0-3 A'],
    ['that come back', ['A', 'B', 'A'], '0-1 A, 1-2 B, 2-3 A'],
    ['with fewer labels than words', ['A'], '0-3 A'],
    ['of no words', [], ''],
  ])('finds runs %s', (_what, labels, expected) => {
    const count = labels.length === 1 ? 3 : labels.length
    expect(
      speakerRuns(count, labels)
        .map(({ from, to, speaker = '?' }) => `${from}-${to} ${speaker}`)
        .join(', '),
    ).toBe(expected)
  })

  it('covers all words once, in order, and no two neighbours are of the same speaker', () => {
    fc.assert(
      fc.property(fc.array(label), (labels) => {
        const runs = speakerRuns(labels.length, labels)
        expect(runs.flatMap(({ from, to }) => labels.slice(from, to))).toEqual(labels)
        runs.forEach(({ from, to, speaker }, index) => {
          expect(labels.slice(from, to).every((each) => each === undefined || each === speaker)).toBe(true)
          expect(speaker ?? 'nobody').not.toBe(runs[index - 1]?.speaker)
        })
      }),
    )
  })
})

describe('FinalTurns', () => {
  it('makes a turn of an utterance, and counts both', () => {
    const turns = new FinalTurns(settings)
    expect(turns.utterances).toBe(0)
    expect(turns.finals(words('good morning'), ['A', 'A'], false, 'en')).toEqual([
      {
        order: 0,
        transcript: 'Good morning.',
        words: [
          { text: 'Good', start: 0, end: 200, speaker: 'A', final: true },
          { text: 'morning.', start: 200, end: 400, speaker: 'A', final: true },
        ],
        speaker: 'A',
        endOfTurn: true,
        formatted: true,
        endOfTurnConfidence: 1,
        language: 'en',
      },
    ])
    const [next] = turns.finals(words('yes', 900), [], false, undefined)
    expect(next).toMatchObject({ order: 1, transcript: 'Yes.' })
    expect(next).not.toHaveProperty('speaker')
    expect(next).not.toHaveProperty('language')
    expect(turns.utterances).toBe(2)
  })

  it('ends a turn where another speaks, and leaves a word of nobody in the sentence around it', () => {
    const turns = new FinalTurns(settings)
    const labels = ['A', undefined, 'A', 'B', 'B']
    const finals = turns.finals(words('i think so do you'), labels, false, undefined)
    expect(finals.map(({ order, transcript, speaker }) => [order, transcript, speaker])).toEqual([
      [0, 'I think so.', 'A'],
      [1, 'Do you.', 'B'],
    ])
    expect(finals[0]!.words.map(({ speaker }) => speaker)).toEqual(['A', undefined, 'A'])
  })

  it('shows words as the recogniser wrote them, or plain where no formatting is wanted', () => {
    const heard = words('Well, Dr. Smith, is it "late"?')
    expect(new FinalTurns(settings).finals(heard, [], false, undefined)[0]).toMatchObject({
      transcript: 'Well, Dr. Smith, is it "late"?',
      formatted: true,
    })
    expect(new FinalTurns(plain).finals(heard, [], false, undefined)[0]).toMatchObject({
      transcript: 'well dr smith is it late',
      formatted: false,
    })
  })

  it('obeys settings that change in the middle', () => {
    const turns = new FinalTurns(settings)
    expect(turns.partial({ words: [{ text: 'Yes.', start: 0, end: 90 }] }, 0, 100).transcript).toBe('Yes.')
    turns.settings = plain
    expect(turns.partial({ words: [{ text: 'Yes.', start: 0, end: 90 }] }, 0, 100).transcript).toBe('yes')
    expect(turns.finals(words('yes'), [], false, undefined)[0]!.formatted).toBe(false)
  })

  it('goes on with a sentence that was cut, unless there is a pause', () => {
    const turns = new FinalTurns(settings)
    const said = (text: string, from: number, isCut: boolean): string | undefined =>
      turns.finals(words(text, from), [], isCut, undefined)[0]?.transcript
    expect(said('this goes on', 0, true)).toBe('This goes on')
    expect(said('and on', 600, true)).toBe('and on')
    expect(said('to here', 1000, false)).toBe('to here.')
    expect(said('a new one', 1600, true)).toBe('A new one')
    expect(said('after a pause', 3000, false)).toBe('After a pause.')
  })

  it('leaves only the last speaker of a cut utterance in the middle of a sentence', () => {
    const finals = new FinalTurns(settings).finals(words('so it is and i'), ['A', 'A', 'A', 'B', 'B'], true, undefined)
    expect(finals.map(({ transcript }) => transcript)).toEqual(['So it is.', 'And I'])
  })

  it('places words in the stream: in order, without overlaps, within what was heard', () => {
    const word = fc.record({ start: fc.nat(3000), end: fc.nat(3000) })
    fc.assert(
      fc.property(fc.array(fc.array(word, { minLength: 1, maxLength: 5 }), { maxLength: 4 }), (utterances) => {
        const turns = new FinalTurns(plain)
        let before = 0
        utterances.forEach((heard, index) => {
          const startMs = index * 2500
          const placed = turns.place({ words: heard.map((each) => ({ text: 'x', ...each })) }, startMs, startMs + 2500)
          for (const { start, end } of placed) {
            expect(start).toBeGreaterThanOrEqual(Math.max(before, startMs))
            expect(end).toBeGreaterThanOrEqual(start)
            expect(end).toBeLessThanOrEqual(startMs + 2500)
            before = end
          }
          turns.finals(placed, [], false, undefined)
        })
      }),
    )
  })

  it('keeps the confidence of a word, and gives none where there is none', () => {
    const turns = new FinalTurns(plain)
    const heard = {
      words: [
        { text: 'a', start: 0, end: 10, confidence: 0.5 },
        { text: 'b', start: 10, end: 20 },
      ],
    }
    const placed = turns.place(heard, 100, 200)
    expect(placed).toEqual([
      { text: 'a', start: 100, end: 110, confidence: 0.5, final: false },
      { text: 'b', start: 110, end: 120, final: false },
    ])
  })

  it('gives partials under the order that the final will have', () => {
    const turns = new FinalTurns(settings)
    turns.finals(words('so it is and i'), ['A', 'A', 'B', 'B', 'B'], false, undefined)
    const partial = turns.partial({ words: [{ text: 'Well', start: 0, end: 90 }], language: 'en' }, 2000, 2500)
    expect(partial).toEqual({
      order: 2,
      words: [{ text: 'Well', start: 2000, end: 2090, final: false }],
      transcript: 'Well',
      endOfTurn: false,
      formatted: false,
      endOfTurnConfidence: 0,
      language: 'en',
    })
    expect(turns.finals(words('well', 2000), [], false, undefined)[0]!.order).toBe(2)
  })

  describe('when labels are revised', () => {
    function twoUtterances(): FinalTurns {
      const turns = new FinalTurns(settings)
      turns.finals(words('good morning to you'), ['A', 'A', 'B', 'B'], false, undefined)
      turns.finals(words('thank you', 2000), [undefined, undefined], false, undefined)
      return turns
    }

    it('names the turns whose labels change, with the text they had', () => {
      const revisions = twoUtterances().revise([
        { id: 0, words: ['A', 'A', 'A', 'B'] },
        { id: 1, words: ['B', 'B'] },
      ])
      expect(revisions).toEqual([
        {
          order: 1,
          words: [
            { text: 'To', start: 400, end: 600, speaker: 'A', final: true },
            { text: 'you.', start: 600, end: 800, speaker: 'B', final: true },
          ],
          speaker: 'A',
        },
        {
          order: 2,
          words: [
            { text: 'Thank', start: 2000, end: 2200, speaker: 'B', final: true },
            { text: 'you.', start: 2200, end: 2400, speaker: 'B', final: true },
          ],
          speaker: 'B',
        },
      ])
    })

    it('says nothing of what does not change, nor the same thing twice', () => {
      const turns = twoUtterances()
      expect(turns.revise([{ id: 0, words: ['A', 'A', 'B', 'B'] }])).toEqual([])
      const changed = [{ id: 0, words: ['C', 'C', 'B', 'B'] }]
      expect(turns.revise(changed)).toHaveLength(1)
      expect(turns.revise(changed)).toEqual([])
      expect(turns.revise([{ id: 0, words: ['A', 'A', 'B', 'B'] }])).toMatchObject([{ order: 0, speaker: 'A' }])
    })

    it('takes labels away where nobody is known any more', () => {
      const [revision] = twoUtterances().revise([{ id: 0, words: [undefined, undefined, 'B', 'B'] }])
      expect(revision).toMatchObject({ order: 0 })
      expect(revision).not.toHaveProperty('speaker')
      for (const word of revision!.words) expect(word).not.toHaveProperty('speaker')
    })

    it('knows nothing of utterances that never were, or long ago', () => {
      const turns = twoUtterances()
      expect(turns.revise([{ id: 7, words: ['A'] }])).toEqual([])
      for (let more = 0; more < 4000; more++) turns.finals(words('yes', 3000 + more * 300), ['A'], false, undefined)
      expect(turns.revise([{ id: 0, words: ['Z', 'Z', 'Z', 'Z'] }])).toEqual([])
      expect(turns.revise([{ id: 4001, words: ['Z'] }])).toHaveLength(1)
    })
  })

  it('is due for a revision when so much audio is final', () => {
    const turns = new FinalTurns({ ...settings, revisionInterval: 5000 })
    expect([1000, 4999, 5000, 9000, 10_100, 15_099, 15_100].filter((endMs) => turns.revisionIsDue(endMs))).toEqual([
      5000, 10_100, 15_100,
    ])
    expect(new FinalTurns(settings).revisionIsDue(1e9)).toBe(false)
  })
})

describe('dominantSpeaker', () => {
  it('is who spoke longest, not who said most words', () => {
    const said = (speaker: string | undefined, ms: number): EngineWord => ({
      text: 'x',
      start: 0,
      end: ms,
      final: true,
      ...(speaker !== undefined && { speaker }),
    })
    expect(dominantSpeaker([said('A', 100), said('A', 100), said('B', 300), said(undefined, 900)])).toBe('B')
    expect(dominantSpeaker([said(undefined, 900)])).toBeUndefined()
  })
})
