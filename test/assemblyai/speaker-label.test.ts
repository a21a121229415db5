import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isLetter, speakerLabel } from '../../src/assemblyai/speaker-label.ts'

it.each(['A', 'B', 'Z', 'AB', 'NA', 'a', '1', 'speaker_0', 'SPEAKER_01', 'Agent', 'José Ángel'])(
  '%s names a speaker',
  (label) => {
    expect(speakerLabel(label)).toBe(label)
  },
)

it.each([
  [3, '3'],
  [0, '0'],
  [' Agent\n', 'Agent'],
  ['a\u0000\u202eb', 'a b'],
  ['x'.repeat(5000), 'x'.repeat(100)],
])('%j names a speaker, too', (label, name) => {
  expect(speakerLabel(label)).toBe(name)
})

it.each([
  null,
  undefined,
  '',
  ' ',
  'UNKNOWN',
  'unknown',
  'PENDING',
  'UNSURE',
  'SPEAKER_UNKNOWN',
  'None',
  'null',
  '-1',
  '?',
  -1,
  1.5,
  Number.NaN,
  {},
  ['A'],
])('%j names nobody', (label) => {
  expect(speakerLabel(label)).toBeUndefined()
})

it('gives the same for what it has given', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (label) => {
      const name = speakerLabel(label)
      expect(speakerLabel(name)).toBe(name)
      expect(name === undefined || name.length > 0).toBe(true)
    }),
  )
})

it.each([
  ['A', true],
  ['AB', true],
  ['a', false],
  ['ABC', false],
  ['1', false],
])('%s is a letter of the protocol: %s', (label, is) => {
  expect(isLetter(label)).toBe(is)
})
