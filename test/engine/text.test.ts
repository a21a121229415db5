import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatWords } from '../../src/engine/text.ts'

/** The words of `text`, each said by the speaker of the same place in `speakers`; `-` is nobody. */
function format(text: string, speakers = ''): string {
  const words = text.split(' ').map((word, index) => {
    const speaker = speakers[index] ?? '-'
    return { text: word, ...(speaker !== '-' && { speaker }) }
  })
  return formatWords(words).join(' ')
}

describe('formatWords', () => {
  it('makes the first letter a capital and ends with a full stop', () => {
    expect(format('good morning')).toBe('Good morning.')
    expect(format('yes')).toBe('Yes.')
  })

  it('writes I as a capital, alone and in its short forms, and nowhere else', () => {
    expect(format("so i i'm i'll i've in it")).toBe("So I I'm I'll I've in it.")
  })

  it('makes what each speaker says a sentence of its own', () => {
    expect(format('are you ready yes i am good', 'AAABBBA')).toBe('Are you ready. Yes I am. Good.')
    expect(format('well hello there', '-AA')).toBe('Well. Hello there.')
  })

  it('ends a sentence at a pause, but not at a short one', () => {
    const words = [
      { text: 'to', start: 0, end: 100 },
      { text: 'the', start: 300, end: 400 },
      { text: 'lake', start: 400, end: 800 },
      { text: 'yes', start: 1150, end: 1400 },
    ]
    expect(formatWords(words).join(' ')).toBe('To the lake. Yes.')
  })

  it('does not double a full stop and takes no words as well', () => {
    expect(format('mr.')).toBe('Mr.')
    expect(format('mr. hello', 'AB')).toBe('Mr. Hello.')
    expect(formatWords([])).toEqual([])
  })

  it('changes nothing but case and full stops', () => {
    const word = fc.record({ text: fc.stringMatching(/^[a-z'-]{1,8}$/), speaker: fc.constantFrom('A', 'B') })
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const texts = formatWords(words).map((text) => text.toLowerCase().replace(/\.$/, ''))
        expect(texts).toEqual(words.map(({ text }) => text))
      }),
    )
  })
})
