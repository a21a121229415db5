import { describe, expect, it } from 'vitest'
import { SpeakerLetters } from '../../src/stream/speakers.ts'

describe('SpeakerLetters', () => {
  it('goes on past Z as columns of a sheet do, and gives no letter twice', () => {
    const letters = new SpeakerLetters()
    const given = Array.from({ length: 26 + 26 * 26 + 1 }, () => letters.unused())
    expect([0, 25, 26, 27, 51, 52, 701, 702].map((index) => given[index])).toEqual([
      'A',
      'Z',
      'AA',
      'AB',
      'AZ',
      'BA',
      'ZZ',
      'AAA',
    ])
    expect(new Set(given).size).toBe(given.length)
  })

  it('skips letters that were claimed', () => {
    const letters = new SpeakerLetters()
    expect(letters.any).toBe(false)
    letters.claim('B')
    expect(letters.any).toBe(true)
    expect([letters.unused(), letters.unused()]).toEqual(['A', 'C'])
  })
})
