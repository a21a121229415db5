import { describe, expect, it } from 'vitest'
import { splitTurn } from '../../src/engine/chunks.ts'
import { mfcc } from '../../src/engine/mfcc.ts'
import { join16, silence } from '../helpers/flite.ts'
import { speechOf, voice } from './signals.ts'

const low = [300, 1200] as const
const high = [900, 2800] as const

const split = (...parts: Int16Array[]): { start: number; end: number }[] => {
  const samples = join16(parts)
  const speech = speechOf(samples).map((probability) => probability > 0.5)
  return splitTurn(mfcc(samples), speech).map(({ start, end }) => ({ start, end }))
}

describe('splitTurn', () => {
  it('cuts at a pause, whoever speaks', () => {
    expect(split(voice(low, 1500), silence(300), voice(low, 1500, 2))).toEqual([
      { start: 0, end: 150 },
      { start: 180, end: 330 },
    ])
  })

  it('separates two voices at the pause between them', () => {
    expect(split(voice(low, 1500), silence(300), voice(high, 1500))).toEqual([
      { start: 0, end: 150 },
      { start: 180, end: 330 },
    ])
  })

  it('separates two voices without a pause, to a tenth of a second', () => {
    const chunks = split(voice(low, 2000), voice(high, 2000))
    expect(chunks).toHaveLength(2)
    expect(Math.abs(chunks[0]!.end - 200)).toBeLessThanOrEqual(10)
  })

  it('finds three voices in a row', () => {
    expect(split(voice(low, 1800), voice(high, 1800), voice(low, 1800, 3))).toHaveLength(3)
  })

  it('glues what is too short to judge to the nearer neighbour', () => {
    const chunks = split(voice(low, 1500), silence(500), voice(high, 300), silence(150), voice(low, 1500, 2))
    expect(chunks.every(({ start, end }) => end - start >= 50)).toBe(true)
  })

  it('gives nothing for silence and one chunk for a single short sound', () => {
    expect(split(silence(1000))).toEqual([])
    expect(split(voice(low, 200), silence(500))).toEqual([{ start: 0, end: 20 }])
  })
})
