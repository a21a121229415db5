import { describe, expect, it } from 'vitest'
import type { Feed } from '../../src/stream/sender.ts'
import { FinalWords } from '../../src/stream/joiner.ts'
import { KeptAudio, type KeptAudioOptions } from '../../src/stream/replay-buffer.ts'
import type { Turn } from '../../src/model.ts'

const silentFrame = Buffer.alloc(4)

/** What is asked of a feed. */
const feedAt = (cursor: number, heard = 0): Feed => ({ cursor, heard }) as unknown as Feed

const final = (end: number): Turn => ({
  sessionId: 's',
  order: end,
  revision: 0,
  endOfTurn: true,
  formatted: true,
  transcript: 'w',
  words: [{ text: 'w', start: end - 100, end, confidence: 1, final: true }],
  start: end - 100,
  end,
})

/** Kept audio of 50 ms frames, with `ms` of it there already. */
function keep(ms: number, options: Partial<KeptAudioOptions> = {}, frame = Buffer.from('loud')) {
  const finals = new FinalWords(70_000)
  const audio = new KeptAudio(
    { frameMs: 50, overlap: 10_000, maxReplay: 60_000, live: false, silentFrame, ...options },
    finals,
  )
  const push = (more: number): void => {
    for (let at = 0; at < more; at += 50) audio.frames.push(frame)
    audio.trim()
  }
  push(ms)
  return { audio, finals, push }
}

describe('while a session is open', () => {
  it('keeps what no final word covers, and the overlap before it', () => {
    const { audio, finals, push } = keep(0)
    const feed = feedAt(800)
    audio.readBy([feed], feed)
    push(40_000)
    expect(audio.frames.first).toBe(0)
    finals.add(final(30_000))
    audio.trim()
    expect(audio.frames.first).toBe(400)
    expect(audio.from).toBe(400)
  })

  it('never drops what a feed has still to send', () => {
    const { audio, finals, push } = keep(0)
    const behind = feedAt(100)
    const ahead = feedAt(800)
    audio.readBy([ahead, behind], ahead)
    push(40_000)
    finals.add(final(39_000))
    audio.trim()
    expect(audio.frames.first).toBe(100)
  })

  it('takes no more before the first session leads than while none is open', () => {
    const { audio, push } = keep(950)
    audio.readBy([feedAt(0)], undefined)
    expect(audio.room).toBe(true)
    push(50)
    expect(audio.room).toBe(false)
  })

  it('holds the source at a second of unsent audio', () => {
    const { audio, push } = keep(0)
    const feed = feedAt(0)
    audio.readBy([feed], feed)
    push(950)
    expect(audio.room).toBe(true)
    push(50)
    expect(audio.room).toBe(false)
  })

  it('holds it too where nothing becomes final, until the server has shown that it hears', () => {
    const { audio, push } = keep(0)
    const deaf = feedAt(1500)
    audio.readBy([deaf], deaf)
    push(75_000)
    expect(audio.room).toBe(false)
    expect(audio.frames.first).toBe(0)
    const hearing = feedAt(1500, 1400)
    audio.readBy([hearing], hearing)
    expect(audio.room).toBe(true)
    expect(audio.frames.first).toBeGreaterThan(0)
    expect(audio.frames.first).toBeLessThanOrEqual(1400)
  })

  it('goes on through silence of any length', () => {
    const { audio, push } = keep(0)
    let sent = 0
    for (let second = 0; second < 600; second += 1) {
      sent += 20
      const feed = feedAt(sent, sent - 100)
      audio.readBy([feed], feed)
      push(1000)
      expect(audio.room).toBe(true)
    }
    expect((audio.frames.next - audio.frames.first) * 50).toBeLessThanOrEqual(76_000)
    expect(audio.takeGap()).toBeUndefined()
  })
})

describe('a live source that gives far more than can be caught up with', () => {
  /** A feed that can skip, and has not sent a frame yet. */
  const behind = () => ({
    cursor: 0,
    heard: 0,
    paced: true,
    skip(to: number) {
      this.cursor = to
    },
  })

  it.each([
    ['is told as a gap where it is sound', Buffer.from('loud'), true],
    ['is not told where it is silence, which the source has told of', silentFrame, false],
  ])('%s, and never piles up', (_name, frame, told) => {
    const { audio, push } = keep(0, { live: true }, frame)
    const feed = behind()
    audio.readBy([feed as unknown as Feed], feed as unknown as Feed)
    const gaps: { start: number; end: number }[] = []
    for (let minute = 0; minute < 60; minute += 1) {
      push(60_000)
      const gap = audio.takeGap()
      if (gap) gaps.push(gap)
      expect((audio.frames.next - audio.frames.first) * 50).toBeLessThanOrEqual(146_000)
    }
    const missing = gaps.reduce((sum, { start, end }) => sum + end - start, 0)
    expect(missing > 3_400_000).toBe(told)
  })

  it('is all kept where it is no more than a replay', () => {
    const { audio, push } = keep(0, { live: true })
    const feed = behind()
    audio.readBy([feed as unknown as Feed], feed as unknown as Feed)
    push(145_000)
    expect(feed.cursor).toBe(0)
    expect(audio.takeGap()).toBeUndefined()
  })
})

describe('while none is open', () => {
  it('takes a second before the first session, and as much as is told after it', () => {
    const { audio, push } = keep(950)
    expect(audio.room).toBe(true)
    push(50)
    expect(audio.room).toBe(false)
    const feed = feedAt(20)
    audio.readBy([feed], feed)
    audio.readBy([], undefined)
    push(59_950)
    expect(audio.room).toBe(true)
    push(50)
    expect(audio.room).toBe(false)
    expect(audio.takeGap()).toBeUndefined()
  })

  it('drops the oldest of a live source beyond that, and says to the millisecond what', () => {
    const { audio, finals, push } = keep(0, { live: true, maxReplay: 5000 })
    const feed = feedAt(400)
    audio.readBy([feed], feed)
    push(20_000)
    finals.add(final(17_000))
    audio.readBy([], undefined)
    push(5000)
    expect(audio.room).toBe(true)
    expect(audio.takeGap()).toBeUndefined()
    push(2000)
    // What came beyond 5 s is missing from where the last final word ends.
    expect(audio.takeGap()).toEqual({ start: 17_000, end: 19_000 })
    expect(audio.from).toBe(380)
    expect(audio.takeGap()).toBeUndefined()
  })

  it('tells of no gap where only the overlap had to go', () => {
    const { audio, finals, push } = keep(0, { live: true, maxReplay: 5000 })
    const feed = feedAt(400)
    audio.readBy([feed], feed)
    push(20_000)
    finals.add(final(20_000))
    audio.readBy([], undefined)
    push(5000)
    expect(audio.takeGap()).toBeUndefined()
  })
})
