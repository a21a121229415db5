import { describe, expect, it } from 'vitest'
import { int16ToMulaw } from '../../../src/audio/mulaw.ts'
import { LevelHistory } from '../../../src/transforms/channels/level-history.ts'

/** 50 ms of one value at 8 kHz. */
const frame = (value: number): Buffer => Buffer.from(new Int16Array(400).fill(value).buffer)

describe('LevelHistory', () => {
  it('tells how loud each channel was at a time, parts of frames weighed', () => {
    const levels = new LevelHistory(2, 50, 1000, 's16le')
    levels.add([frame(0), frame(16_384)])
    levels.add([frame(8192), frame(0)])
    expect(levels.level(0, 50, 100)).toBeCloseTo(0.25)
    expect(levels.level(1, 0, 50)).toBeCloseTo(0.5)
    expect(levels.level(1, 0, 100)).toBeCloseTo(0.5 / Math.SQRT2)
    expect(levels.level(1, 40, 60)).toBeCloseTo(0.5 / Math.SQRT2)
    expect(levels.level(0, 60, 60)).toBeCloseTo(0.25)
  })

  it('knows mu-law', () => {
    const levels = new LevelHistory(1, 50, 1000, 'mulaw')
    levels.add([Buffer.alloc(400, int16ToMulaw(-16_384))])
    expect(levels.level(0, 0, 50)).toBeCloseTo(0.5, 1)
  })

  it('forgets what is long past, and does not know what has not come', () => {
    const levels = new LevelHistory(1, 50, 200, 's16le')
    for (let count = 0; count < 10; count++) levels.add([frame(count * 1000)])
    expect(levels.level(0, 0, 50)).toBeUndefined()
    expect(levels.level(0, 200, 260)).toBeUndefined()
    expect(levels.level(0, 300, 350)).toBeCloseTo(6000 / 32_768)
    expect(levels.level(0, 450, 500)).toBeCloseTo(9000 / 32_768)
    expect(levels.level(0, 450, 501)).toBeUndefined()
  })
})
