import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wordRuns, type WordRunOptions } from '../../src/captions/segments.ts'
import type { Word } from '../../src/model.ts'
import { exampleTurn, makeTurn, makeWords } from './example-turn.ts'

/** `A:Hello there | B:Yes` */
function shown(segments: ReturnType<typeof wordRuns>): string {
  return segments.map(({ speaker, text }) => `${speaker ?? '-'}:${text}`).join(' | ')
}

describe('wordRuns on the 36-word example turn', () => {
  it('gives A, B, A; words nobody could be named for fall back to the label of the turn', () => {
    const runs = wordRuns(exampleTurn())
    expect(runs.map(({ speaker, start, end, text }) => ({ speaker, start, end, text }))).toEqual([
      {
        speaker: 'A',
        start: 0,
        end: 4636,
        text: "Yeah. Different things the way they are said here than in contrast to the way they'd be said in other countries. Yeah.",
      },
      { speaker: 'B', start: 5040, end: 6445, text: "Your Colombian Spanish won't work." },
      { speaker: 'A', start: 6736, end: 9886, text: 'Uh, no. And she said she could— when I—' },
    ])
    expect(runs.map((run) => run.words.length)).toEqual([22, 5, 9])
    expect(runs.every((run) => run.turn.order === 0 && run.turn.revision === 0)).toBe(true)
  })

  it('leaves the two words unattributed where the turn has no label either', () => {
    const runs = wordRuns(exampleTurn({ speaker: 'UNKNOWN' }))
    expect(runs.map((run) => run.speaker)).toEqual([undefined, 'A', undefined, 'B', 'A'])
    expect(runs.map((run) => run.words.length)).toEqual([1, 20, 1, 5, 9])
    expect('speaker' in (runs[0] ?? {})).toBe(false)
  })
})

describe('wordRuns', () => {
  it('leaves out words in which nothing can be seen', () => {
    const words = makeWords('A:one B:x A:two').map((word, i) => (i === 1 ? { ...word, text: ' \u200B\n' } : word))
    expect(shown(wordRuns(makeTurn(0, '', { words })))).toBe('A:one two')
    expect(wordRuns(makeTurn(0, '', { words: [], transcript: '\uFEFF \u200B' }))).toEqual([])
  })

  it('uses the turn label for words that are not final, whatever they carry', () => {
    const words = makeWords('A:one B:two').map((word) => ({ ...word, final: false }))
    expect(shown(wordRuns(makeTurn(0, '', { words, speaker: 'C' })))).toBe('C:one two')
  })

  it('treats null, empty, UNKNOWN and PENDING labels of words as absent', () => {
    const words = ['', 'UNKNOWN', 'PENDING', null].map((speaker, i) => ({
      ...makeWords('word', i * 250)[0],
      speaker,
    })) as Word[]
    expect(shown(wordRuns(makeTurn(0, '', { words })))).toBe('-:word word word word')
    expect(shown(wordRuns(makeTurn(0, '', { words, speaker: 'B' })))).toBe('B:word word word word')
  })

  it('puts no space between words where their script puts none', () => {
    const textOf = (text: string) => wordRuns(makeTurn(0, text)).map((run) => run.text)
    expect(textOf('大家 好 ， 3 月 GPT 很 好 。')).toEqual(['大家好，3月 GPT 很好。'])
    expect(textOf('สวัสดี ครับ')).toEqual(['สวัสดีครับ'])
    expect(textOf('안녕 하세요')).toEqual(['안녕 하세요'])
  })

  it('carries the channel', () => {
    expect(wordRuns(makeTurn(0, 'A:hi B:ho', { channel: 'Agent' })).map((run) => run.channel)).toEqual([
      'Agent',
      'Agent',
    ])
  })

  it('gives one segment with the turn times where there is a transcript but no words', () => {
    const turn = makeTurn(3, '', { words: [], transcript: ' Hello there. ', speaker: 'A', start: 500, end: 900 })
    expect(wordRuns(turn)).toEqual([
      { speaker: 'A', start: 500, end: 900, text: 'Hello there.', words: [], turn: { order: 3, revision: 0 } },
    ])
  })

  it('gives nothing for an empty turn', () => {
    expect(wordRuns(makeTurn(0, '', { transcript: '' }))).toEqual([])
  })

  it('lets an unattributed run between two of one speaker join them on request', () => {
    const turn = makeTurn(0, 'A:one two A:three B:four five')
    expect(shown(wordRuns(turn))).toBe('A:one | -:two | A:three | B:four | -:five')
    expect(shown(wordRuns(turn, { absorbUnknown: true }))).toBe('A:one two three | B:four | -:five')
  })

  it('lets short runs join the run before, and a short first run the one after', () => {
    const turn = makeTurn(0, 'B:hm A:one A:two B:yes A:three A:four')
    expect(shown(wordRuns(turn, { minRun: 2 }))).toBe('A:hm one two yes three four')
    expect(shown(wordRuns(turn, { minRun: 1 }))).toBe('B:hm | A:one two | B:yes | A:three four')
    expect(shown(wordRuns(makeTurn(0, 'A:only'), { minRun: 5 }))).toBe('A:only')
  })

  it('gives out every visible word once and in order, whatever the labels and options', () => {
    const word = fc.record({
      text: fc.oneof(fc.string(), fc.constantFrom('yes', ' ', '')),
      start: fc.nat(),
      end: fc.nat(),
      confidence: fc.constant(1),
      speaker: fc.constantFrom('A', 'B', 'UNKNOWN', ''),
      final: fc.boolean(),
    })
    const options = fc.record({ absorbUnknown: fc.boolean(), minRun: fc.nat(5) })
    fc.assert(
      fc.property(fc.array(word), options, fc.constantFrom('A', 'PENDING'), (words, given, speaker) => {
        const runs = wordRuns(makeTurn(0, '', { words, speaker, transcript: '' }), given)
        expect(runs.flatMap((run) => run.words)).toEqual(words.filter(({ text }) => text.trim() !== ''))
        expect(runs.every((run) => run.words.length > 0)).toBe(true)
        expect(runs.every((run, i) => i === 0 || run.speaker !== runs[i - 1]?.speaker)).toBe(true)
      }),
    )
  })
})

it.each([[{ minRun: 'x' }], [{ absorbUnknown: 1 }], [{ zzz: 1 }], [null]])('refuses the options %j', (options) => {
  const refused = () => wordRuns(exampleTurn(), options as WordRunOptions)
  expect(refused).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})
