import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatWords, withoutFormat } from '../../../src/engine/turns/formatting.ts'

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
    expect(format('are you ready yes i am good', 'AAABBBA')).toBe('Are you ready? Yes I am. Good.')
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

  it('takes no words as well', () => {
    expect(formatWords([])).toEqual([])
  })

  it.each([
    'could you say that again please',
    'do we have enough budget for another tester',
    'how is the team handling the workload',
    'what happens if the network connection drops',
    "isn't it late",
    'how many are there',
  ])('ends "%s" with a question mark', (text) => {
    expect(format(text)).toMatch(/\?$/)
  })

  it.each([
    'what joy there is in living',
    'had he married a more amiable woman he might have been happy',
    'do not wait for me',
    'when i left home it was late',
    'have a look at it',
    'can openers are cheap',
    'i know what it is',
    'who knows',
  ])('ends "%s" with a full stop', (text) => {
    expect(format(text)).toMatch(/[a-z]\.$/)
  })

  it('leaves a sentence that goes on in the next turn open, and does not begin anew there', () => {
    const words = (text: string) => text.split(' ').map((each) => ({ text: each }))
    expect(formatWords(words('is it the one that'), { open: true }).join(' ')).toBe('Is it the one that')
    expect(formatWords(words('is he the one i saw'), { continues: true }).join(' ')).toBe('is he the one I saw.')
  })

  it.each(['Is that so? said Ann', 'we use WebVTT', 'he said so.', 'ja, und dann?', '就是这样。'])(
    'leaves alone what a recogniser has written as people do: %s',
    (text) => {
      expect(format(text)).toBe(text)
      expect(format(text, 'ABABA')).toBe(text)
    },
  )

  it('changes nothing but case, full stops and question marks', () => {
    const word = fc.record({ text: fc.stringMatching(/^[a-z'-]{1,8}$/), speaker: fc.constantFrom('A', 'B') })
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const texts = formatWords(words).map((text) => text.toLowerCase().replace(/[.?]$/, ''))
        expect(texts).toEqual(words.map(({ text }) => text))
      }),
    )
  })
})

describe('withoutFormat', () => {
  it.each([
    ['Hello,', 'hello'],
    ['"Well', 'well'],
    ["don't", "don't"],
    ['U.S.', 'u.s'],
    ['3.5%', '3.5'],
    ['¿Qué?', 'qué'],
    ['Ölflecken!', 'ölflecken'],
    ['そうです。', 'そうです'],
    ['twenty-one.', 'twenty-one'],
  ])('takes the capitals and the punctuation around %s away', (word, plain) => {
    expect(withoutFormat(word)).toBe(plain)
  })

  it('leaves no word empty, and changes nothing the second time', () => {
    expect(withoutFormat('...')).toBe('...')
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        const once = withoutFormat(text)
        expect(once).not.toBe('')
        expect(withoutFormat(once)).toBe(once)
      }),
    )
  })
})
