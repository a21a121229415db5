import { describe, expect, it } from 'vitest'
import { ProgramClocks } from '../../../src/ffmpeg/program/clocks.ts'
import { programOf, programs, table, tableId, type Track } from './transport.ts'

const [picture, mp2] = [2, 3]
const first: Track[] = [
  [0x100, picture],
  [0x101, mp2],
]
const second: Track[] = [
  [0x200, picture],
  [0x201, mp2],
]
const tableId2 = 0x1001

function reading(...tables: Buffer[]): ProgramClocks {
  const clocks = new ProgramClocks()
  for (const bytes of tables) read(clocks, bytes)
  return clocks
}

function read(clocks: ProgramClocks, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += 188) clocks.read(bytes, at)
}

describe('the clocks of programmes', () => {
  it('are one where there is one programme, whatever its tracks, and its number later', () => {
    const clocks = reading(programs(tableId))
    const clock = clocks.of(0x101)
    expect(clock).toBeDefined()
    expect(clocks.of(0x999)).toBe(clock)
    // Another programme, by another number.
    read(clocks, table(0, 0, [0, 7, 0xe0 | (tableId2 >> 8), tableId2 & 0xff]))
    expect(clocks.of(0x201)).toBe(clock)
  })

  it('are not known before tables say what there is', () => {
    const clocks = reading()
    expect(clocks.of(0x101)).toBeUndefined()
    read(clocks, programs(tableId, tableId2))
    read(clocks, programOf(first))
    expect(clocks.of(0x101)).toBeDefined()
    expect(clocks.of(0x201)).toBeUndefined()
    read(clocks, programOf(second, { pid: tableId2, of: 2, ticks: 0x200 }))
    expect(clocks.of(0x201)).toBeDefined()
    expect(clocks.of(0x201)).not.toBe(clocks.of(0x101))
    expect(clocks.of(0x200)).toBe(clocks.of(0x201))
    // What is of neither.
    expect(new Set([0x101, 0x201, 0x301].map((pid) => clocks.of(pid))).size).toBe(3)
  })

  it('are one of programmes that go by the same', () => {
    const tables = [
      programs(tableId, tableId2),
      programOf(first),
      programOf(second, { pid: tableId2, of: 2, ticks: 0x100 }),
    ]
    const clocks = reading(...tables)
    expect(clocks.of(0x201)).toBe(clocks.of(0x101))
  })

  it('stay those they were where one programme is left', () => {
    const tables = [
      programs(tableId, tableId2),
      programOf(first),
      programOf(second, { pid: tableId2, of: 2, ticks: 0x200 }),
    ]
    const clocks = reading(...tables)
    const clock = clocks.of(0x101)
    expect(clocks.of(0x201)).not.toBe(clock)
    read(clocks, programs(tableId))
    expect(clocks.of(0x101)).toBe(clock)
  })
})
