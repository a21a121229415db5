import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pronounceKeyterms } from '../../src/engine/keyterms.ts'

const dictionary: Record<string, string[]> = {
  new: ['N UW', 'N Y UW'],
  zealand: ['Z IY L AH N D'],
  cloud: ['K L AW D'],
  front: ['F R AH N T'],
  two: ['T UW'],
  four: ['F AO R'],
  "o'brien": ['OW B R AY AH N'],
}
const lookup = (word: string): string[][] => (dictionary[word] ?? []).map((way) => way.split(' '))
const say = (...terms: string[]): string[] =>
  pronounceKeyterms(terms, lookup).map(({ text, phones }) => `${text}: ${phones.join(' ')}`)

describe('pronounceKeyterms', () => {
  it('takes each way of the dictionary, for every word of a term', () => {
    expect(say('New Zealand')).toEqual(['New Zealand: N UW Z IY L AH N D', 'New Zealand: N Y UW Z IY L AH N D'])
    expect(say("O'Brien")).toEqual(["O'Brien: OW B R AY AH N"])
  })

  it('finds the two words of a compound, and guesses what is not in the dictionary', () => {
    expect(say('CloudFront')).toEqual(['CloudFront: K L AW D F R AH N T'])
    expect(say('Brask')).toEqual(['Brask: B R AE S K', 'Brask: B R AA S K'])
  })

  it('says words in capitals letter by letter as well, and numbers digit by digit', () => {
    expect(say('RTF')[0]).toBe('RTF: AA R T IY EH F')
    expect(say('Brask-42')[0]).toBe('Brask-42: B R AE S K F AO R T UW')
  })

  it('leaves out what cannot be said, what is too long, and what has been given before', () => {
    expect(say('', '  ', '東京', '!', 'x'.repeat(51))).toEqual([])
    expect(say('cloud', 'cloud', ' cloud ')).toEqual(['cloud: K L AW D'])
  })

  it('is bounded, whatever it is given', () => {
    const term = fc.oneof(fc.string({ unit: 'binary', maxLength: 70 }), fc.stringMatching(/^[A-Za-z' -]{0,60}$/))
    fc.assert(
      fc.property(fc.array(term, { maxLength: 150 }), (terms) => {
        const ways = pronounceKeyterms(terms, lookup)
        expect(ways.length).toBeLessThanOrEqual(400)
        for (const { text, phones } of ways) {
          expect(text.length).toBeLessThanOrEqual(50)
          expect(phones.length).toBeGreaterThanOrEqual(2)
          expect(phones.length).toBeLessThanOrEqual(80)
          expect(phones.every((phone) => /^[A-Z]{1,2}$/.test(phone))).toBe(true)
        }
      }),
      { numRuns: 40 },
    )
  })
})
