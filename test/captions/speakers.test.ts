import { attributed, checkSpeakerNames, displayName } from '../../src/captions/speakers.ts'
import { describe, expect, it } from 'vitest'

describe('displayName', () => {
  it('takes the given name, else says Speaker before a bare label', () => {
    expect(displayName('A', { A: 'Alice' })).toBe('Alice')
    expect(displayName('B', { A: 'Alice' })).toBe('Speaker B')
    expect(displayName('AB')).toBe('Speaker AB')
    expect(displayName('Agent/A')).toBe('Agent/A')
    expect(displayName('Customer')).toBe('Customer')
    expect(displayName(undefined, { A: 'Alice' })).toBeUndefined()
  })

  it('is one clean line, and takes nothing from prototypes', () => {
    expect(displayName('A', { A: ' Al\nice\u0000 ' })).toBe('Al ice')
    expect(displayName('constructor')).toBe('constructor')
  })
})

describe('checkSpeakerNames', () => {
  it('refuses what is no object of visible names', () => {
    checkSpeakerNames('speakers', undefined)
    checkSpeakerNames('speakers', { A: 'Alice' })
    for (const wrong of [null, 'Alice', ['Alice'], { A: 1 }, { A: ' ' }]) {
      expect(() => checkSpeakerNames('speakers', wrong)).toThrow(/speakers.*, when given, must be/)
    }
  })
})

describe('attributed', () => {
  it('names nobody for placeholders, empty and missing labels', () => {
    for (const label of ['UNKNOWN', 'PENDING', 'unknown', '', '  ', null, undefined, 7]) {
      expect(attributed(label)).toBeUndefined()
    }
  })

  it('keeps letters, channels and composites', () => {
    expect(attributed('A')).toBe('A')
    expect(attributed(' B ')).toBe('B')
    expect(attributed('Agent/A')).toBe('Agent/A')
  })
})
