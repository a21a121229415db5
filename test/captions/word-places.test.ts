import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { layoutCues } from '../../src/captions/layout/layout.ts'
import { cleanLine, visibleLines } from '../../src/captions/text.ts'
import { wordPlaces } from '../../src/captions/word-places.ts'
import { runs } from '../helpers/runs.ts'
import { spoken } from './segments.ts'

const word = (text: string, start = 0) => ({ text, start, end: start + 100, final: true })

describe('wordPlaces', () => {
  it('finds words on their lines', () => {
    const words = [word('Good', 1), word(' morning, ', 2), word('日本', 3), word('語', 4), word('', 5)]
    expect(wordPlaces(['Good morning,', '日本語'], words)).toEqual([
      [
        { at: 0, start: 1 },
        { at: 5, start: 2 },
      ],
      [
        { at: 0, start: 3 },
        { at: 2, start: 4 },
      ],
    ])
  })

  it('finds a word that goes on in the next line on the first', () => {
    const places = wordPlaces(['Donaudampf', 'schiff ahoi'], [word('Donaudampfschiff', 1), word('ahoi', 2)])
    expect(places).toEqual([[{ at: 0, start: 1 }], [{ at: 7, start: 2 }]])
  })

  it('knows dashes that belong to no word', () => {
    const words = [word('Yes.', 1), word('-no', 2)]
    expect(wordPlaces(['-Yes.', '--no'], words, true)).toEqual([[{ at: 1, start: 1 }], [{ at: 1, start: 2 }]])
  })

  it.each([
    ['no words', ['Good'], []],
    ['other words', ['Good'], [word('Bad')]],
    ['too few words', ['Good morning'], [word('Good')]],
    ['too many words', ['Good'], [word('Good'), word('morning')]],
  ])('says that it does not know with %s', (_what, lines, words) => {
    expect(wordPlaces(lines, words)).toBeUndefined()
  })

  it('finds all words of what was laid out, each where its text is', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcde.,-'.split('')), minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 30 }), (texts) => {
        const words = texts.map((one, i) => word(one, i * 300))
        const segment = spoken('A', 0, words.length * 300, { words, text: texts.join(' ') })
        for (const { lines, words: own } of layoutCues([[segment]])) {
          const clean = visibleLines(lines)
          const places = wordPlaces(clean, own)
          expect(places?.flat().map(({ start }) => start)).toEqual(own.map(({ start }) => start))
          const firsts = places?.flatMap((all, i) => all.map(({ at }) => clean[i]?.charAt(at)))
          expect(firsts).toEqual(own.map(({ text: said }) => cleanLine(said).charAt(0)))
        }
      }),
      { numRuns: runs(300) },
    )
  })
})
