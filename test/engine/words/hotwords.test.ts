import { describe, expect, it } from 'vitest'
import {
  boostedTokens,
  isSpelled,
  keytermLimits,
  spellKeyterms,
  Vocabulary,
  whyIgnored,
} from '../../../src/engine/words/hotwords.ts'

const numbered = (symbols: readonly string[]): string => symbols.map((symbol, id) => `${symbol} ${id}\n`).join('')

/** Merges in the order of training, then the letters: "er" before "re". */
const merges = ['<unk>', '▁t', 'er', 'th', 'he', '▁the', 're', 'here', 'the', '▁', 't', 'h', 'e', 'r', '<blk>']
/** Pieces in the order of their probability, which are not made of one another. */
const unigram = ['<blk>', 'S', '▁THE', 'E', 'ATER', '▁', 'T', 'H', 'A', 'R', 'THEA']

/** The pieces of a text, as the vocabulary gives them back. */
function pieces(symbols: readonly string[], text: string): string[] | undefined {
  const vocabulary = new Vocabulary(numbered(symbols))
  const signs = vocabulary.spell(text)
  return signs === undefined ? undefined : Array.from(signs).map((sign) => vocabulary.textOf(sign).replace(/^ /, '▁'))
}

describe('Vocabulary', () => {
  it('spells as byte pair encoding does, the first merge first, not by the longest pieces', () => {
    expect(pieces(merges, 'here')).toEqual(['▁', 'h', 'er', 'e'])
    expect(pieces(merges, 'ether')).toEqual(['▁', 'e', 'th', 'er'])
    expect(pieces(merges, 'the  her')).toEqual(['▁the', '▁', 'h', 'er'])
  })

  it('spells by the likeliest pieces where these are not made of one another', () => {
    expect(pieces(unigram, 'THEATERS')).toEqual(['▁THE', 'ATER', 'S'])
    expect(pieces(unigram, 'TEAR')).toEqual(['▁', 'T', 'E', 'A', 'R'])
  })

  it('takes capitals where there are no small letters, and the other way round, else what is given', () => {
    expect(pieces(unigram, 'Theaters')).toEqual(['▁THE', 'ATER', 'S'])
    expect(pieces(merges, 'THE')).toEqual(['▁the'])
    expect(pieces([...merges, 'T'], 'The')).toEqual(['▁', 'T', 'he'])
  })

  it('takes another form of the same letters', () => {
    expect(pieces(merges, 'ｔｈｅ')).toEqual(['▁the'])
    expect(pieces(['▁', 'é'], 'é'.normalize('NFD'))).toEqual(['▁', 'é'])
  })

  it('has no ▁ before words of scripts without spaces', () => {
    expect(pieces(['<blk>', '▁', '你', '好'], '你好')).toEqual(['你', '好'])
    expect(pieces(['<blk>', '你', '好'], '你好')).toEqual(['你', '好'])
  })

  it.each(['', ' ', '▁', 'thex', 'the/', 'the:1', '<unk>', '<blk>'])('cannot spell %j', (text) => {
    expect(pieces(merges, text)).toBeUndefined()
  })

  it('gives the library one sign a token, and leaves it its own', () => {
    const vocabulary = new Vocabulary('<blk> 0\r\n▁ab 1\n\u{3000} 2\n3\n\n: 4\n')
    expect(vocabulary.signed()).toBe('<blk> 0\n\u{f0001} 1\n\u{f0002} 2\n\u{f0003} 3\n\u{f0004} 4\n')
    expect(
      ['<blk>', '\u{f0001}', '\u{f0002}', '\u{f0003}', '\u{f0009}'].map((sign) => vocabulary.textOf(sign)),
    ).toEqual(['<blk>', ' ab', '\u{3000}', ' ', ''])
  })

  it('is empty where the file is', () => {
    expect(new Vocabulary('').spell('the')).toBeUndefined()
  })
})

describe('spellKeyterms', () => {
  const vocabulary = new Vocabulary(numbered([...merges, ':', '#', '@', '/', '1', '.']))

  it('gives each term once, as signs only, whatever it consists of', () => {
    const { hotwords, ignored } = spellKeyterms(
      ['there', ' there ', 'the\nthe', 'the\0', '', ' ', ':1', '/'],
      vocabulary,
    )
    expect(ignored).toEqual([])
    expect(hotwords.split('/')).toHaveLength(5)
    expect(isSpelled(hotwords)).toBe(true)
  })

  it('names the terms that it cannot spell', () => {
    const terms = ['there', 'Ωmega', '\ud800', 'x'.repeat(51), 'e'.repeat(50)]
    expect(spellKeyterms(terms, vocabulary).ignored).toEqual(['Ωmega', 'x'.repeat(51)])
  })

  it('takes at most a hundred terms, and says which it has left out', () => {
    const terms = Array.from({ length: 105 }, (_, at) =>
      Array.from(at.toString(2))
        .map((bit) => 'te'[Number(bit)]!)
        .join(''),
    )
    const { hotwords, ignored } = spellKeyterms(terms, vocabulary)
    expect(hotwords.split('/')).toHaveLength(keytermLimits.terms)
    expect(ignored).toEqual(terms.slice(100))
    expect(whyIgnored('tiny', ignored.slice(0, 1))).toMatch(/^the model tiny cannot listen for "eette../)
    expect(
      whyIgnored(
        'tiny',
        Array.from({ length: 8 }, () => 'x'),
      ),
    ).toContain('"x" and 3 more:')
  })

  it('makes nothing of nothing', () => {
    expect(spellKeyterms([], vocabulary)).toEqual({ hotwords: '', ignored: [] })
  })
})

describe('isSpelled', () => {
  it.each(['', '/', 'the', ':', '\u{f0001}/', '\u{f0001} :x', '\u{f0001}//\u{f0001}', '\u{fffff}', '\udb80'])(
    'refuses %j',
    (hotwords) => expect(isSpelled(hotwords)).toBe(false),
  )
})

describe('boostedTokens', () => {
  const boosted = (hotwords: string, tokens: string): string =>
    boostedTokens(hotwords, Array.from(tokens))
      .map((isBoosted, at) => (isBoosted ? tokens[at]! : '-'))
      .join('')

  it.each([
    ['abc', 'xabcx', '-abc-'],
    ['abc', 'ababc', 'ab-bc'],
    ['abc/bd', 'abd', 'ab-'],
    ['ab/abc', 'abc', 'ab-'],
    ['abc/b', 'abc', 'ab-'],
    ['ab', 'abab', 'abab'],
    ['', 'ab', '--'],
  ])('of %s in %s: %s', (hotwords, tokens, expected) => expect(boosted(hotwords, tokens)).toBe(expected))
})
