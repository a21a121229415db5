import { describe, expect, it } from 'vitest'
import { Placer } from '../../src/ffmpeg/placement.ts'

const rate = 16_000
const loud = (): boolean => false
const quiet = (): boolean => true

/** A placer of an input that starts at 10 s, and a function that places packets of 20 ms from `seconds` on. */
function placing(container = 'matroska,webm', longest?: () => number, ahead?: () => number) {
  const limit = longest && {
    get most() {
      return longest()
    },
    get ahead() {
      return ahead?.() ?? Infinity
    },
  }
  const placer = new Placer({ input: { container, start: 10 }, sampleRate: rate, limit })
  const place = (seconds: number, isQuiet = loud, count = 320) =>
    placer.place(Math.round(seconds * rate), count, isQuiet)
  const run = (from: number, to: number, isQuiet = loud) => {
    for (let at = Math.round(from * rate); at < to * rate; at += 320) placer.place(at, 320, isQuiet)
  }
  return { placer, place, run, end: () => placer.position / rate }
}

describe('Placer', () => {
  it('puts the first samples where they are, counted from the start of the input', () => {
    expect(placing().place(12.5)).toEqual({ silence: 2.5 * rate, skip: 0, isGap: false })
    expect(placing().place(9.99)).toEqual({ silence: 0, skip: 160, isGap: false })
  })

  it('leaves packets whose times jitter as they are, without drifting', () => {
    const { place, end } = placing()
    for (let packet = 0; packet < 1000; packet++) {
      expect(place(10 + packet * 0.02 + (packet % 3) * 0.012)).toMatchObject({ silence: 0, skip: 0 })
    }
    expect(end()).toBe(20)
  })

  it('follows a clock that is slower than the samples, by silence of 40 ms and a little', () => {
    const { place, end } = placing()
    for (let packet = 0; packet < 1000; packet++) place(10 + packet * 0.021)
    expect(Math.abs(end() - 21)).toBeLessThan(0.05)
  })

  it('believes the numbers of the frames of FLAC, but not that of the first: it may be a piece of a broadcast', () => {
    const { place, run, end } = placing('flac')
    expect(place(3600)).toEqual({ silence: 0, skip: 0, isGap: false })
    run(3600.02, 3602)
    expect(place(3604.5)).toEqual({ silence: 2.5 * rate, skip: 0, isGap: true })
    run(3604.52, 3605)
    // Numbers have no holes: of a clock that tells of as little nobody would know whether anything is lost.
    expect(place(3605.4)).toEqual({ silence: 0.4 * rate, skip: 0, isGap: true })
    // Another one without a head that was joined to it.
    expect(place(0)).toEqual({ silence: 0, skip: 0, isGap: false })
    expect(end()).toBeCloseTo(5.44, 5)
  })

  it('says how far samples have lain from the clock of their container', () => {
    const { placer, place, run } = placing()
    run(10, 12)
    expect(placer.drift).toBe(0)
    place(12.012)
    expect(placer.drift).toBeCloseTo(12)
    // A clock that goes back is not followed, so that nobody knows where in the file a sample is.
    place(4)
    expect(placer.drift).toBeGreaterThan(1000)
  })

  it('begins where FFmpeg was told to seek, also in a container without a clock', () => {
    for (const container of ['matroska,webm', 'wav']) {
      const placer = new Placer({ input: { container, start: 10 }, sampleRate: rate, from: 60_000 })
      expect(placer.place(70 * rate - 1, 320, loud)).toEqual({ silence: 0, skip: 1, isGap: false })
      expect(placer.place(70 * rate + 319, 320, loud)).toMatchObject({ silence: 0, skip: 0 })
      expect(placer.drift).toBe(0)
      const late = new Placer({ input: { container, start: 10 }, sampleRate: rate, from: 60_000 })
      expect(late.place(71 * rate, 320, loud)).toEqual({ silence: rate, skip: 0, isGap: false })
    }
  })

  it('puts silence where nothing was recorded, and tells of a second and more', () => {
    const { run, place, end } = placing()
    run(10, 12)
    expect(place(12.5)).toEqual({ silence: 0.5 * rate, skip: 0, isGap: false })
    run(12.52, 14)
    expect(place(3614)).toEqual({ silence: 3600 * rate, skip: 0, isGap: true })
    expect(end()).toBeCloseTo(3604.02, 6)
  })

  it('leaves out what comes twice where it is quiet, and never what is loud', () => {
    const { run, end } = placing()
    run(10, 12)
    run(11.5, 12.5)
    expect(end()).toBe(3)
    run(12.5, 14, quiet)
    expect(Math.abs(end() - 4)).toBeLessThan(0.05)
  })

  it('goes on where a clock goes back, also where FFmpeg lets its times stand still', () => {
    const { run, end } = placing()
    run(10, 12)
    run(0, 1)
    expect(end()).toBe(3)
    const still = placing()
    still.run(10, 12)
    for (let packet = 1; packet <= 100; packet++) still.placer.place(Math.round(11.98 * rate) + packet, 320, loud)
    expect(still.end()).toBe(4)
    still.run(12, 13)
    expect(still.end()).toBe(5)
  })

  it('counts the samples of a container without a clock', () => {
    const { place, end } = placing('aac')
    for (let packet = 0; packet < 100; packet++)
      expect(place(17 + packet * 0.0218)).toMatchObject({ silence: 0, skip: 0 })
    expect(end()).toBe(2)
  })

  it('believes a rough clock only where it leaps', () => {
    const { place, end } = placing('pulse')
    for (let packet = 0; packet < 100; packet++) place(10 + packet * 0.022)
    expect(end()).toBe(2)
    expect(place(15)).toMatchObject({ isGap: true })
  })

  it('believes no leap in the first second of an Ogg that is live, which may have been joined in its middle', () => {
    for (const [longest, silence] of [
      [() => 60_000, 0],
      [undefined, 5 * rate - 640],
    ] as const) {
      const { place, run } = placing('ogg', longest)
      place(10)
      place(10.02)
      expect(place(15)).toMatchObject({ silence })
      run(15.02, 17)
      expect(place(18)).toMatchObject({ silence: rate, isGap: true })
    }
  })

  it.each([
    ['what there was silence for', 0, 0.5],
    ['what came faster than time went by', 1500, 2],
  ])('leaves out of a live input whose clock is slow no more than %s', (_what, ahead, most) => {
    const longest = (): number => 5000
    const { run, place } = placing('rtsp', longest, () => ahead)
    run(10, 11)
    expect(place(11.5)).toMatchObject({ silence: 0.5 * rate })
    // Half as fast as its samples come.
    let skipped = 0
    for (let packet = 0; packet < 1000; packet++) skipped += place(11.52 + packet * 0.01, quiet).skip
    expect(skipped / rate).toBe(most)
    const slow = placing('rtsp', longest, () => 0)
    for (let packet = 0; packet < 500; packet++) slow.place(10 + packet * 0.01, quiet)
    expect(slow.end()).toBe(10)
  })

  it('does not believe a leap beyond what can have been missed', () => {
    const { run, place } = placing('rtsp', () => 5000)
    run(10, 11)
    expect(place(15)).toMatchObject({ silence: 4 * rate })
    expect(place(1e9)).toMatchObject({ silence: 0, skip: 0 })
    expect(place(1e9 + 1)).toMatchObject({ silence: 0.98 * rate })
  })

  it('believes no more than 27 hours at once, and a week altogether, and says what it does not', () => {
    const { place } = placing()
    place(10)
    let at = 10.02
    expect(place((at += 28 * 3600))).toMatchObject({ silence: 0, leap: expect.any(Number) })
    let silence = 0
    let refused = 0
    for (let day = 0; day < 20; day++) {
      const placed = place((at += 86_400))
      silence += placed.silence
      if (placed.leap !== undefined) refused += 1
    }
    expect(silence / rate).toBeLessThanOrEqual(7 * 86_400)
    expect(refused).toBe(13)
  })
})
