import { describe, expect, it } from 'vitest'
import { ProgramClock } from '../../../src/ffmpeg/program/clock.ts'

const second = 90_000
const [picture, sound, other] = [0xe0, 0xc0, 0xc1]

/** A clock, and where it puts packets, in seconds from its first. */
function placing(pictures = [picture]) {
  const clock = new ProgramClock()
  let first: number | undefined
  const at = (id: number, seconds: number): number => {
    const time = Math.round(seconds * second)
    const corrected = time + clock.correct(id, time, pictures.includes(id))
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

  it.each([
    ['far ahead', 30_000],
    ['a little ahead', 3],
    ['back', -20],
  ])('does not believe a lone packet that leaps: %s', (_what, by) => {
    const { clock, run } = placing()
    run(10, 12)
    const [time, next] = [12 + by, 12.04].map((seconds) => seconds * second)
    expect(clock.isDoubtful(sound, time!)).toBe(true)
    expect(clock.believed(sound, time!, next!)).toBe(12 * second)
    expect(clock.isDoubtful(sound, 12 * second)).toBe(false)
  })

  it.each([
    ['after a hole', 5],
    ['of another recording', -1000],
    ['of one that begins a little before', -1.2],
  ])('believes a packet that leaps where the next agrees: %s', (_what, by) => {
    const { clock, run } = placing()
    run(1010, 1012)
    const time = (1012 + by) * second
    expect(clock.isDoubtful(sound, time)).toBe(true)
    expect(clock.believed(sound, time, time + 0.04 * second)).toBe(time)
  })

  it('does not wait to believe a packet of a track that has few', () => {
    const { clock, at, run } = placing()
    run(10, 12)
    at(other, 12)
    expect(clock.isDoubtful(other, 20 * second)).toBe(false)
    at(other, 20)
    expect(clock.isDoubtful(other, 30 * second)).toBe(false)
  })

  describe('goes on in another part, whose tracks have other numbers', () => {
    const [picture2, sound2] = [0xe8, 0xc8]
    const begun = () => {
      const placed = placing([picture, picture2])
      placed.run(10, 12)
      placed.run(12, 13, [picture])
      placed.clock.beginPart()
      return placed
    }

    it('with sound that begins later than that of before has ended', () => {
      const { at } = begun()
      expect(at(sound2, 13.5)).toBe(3.5)
      expect(at(picture2, 13)).toBe(3)
    })

    it('after a hole in the sound alone of more than a minute', () => {
      const { clock, run, at } = begun()
      run(13, 100, [picture])
      clock.beginPart()
      expect(at(sound2, 100)).toBe(90)
      expect(at(picture2, 100)).toBe(90)
    })

    it.each([
      ['earlier', 3],
      ['much later', 5000],
    ])('with another recording: one that begins %s', (_what, start) => {
      const { at } = begun()
      expect(at(sound2, start)).toBeCloseTo(3, 2)
      expect(at(picture2, start + 0.1)).toBeCloseTo(3.1, 2)
    })
  })
})
