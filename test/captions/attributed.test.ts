import { describe, expect, it } from 'vitest'
import { attributed } from '../../src/captions/attributed.ts'

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
