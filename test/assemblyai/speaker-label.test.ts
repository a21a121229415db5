import { expect, it } from 'vitest'
import { speakerLabel } from '../../src/assemblyai/speaker-label.ts'

it.each(['A', 'B', 'Z', 'AB'])('%s names a speaker', (label) => {
  expect(speakerLabel(label)).toBe(label)
})

it.each([null, undefined, '', 'UNKNOWN', 'PENDING', 'UNSURE', 'a', '1', 3, {}, ['A']])('%j names nobody', (label) => {
  expect(speakerLabel(label)).toBeUndefined()
})
