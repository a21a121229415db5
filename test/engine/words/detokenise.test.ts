import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { annotationMask } from '../../../src/engine/words/detokenise.ts'

const left = (text: string): string => {
  const inside = annotationMask(text)
  return [...Array(text.length).keys()]
    .filter((at) => !inside[at]!)
    .map((at) => text[at])
    .join('')
}

describe('annotationMask', () => {
  it.each([
    ['(wind howling)', ''],
    ['[BLANK_AUDIO]', ''],
    ['[ Silence ] Good morning.', ' Good morning.'],
    ['Good (beep) morning', 'Good  morning'],
    ['*sighs* All right', ' All right'],
    ['♪ music ♪', ''],
    ['♪♪', ''],
    ['[ [ [ [ [', ''],
    ['(beeping) (beeping) (bee', '  '],
    ['(a (b) c) d', ' d'],
    ['（音楽）はい', 'はい'],
    ['It is 5 o’clock.', 'It is 5 o’clock.'],
  ])('of %j leaves %j', (text, rest) => {
    expect(left(text)).toBe(rest)
  })

  it('takes an annotation that is not closed to go on to the end, but not over a whole speech', () => {
    expect(left('Good morning [AUDIO OUT')).toBe('Good morning ')
    expect(left('( S S S S S S S S S S S S S S S S S S S S S S S S S S S S S S S S S')).toBe('')
    const speech = 'ask not what your country can do for you, ask what you can do'
    expect(left(`And so (${speech}`)).toBe(`And so ${speech}`)
  })

  it('says so of each unit of any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => annotationMask(text).length === text.length))
    fc.assert(
      fc.property(fc.array(fc.constantFrom('(', ')', '[', ']', '*', '♪', 'a', ' ')), (signs) => {
        expect(left(signs.join(''))).not.toMatch(/[([*♪]/)
      }),
    )
  })
})
