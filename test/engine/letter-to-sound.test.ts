import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lettersToSound, plainLetters } from '../../src/engine/letter-to-sound.ts'

const phones = new Set(
  'AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH'.split(' '),
)
const first = (word: string): string | undefined => lettersToSound(word)[0]?.join(' ')

describe('lettersToSound', () => {
  it.each([
    ['zane', 'Z EY N'],
    ['knox', 'N AA K S'],
    ['quentin', 'K W EH N T IH N'],
    ['phelps', 'F EH L P S'],
    ['ashby', 'AE SH B IY'],
    ['diarization', 'D AY AH R AH Z EY SH AH N'],
    ['ignition', 'IH G N IH SH AH N'],
    ['bletchley', 'B L EH CH L IY'],
    ['cecil', 'S EH S IH L'],
    ['yarrow', 'Y AA R OW'],
  ])('says %s as %s', (word, expected) => {
    expect(first(word)).toBe(expected)
  })

  it('gives the values of the letters in other languages as a second guess', () => {
    expect(lettersToSound('Wojnar').map((way) => way.join(' '))).toEqual(['W AA JH N AA R', 'V OW Y N AA R'])
  })

  it('knows one way where both guesses agree, and none without letters', () => {
    expect(lettersToSound('brdt')).toHaveLength(1)
    expect(lettersToSound('東京')).toEqual([])
    expect(lettersToSound('')).toEqual([])
  })

  it('gives phones of the dictionary only, whatever it is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z]{1,20}$/)), (word) => {
        for (const way of lettersToSound(word)) {
          expect(way.length).toBeGreaterThan(0)
          expect(way.every((phone) => phones.has(phone))).toBe(true)
        }
      }),
    )
  })
})

describe('plainLetters', () => {
  it('takes accents away and leaves out what is no letter', () => {
    expect(plainLetters('Łukasz Müller-Groß 3')).toBe('lukaszmullergross')
  })
})
