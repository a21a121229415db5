import { describe, expect, it } from 'vitest'
import { clockCorrector, ProgramClock } from '../../../src/ffmpeg/program/clock.ts'

const second = 90_000
const [picture, sound, other] = [0xe0, 0xc0, 0xc1]

/** A clock, and where it puts packets, in seconds from its first. */
function placing() {
  const clock = new ProgramClock()
  let first: number | undefined
  const at = (id: number, seconds: number): number => {
    const time = Math.round(seconds * second)
    const corrected = time + clock.correct(id, time, id === picture)
    first ??= corrected
    const lap = 2 ** 33
    return Math.round(((((corrected - first + second) % lap) + lap) % lap) / 90 - 1000) / 1000
  }
  /** Pictures of 40 ms and sound of 24 ms, from one time to another; says where the last picture was put. */
  const run = (from: number, to: number, ids = [picture, sound]): number => {
    let last = 0
    for (let time = from; time < to - 1e-6; time += 0.04) for (const id of ids) last = at(id, time)
    return last
  }
  return { clock, at, run }
}

describe('ProgramClock', () => {
  it('changes nothing of times that run on, whatever they begin with', () => {
    const { run, at } = placing()
    expect(run(1.4, 100)).toBeCloseTo(98.56, 2)
    expect(at(picture, 100)).toBeCloseTo(98.6, 2)
    expect(at(picture, 99.9)).toBeCloseTo(98.5, 2)
  })

  it('goes on where the times begin again after 26.5 hours', () => {
    const { run, at } = placing()
    const lap = 2 ** 33 / second
    run(lap - 5, lap)
    expect(at(picture, 0)).toBeCloseTo(5, 2)
    expect(at(sound, 0.024)).toBeCloseTo(5.024, 2)
  })

  it('keeps a hole in the sound while the picture goes on', () => {
    const { run, at } = placing()
    run(10, 12)
    run(12, 42, [picture])
    expect(at(sound, 42)).toBe(32)
  })

  it('keeps an outage of all tracks of less than a minute', () => {
    const { run, at } = placing()
    run(10, 12)
    expect(at(picture, 57)).toBe(47)
    expect(at(sound, 57)).toBe(47)
  })

  it.each([
    ['earlier', 3],
    ['much later', 5000],
  ])('puts a recording behind another: one that begins %s', (_what, start) => {
    const { run, at } = placing()
    run(10, 12)
    expect(at(picture, start)).toBeCloseTo(2, 2)
    expect(at(sound, start + 0.3)).toBeCloseTo(2.3, 2)
    expect(run(start + 0.04, start + 4)).toBeCloseTo(5.96, 2)
    expect(at(picture, start)).toBeCloseTo(6, 2)
  })

  it('lets tracks leap one after the other, whose packets of before still come', () => {
    const { run, at } = placing()
    run(10, 12)
    expect(at(picture, 500)).toBeCloseTo(2, 2)
    expect(at(sound, 12)).toBeCloseTo(2, 2)
    expect(at(picture, 500.04)).toBeCloseTo(2.04, 2)
    expect(at(sound, 500.1)).toBeCloseTo(2.1, 2)
  })

  it('puts a recording without a picture so far back that it is known to begin anew', () => {
    const { run, at } = placing()
    run(10, 15, [sound])
    expect(at(sound, 500)).toBeLessThan(2.5)
  })

  it('knows a track that comes later by the others', () => {
    const { run, at } = placing()
    run(10, 12)
    expect(at(other, 12.1)).toBeCloseTo(2.1, 2)
  })
})

describe('clockCorrector', () => {
  it('is for transport and program streams only', () => {
    for (const head of [Buffer.alloc(0), Buffer.alloc(1000), Buffer.from('GGGG'.repeat(10))]) {
      expect(clockCorrector(head)).toBeUndefined()
    }
    const packets = Buffer.concat(
      Array.from({ length: 5 }, () => Buffer.concat([Buffer.from([0x47]), Buffer.alloc(187)])),
    )
    expect(clockCorrector(packets)).toBeDefined()
  })

  it('gives every byte back, in order, of whatever is no packet', () => {
    const packet = Buffer.concat([Buffer.from([0x47]), Buffer.alloc(187, 3)])
    const noise = Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919) % 251))
    const pack = Buffer.from('000001ba21000100018000010000', 'hex')
    for (const input of [
      Buffer.concat([...Array<Buffer>(8).fill(packet), noise, packet, packet, packet, noise]),
      Buffer.concat([pack, noise, pack, noise]),
    ]) {
      for (const size of [1, 100, 188, 5000, 100_000]) {
        const corrector = clockCorrector(input)!
        const parts: Buffer[] = []
        for (let at = 0; at < input.length; at += size) parts.push(corrector.push(input.subarray(at, at + size)))
        parts.push(corrector.end())
        expect(Buffer.concat(parts).equals(input)).toBe(true)
      }
    }
  })
})
