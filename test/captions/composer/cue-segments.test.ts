import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CueSegments } from '../../../src/captions/composer/cue-segments.ts'
import { layoutCues } from '../../../src/captions/layout/layout.ts'
import type { Cue } from '../../../src/model.ts'
import { joinedTexts } from '../../../src/scripts.ts'
import { runs } from '../../helpers/runs.ts'
import { makeSegment, makeWords } from '../example-turn.ts'

const cue = (lines: string[], more: Partial<Cue> = {}): Cue => ({
  index: 1,
  start: 0,
  end: 1000,
  lines,
  words: [],
  ...more,
})

const texts = (cues: readonly Cue[]): string[] => {
  const segments = new CueSegments()
  return cues.flatMap((one) => segments.of(one)).map(({ text }) => text)
}

describe('CueSegments', () => {
  it('puts a space where a line ends as far as the script puts one', () => {
    expect(texts([cue(['Hello', 'there.']), cue(['今日は', 'いい天気です。'])])).toEqual([
      'Hello there.',
      '今日はいい天気です。',
    ])
  })

  it('writes a long word once and whole, wherever lines and cues cut it', () => {
    const words = makeWords(`Say ${'x'.repeat(100)} twice.`)
    const cues = layoutCues([[makeSegment('', 0, { words })]]).map((one, i) => ({ ...one, index: i + 1 }))
    expect(cues.length).toBeGreaterThan(1)
    expect(texts(cues).join(' ')).toBe(words.map(({ text }) => text).join(' '))
  })

  it('gives back the words of any cues', () => {
    const word = fc.constantFrom('yes', 'no.', 'w'.repeat(50), 'v'.repeat(130), '今日', 'は', '天気です。', '3')
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 25 }), (said) => {
        const words = makeWords(said.join(' '))
        const cues = layoutCues([[makeSegment('', 0, { words })]]).map((one, i) => ({ ...one, index: i + 1 }))
        expect(joinedTexts(texts(cues))).toBe(joinedTexts(said))
      }),
      { numRuns: runs(500) },
    )
  })

  it('keeps marks that are words where the lines have them', () => {
    const said = ['"', 'Hello', 'world', '!', '"', 'x'.repeat(60), 'New York', ')'].map((text, i) => ({
      ...makeWords('w')[0]!,
      text,
      start: i * 300,
      end: i * 300 + 280,
    }))
    const cues = layoutCues([[makeSegment('', 0, { words: said })]]).map((one, i) => ({ ...one, index: i + 1 }))
    expect(texts(cues).join(' ')).toBe(`" Hello world!" ${'x'.repeat(60)} New York)`)
  })

  it('keeps the spaces of a word that goes on in the next line or cue', () => {
    const words = [{ ...makeWords('w')[0]!, text: 'New York' }]
    expect(texts([cue(['New', 'York'], { words })])).toEqual(['New York'])
    expect(texts([cue(['New'], { words }), cue(['York', 'is'], { words: makeWords('is') })])).toEqual([
      'New York',
      'is',
    ])
  })

  it('shows no word that somebody has taken out of the lines', () => {
    expect(
      texts([cue(['As it'], { words: makeWords('As it is.') }), cue(['Then.'], { words: makeWords('Then.') })]),
    ).toEqual(['As it', 'Then.'])
  })

  it('keeps the lines of cues that have no words, or others', () => {
    expect(texts([cue(['As it', 'was.'], { words: makeWords('As it is.') }), cue(['Then.'])])).toEqual([
      'As it was.',
      'Then.',
    ])
  })

  it('gives what each of two speakers says', () => {
    const words = makeWords('Yes. No.')
    const [first, second] = new CueSegments().of(cue(['-Yes.', '-No.'], { lineSpeakers: ['A', 'B'], words }))
    expect([first?.speaker, first?.text, first?.words, second?.speaker, second?.text]).toEqual([
      'A',
      'Yes.',
      words.slice(0, 1),
      'B',
      'No.',
    ])
  })
})
