import { describe, expect, it } from 'vitest'
import { breakCost, endsOnFunctionWord, sentenceEnds, wordFacts } from '../../../src/captions/layout/breaks.ts'
import { lexiconFor } from '../../../src/captions/languages/lexicon-for.ts'

const between = (before: string, after: string, language = 'en') => {
  const lexicon = lexiconFor(language)
  return breakCost(wordFacts(before, lexicon), wordFacts(after, lexicon))
}
const ends = (before: string, after: string | undefined, language = 'en') => {
  const lexicon = lexiconFor(language)
  return sentenceEnds(wordFacts(before, lexicon), after === undefined ? undefined : wordFacts(after, lexicon))
}

describe('sentenceEnds', () => {
  it.each(['end.', 'end!', 'end?', 'end…', 'end..."', 'end.”)', 'No.', '1999.', '結束。', '本当？」', 'क्या।'])(
    'sees that a sentence ends with %s',
    (word) => {
      expect(ends(word, 'Then')).toBe(true)
    },
  )

  it.each([
    ['Mr.', 'Brown', 'en'],
    ['U.S.', 'Army', 'en'],
    ['e.g.', 'apples', 'en'],
    ['J.', 'Smith', 'en'],
    ['(Dr.', 'Brown', 'en'],
    ['z.B.', 'Äpfel', 'de'],
    ['bzw.', 'Birnen', 'de'],
    ['3.', 'Mai', 'de'],
    ['M.', 'Dupont', 'fr'],
    ['p.ex.', 'Paris', 'fr'],
    ['Sr.', 'García', 'es'],
    ['EE.UU.', 'acepta', 'es'],
    ['3.5', 'million', 'en'],
    ['04.00', 'o’clock', 'en'],
  ])('sees none after %s before %s (%s)', (before, after, language) => {
    expect(ends(before, after, language)).toBe(false)
  })

  it('lets the next word decide after an abbreviation that may end a sentence', () => {
    expect(ends('U.S.', 'The')).toBe(true)
    expect(ends('etc.', 'But')).toBe(true)
    expect(ends('usw.', 'Und', 'de')).toBe(true)
    expect(ends('etc.', 'and')).toBe(false)
    expect(ends('etc.', undefined)).toBe(true)
  })
})

describe('breakCost', () => {
  it('rises from the end of a sentence to a torn phrase', () => {
    expect(between('there.', 'Then')).toBe(0)
    expect(between('there,', 'then')).toBe(0.25)
    expect(between('there', 'and')).toBe(0.45)
    expect(between('there', 'with')).toBe(0.6)
    expect(between('there', 'stood')).toBe(0.8)
    expect(between('20', 'minutes')).toBe(1.1)
    expect(between('twenty', 'minutes')).toBe(1.1)
    expect(between('Martin', 'Smith')).toBe(1.2)
    expect(between('the', 'house')).toBe(1.3)
    expect(between('“The', 'house')).toBe(1.3)
  })

  it('takes no name for one that only begins a sentence', () => {
    const lexicon = lexiconFor('en')
    const facts = (word: string) => wordFacts(word, lexicon)
    expect(breakCost(facts('Yesterday'), facts('Smith'), true)).toBe(0.8)
  })

  it.each([
    ['de', 'im', 'Haus'],
    ['de', 'meinem', 'Bruder'],
    ['de-CH', 'nicht', 'gehen'],
    ['fr', 'aux', 'enfants'],
    ['fr', "qu'il", 'vienne'],
    ['fr', 'l’', 'homme'],
    ['fr', 'd’une', 'maison'],
    ['es', 'al', 'parque'],
    ['es-MX', 'Nuestra', 'casa'],
    ['zh-Hans', '这个', '房子'],
  ])('knows words of %s that no line ends on: %s %s', (language, before, after) => {
    expect(between(before, after, language)).toBe(1.3)
  })

  it.each([
    ['de', 'Haus', 'und', 0.45],
    ['de', 'Haus', 'zwischen', 0.6],
    ['fr', 'maison', "qu'il", 0.45],
    ['fr', 'maison', "d'un", 0.6],
    ['es', 'casa', 'porque', 0.45],
    ['es', 'bueno', '¿qué', 0.45],
    ['ja', '山田', 'さん', 0.8],
    ['ja', '私', 'は', 1.2],
    ['zh', '房子', '的', 1.2],
  ])('knows words of %s to break before: %s | %s', (language, before, after, cost) => {
    expect(between(before, after, language)).toBe(cost)
  })

  it('has punctuation only for a language without lists', () => {
    expect(between('the', 'house', 'xx')).toBe(0.8)
    expect(between('there,', 'house', 'xx')).toBe(0.25)
    expect(between('3.', 'máj', 'sk')).not.toBe(0)
  })
})

describe('endsOnFunctionWord', () => {
  it('looks at the last word, unless a mark follows it', () => {
    expect(endsOnFunctionWord('back to the')).toBe(true)
    expect(endsOnFunctionWord('what is it for?')).toBe(false)
    expect(endsOnFunctionWord('back home')).toBe(false)
    expect(endsOnFunctionWord('zurück in das', 'de')).toBe(true)
    expect(endsOnFunctionWord('')).toBe(false)
  })
})
