import { describe, expect, it } from 'vitest'
import { allGood, atMost, costRatio, findingsOf, showTable, withUnit } from '../../bench/finding.ts'

describe('costRatio()', () => {
  it('passes at the limit and fails above it', () => {
    const ratio = (ours: number) => costRatio('CPU', 's', { ours, theirs: 2, rival: 'bare', limit: 1.5 })
    expect(ratio(3)).toMatchObject({ ours: '3 s', against: 'bare: 2 s', ratio: 1.5, good: true })
    expect(ratio(3.01)).toMatchObject({ good: false })
  })

  it('only reports where there is no limit', () => {
    expect(costRatio('CPU', 's', { ours: 3, theirs: 2, rival: 'bare' })).not.toHaveProperty('good')
  })

  it('does not pass without a measurement', () => {
    expect(costRatio('CPU', 's', { ours: NaN, theirs: 2, rival: 'bare', limit: 1.5 })).toMatchObject({ good: false })
    expect(atMost('late', NaN, 20, 'ms')).toMatchObject({ good: false })
  })
})

describe('findingsOf()', () => {
  it('makes a finding of a benchmark that only says whether all was well', () => {
    expect(allGood(findingsOf(true))).toBe(true)
    expect(allGood(findingsOf(false))).toBe(false)
    expect(allGood([{ measure: 'size', ours: '3 MB' }])).toBe(true)
  })
})

describe('withUnit()', () => {
  it.each([
    [0.123, '0.12 ms'],
    [12.345, '12.3 ms'],
    [123.4, '123 ms'],
    [12_345.6, '12,346 ms'],
  ])('writes %d as %s', (value, text) => {
    expect(withUnit(value, 'ms')).toBe(text)
  })
})

describe('showTable()', () => {
  it('aligns all rows, names a benchmark once, and marks what fails', () => {
    const table = showTable({
      one: [atMost('a', 1, 2, 'ms'), atMost('a longer measure', 3, 2, 'ms')],
      two: [{ measure: 'size', ours: '3 MB', ratio: 1.256 }],
    })
    const lines = table.split('\n')
    expect(lines).toHaveLength(5)
    expect(new Set(lines.map((line) => line.length)).size).toBe(1)
    expect(lines[2]).toMatch(/^\| one +\| a +\| 1 ms +\| +\| +\| at most 2 ms \| pass +\|$/)
    expect(lines[3]).toMatch(/^\| +\| a longer measure .*\*\*FAIL\*\* \|$/)
    expect(lines[4]).toContain('1.26')
  })
})
