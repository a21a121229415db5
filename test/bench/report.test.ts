import { describe, expect, it } from 'vitest'
import type { Machine } from '../../bench/machine.ts'
import { withFindings, withTable } from '../../bench/report.ts'

const machine: Machine = { cpu: 'a CPU', cores: 2, memoryGb: 8, system: 'linux x64', node: 'v20', ffmpeg: '5.1' }
const finding = { measure: 'size', ours: '3 MB' }
const order = ['one', 'two']

describe('withFindings()', () => {
  it('replaces the findings of one benchmark, keeps the others, and keeps the order', () => {
    const first = withFindings(undefined, machine, 'two', [finding], order)
    const second = withFindings(first, machine, 'one', [finding], order)
    const third = withFindings(second, machine, 'two', [{ ...finding, ours: '4 MB' }], order)
    expect(Object.keys(third.benchmarks)).toEqual(order)
    expect(third.benchmarks['two']?.findings).toEqual([{ ...finding, ours: '4 MB' }])
    expect(third.benchmarks['one']?.findings).toEqual([finding])
  })

  it('drops what was measured on another machine', () => {
    const first = withFindings(undefined, machine, 'one', [finding], order)
    const second = withFindings(first, { ...machine, node: 'v24' }, 'two', [finding], order)
    expect(Object.keys(second.benchmarks)).toEqual(['two'])
  })
})

describe('withTable()', () => {
  it('puts machine and table between the marks, again and again', () => {
    const report = withFindings(undefined, machine, 'one', [finding], order)
    const once = withTable('before <!-- results --> old <!-- end of results --> after', report)
    expect(once).toMatch(/^before <!-- results -->\n\na CPU, 2 cores[^]*3 MB[^]*<!-- end of results --> after$/)
    expect(once).not.toContain('old')
    expect(withTable(once, report)).toBe(once)
  })

  it('refuses a text without marks', () => {
    expect(() => withTable('text', withFindings(undefined, machine, 'one', [finding], order))).toThrow('lacks')
  })
})
