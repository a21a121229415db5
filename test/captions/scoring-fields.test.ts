import { describe, expect, it } from 'vitest'
import {
  asField,
  asSeconds,
  checkScoringOptions,
  recordingFields,
  scoredWords,
  speakerField,
  wholeTimes,
} from '../../src/captions/scoring-fields.ts'
import { spoken } from './segments.ts'

describe('asField', () => {
  it('has no white space of any kind, and no comment', () => {
    expect(asField(' Dr.\tAlice\u00A0\u3000Smith\u2028')).toBe('Dr._Alice_Smith')
    expect(asField('a;;;b')).toBe('a;b')
    expect(asField('\u200B\n')).toBe('')
  })
})

describe('recordingFields', () => {
  it('names the channel, or calls it 1', () => {
    expect(recordingFields(spoken('A', 0, 1), {})).toBe('audio 1')
    expect(recordingFields(spoken('A', 0, 1, { channel: 'Line 2' }), { file: 'talk' })).toBe('talk Line_2')
    expect(recordingFields(spoken('A', 0, 1, { channel: '\u0000' }), {})).toBe('audio 1')
  })
})

describe('speakerField', () => {
  it('is the display name, where there is a speaker', () => {
    expect(speakerField(spoken('A', 0, 1), { speakers: { A: 'Al Bo' } })).toBe('Al_Bo')
    expect(speakerField(spoken('B', 0, 1), {})).toBe('Speaker_B')
    expect(speakerField(spoken('UNKNOWN', 0, 1), {})).toBeUndefined()
    expect(speakerField(spoken(undefined, 0, 1), {})).toBeUndefined()
  })
})

describe('asSeconds', () => {
  it('is exact', () => {
    expect([0, 7, 999, 1000, 59_999, 108_000_001].map(asSeconds)).toEqual([
      '0.000',
      '0.007',
      '0.999',
      '1.000',
      '59.999',
      '108000.001',
    ])
  })
})

describe('wholeTimes', () => {
  it('repairs times that no file can hold', () => {
    expect(wholeTimes({ start: 1.4, end: 2.6 })).toEqual({ start: 1, end: 3 })
    expect(wholeTimes({ start: -5, end: -9 })).toEqual({ start: 0, end: 0 })
    expect(wholeTimes({ start: 50, end: Number.NaN }, 70)).toEqual({ start: 70, end: 70 })
    expect(wholeTimes({ start: Infinity, end: 1e300 })).toEqual({ start: 0, end: 0 })
  })
})

describe('scoredWords', () => {
  it('are parted by any white space, and have nothing that scoring tools read as their own', () => {
    expect(scoredWords(' one\u00A0two\u3000three\n{four} \u200B ;; five;')).toEqual([
      'one',
      'two',
      'three',
      '[four]',
      ';',
      'five;',
    ])
  })
})

describe('checkScoringOptions', () => {
  it('refuses wrong values', () => {
    checkScoringOptions({})
    checkScoringOptions({ file: 'talk-1.wav', speakers: { A: 'Alice' } })
    expect(() => checkScoringOptions({ file: 'a;;b' }, 'stm.')).toThrow(/^stm\.file, when given, must be/)
    expect(() => checkScoringOptions({ speakers: { A: '' } })).toThrow(/^speakers\.A, when given, must be/)
  })
})
