import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Turn } from '../../src/model.ts'
import { FinalWords } from '../../src/stream/turns/final-words.ts'
import { type FrameReader, ReplayBuffer, type ReplayBufferOptions } from '../../src/stream/replay-buffer.ts'

const silentFrame = Buffer.alloc(4)
const isQuiet = (audio: Buffer): boolean => audio.equals(silentFrame)

const readerAt = (cursor: number, heard = 0): FrameReader => ({
  cursor,
  heard,
  paced: true,
  lagMs: 0,
  skip: () => {},
})

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
function keep(ms: number, options: Partial<ReplayBufferOptions> = {}, frame = Buffer.from('loud')) {
  const finals = new FinalWords(70_000)
  const audio = new ReplayBuffer(
    { frameMs: 50, overlap: 10_000, maxReplay: 60_000, live: false, silentFrame, isQuiet, ...options },
    finals,
  )
  const push = (more: number): void => {
    for (let at = 0; at < more; at += 50) audio.push(frame)
    audio.trim()
  }
  push(ms)
  return { audio, finals, push }
}

function frame(number: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(number)
  return bytes
}

function filled(frames: number): ReplayBuffer {
  const { audio } = keep(0)
  for (let number = 0; number < frames; number += 1) audio.push(frame(number))
  return audio
}

describe('frames', () => {
  it('numbers frames from the first of the stream', () => {
    const buffer = keep(0).audio
    expect([buffer.first, buffer.next, buffer.get(0)]).toEqual([0, 0, undefined])
    buffer.push(frame(7))
    expect([buffer.first, buffer.next, buffer.get(0)?.readUInt32LE()]).toEqual([0, 1, 7])
  })

  it('keeps the numbers when frames are forgotten', () => {
    const buffer = filled(10)
    buffer.dropBefore(4)
    expect([buffer.first, buffer.next]).toEqual([4, 10])
    expect(buffer.get(3)).toBeUndefined()
    expect(buffer.get(4)?.readUInt32LE()).toBe(4)
    expect(buffer.get(9)?.readUInt32LE()).toBe(9)
    expect(buffer.get(10)).toBeUndefined()
  })

  it('forgets no frame twice, and none that has not come', () => {
    const buffer = filled(10)
    buffer.dropBefore(6)
    buffer.dropBefore(2)
    expect(buffer.first).toBe(6)
    buffer.dropBefore(1000)
    expect([buffer.first, buffer.next]).toEqual([10, 10])
    buffer.push(frame(10))
    expect(buffer.get(10)?.readUInt32LE()).toBe(10)
  })

  it('converts between frames and milliseconds', () => {
    const buffer = keep(0).audio
    expect([-10, 0, 49, 50, 1234].map((ms) => buffer.frameAt(ms))).toEqual([0, 0, 0, 1, 24])
    expect([0, 1, 24].map((number) => buffer.msAt(number))).toEqual([0, 50, 1200])
    const fractional = keep(0, { frameMs: 100 / 3 }).audio
    expect([1, 2, 3].map((number) => fractional.msAt(number))).toEqual([33, 67, 100])
  })

  it('is a plain list with a moving start, through compaction and all', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 400 }) }),
      // Relative to the first that is kept; may point before it or past the end.
      fc.record({ drop: fc.integer({ min: -5, max: 500 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const buffer = keep(0).audio
        let pushed = 0
        let first = 0
        for (const each of steps) {
          if ('push' in each) {
            for (let count = 0; count < each.push; count += 1) buffer.push(frame(pushed++))
          } else {
            const before = first + each.drop
            buffer.dropBefore(before)
            first = Math.max(first, Math.min(before, pushed))
          }
          expect([buffer.first, buffer.next]).toEqual([first, pushed])
          const around = Array.from({ length: pushed + 2 }, (_, number) => number)
          expect(around.filter((number) => buffer.get(number) !== undefined)).toEqual(around.slice(first, pushed))
          expect(around.slice(first, pushed).every((number) => buffer.get(number)?.readUInt32LE() === number)).toBe(
            true,
          )
        }
      }),
    )
  })
})

it('copies what may be written to again', () => {
  const chunk = Buffer.from('a')
  const buffer = keep(0).audio
  buffer.push(chunk)
  chunk.write('b')
  buffer.push(chunk)
  expect([buffer.get(0)?.toString(), buffer.get(1)?.toString()]).toEqual(['a', 'b'])
})

describe('while a session is open', () => {
  it('keeps what no final word covers, and the overlap before it', () => {
    const { audio, finals, push } = keep(0)
    const reader = readerAt(800)
    audio.readBy([reader], reader)
    push(40_000)
    expect(audio.first).toBe(0)
    finals.add(final(30_000))
    audio.trim()
    expect(audio.first).toBe(400)
    expect(audio.replayFrom).toBe(400)
  })

  it('never drops what a reader has still to send', () => {
    const { audio, finals, push } = keep(0)
    const behind = readerAt(100)
    const ahead = readerAt(800)
    audio.readBy([ahead, behind], ahead)
    push(40_000)
    finals.add(final(39_000))
    audio.trim()
    expect(audio.first).toBe(100)
  })

  it('takes no more before the first session leads than while none is open', () => {
    const { audio, push } = keep(950)
    audio.readBy([readerAt(0)], undefined)
    expect(audio.hasRoom).toBe(true)
    push(50)
    expect(audio.hasRoom).toBe(false)
  })

  it('holds the source at a second of unsent audio', () => {
    const { audio, push } = keep(0)
    const reader = readerAt(0)
    audio.readBy([reader], reader)
    push(950)
    expect(audio.hasRoom).toBe(true)
    push(50)
    expect(audio.hasRoom).toBe(false)
  })

  it('holds it too where nothing becomes final, until the server has shown that it hears', () => {
    const { audio, push } = keep(0)
    const deaf = readerAt(1500)
    audio.readBy([deaf], deaf)
    push(75_000)
    expect(audio.hasRoom).toBe(false)
    expect(audio.first).toBe(0)
    const hearing = readerAt(1500, 1400)
    audio.readBy([hearing], hearing)
    expect(audio.hasRoom).toBe(true)
    expect(audio.first).toBeGreaterThan(0)
    expect(audio.first).toBeLessThanOrEqual(1400)
  })

  it('keeps what came during an outage until the next session was sent it, however much that is', () => {
    const { audio, push } = keep(0)
    const lost = readerAt(800, 790)
    audio.readBy([lost], lost)
    push(40_000)
    audio.readBy([], undefined)
    push(60_000)
    for (let sent = 0; sent <= 1400; sent += 100) {
      const next = readerAt(sent, sent)
      audio.readBy([next], next)
    }
    expect(audio.first).toBe(0)
    const behind = readerAt(1600, 1500)
    audio.readBy([behind], behind)
    // 80 s of it, and no word: the first 6 s were silence.
    expect(audio.first).toBe(121)
    expect(audio.takeGap()).toBeUndefined()
  })

  it('keeps what a server is still busy with, and the longest turn before it', () => {
    const { audio, push } = keep(150_000)
    const reader = { ...readerAt(3000, 2400), lagMs: 60_000 }
    audio.readBy([reader], reader)
    // It is at 90 s.
    expect(audio.first).toBe((90_000 - 75_000) / 50 + 1)
    push(1000)
    Object.assign(reader, { cursor: 3020, lagMs: 0 })
    audio.trim()
    expect(audio.first).toBeGreaterThan(1500)
  })

  it.each([0, 50, 7000])('goes on through silence of any length where the server is %i ms behind', (lagMs) => {
    const { audio, push } = keep(0)
    let sent = 0
    for (let second = 0; second < 600; second += 1) {
      sent += 20
      const reader = { ...readerAt(sent, sent - 100), lagMs }
      audio.readBy([reader], reader)
      push(1000)
      expect(audio.hasRoom).toBe(true)
    }
    expect((audio.next - audio.first) * 50).toBeLessThanOrEqual(76_000 + lagMs)
    expect(audio.takeGap()).toBeUndefined()
  })
})

describe('sound that is taken for silence', () => {
  /** 100 s from a session that says nothing; `quiet` seconds of them at first are silent. */
  function unanswered(quiet = 0) {
    const { audio, push } = keep(0)
    const reader = { ...readerAt(0) }
    audio.readBy([reader], reader)
    for (let second = 1; second <= 100; second += 1) {
      if (second > quiet) push(1000)
      else for (let count = 0; count < 20; count += 1) audio.push(silentFrame)
      reader.cursor = second * 20
      Object.assign(reader, { heard: reader.cursor })
      audio.trim()
    }
    return { audio, reader }
  }

  it('is a gap where its session is lost without having said anything since', () => {
    const { audio, reader } = unanswered()
    expect(audio.takeGap()).toBeUndefined()
    audio.lose(reader)
    audio.readBy([], undefined)
    expect(audio.first).toBeGreaterThan(400)
    expect(audio.takeGap()).toEqual({ start: 0, end: audio.first * 50 })
    expect(audio.takeGap()).toBeUndefined()
  })

  it('is one only as far as it is sound', () => {
    const { audio, reader } = unanswered(10)
    audio.lose(reader)
    audio.readBy([], undefined)
    expect(audio.takeGap()).toEqual({ start: 10_000, end: audio.first * 50 })
    const silent = unanswered(100)
    silent.audio.lose(silent.reader)
    silent.audio.readBy([], undefined)
    expect(silent.audio.takeGap()).toBeUndefined()
  })

  it('is none where the session said something later, or ended well', () => {
    const { audio, reader } = unanswered()
    audio.answered(reader)
    audio.lose(reader)
    expect(audio.takeGap()).toBeUndefined()
    const well = unanswered().audio
    well.readBy([], undefined)
    expect(well.takeGap()).toBeUndefined()
  })

  it('is none where the session had said something after it heard that, however long before it is dropped', () => {
    const { audio, push } = keep(0)
    const reader = { ...readerAt(0) }
    audio.readBy([reader], reader)
    for (let second = 1; second <= 100; second += 1) {
      push(1000)
      reader.cursor = second * 20
      Object.assign(reader, { heard: reader.cursor })
      if (second === 60) audio.answered(reader)
      audio.trim()
    }
    audio.lose(reader)
    audio.readBy([], undefined)
    expect(audio.first).toBeGreaterThan(400)
    expect(audio.takeGap()).toBeUndefined()
  })

  it('is one with the words that were open in it', () => {
    const { audio, reader } = unanswered()
    audio.openWords({ start: 24_000, end: 100_000 })
    reader.cursor += 60
    Object.assign(reader, { heard: reader.cursor })
    for (let count = 0; count < 60; count += 1) audio.push(Buffer.from('loud'))
    audio.trim()
    audio.lose(reader)
    audio.readBy([], undefined)
    expect(audio.takeGap()).toEqual({ start: 0, end: audio.first * 50 })
    expect(audio.takeGap()).toBeUndefined()
  })

  it('hangs on the next session where that was sent it, too', () => {
    const { audio, reader } = unanswered()
    const next = readerAt(2000, 2000)
    audio.lose(reader, { reader: next, from: 5000 })
    audio.readBy([next], next)
    expect(audio.takeGap()).toEqual({ start: 0, end: 5000 })
    audio.lose(next)
    audio.readBy([], undefined)
    expect(audio.takeGap()).toEqual({ start: 5000, end: audio.first * 50 })
  })
})

describe('a turn that stays open for longer than audio is kept', () => {
  /** 100 s of words from 2 s on, none of them final, and all heard. */
  function endless() {
    const { audio, finals, push } = keep(0)
    const reader = { ...readerAt(0) }
    audio.readBy([reader], reader)
    for (let second = 1; second <= 100; second += 1) {
      push(1000)
      reader.cursor = second * 20
      Object.assign(reader, { heard: reader.cursor })
      if (second > 2) audio.openWords({ start: 2000, end: second * 1000 - 200 })
      audio.trim()
    }
    return { audio, finals }
  }

  it('is a gap, as far as its audio is gone, where the session is lost', () => {
    const { audio } = endless()
    expect(audio.takeGap()).toBeUndefined()
    audio.readBy([], undefined)
    expect(audio.takeGap()).toEqual({ start: 2000, end: audio.first * 50 })
    expect(audio.first).toBeGreaterThan(400)
    expect(audio.takeGap()).toBeUndefined()
  })

  it.each([
    ['became final', true],
    ['was taken back', false],
  ])('is none where it %s', (_how, isFinal) => {
    const { audio, finals } = endless()
    if (isFinal) finals.add(final(99_800))
    audio.openWords(isFinal ? { start: 99_900, end: 100_000 } : undefined)
    audio.readBy([], undefined)
    expect(audio.takeGap()).toBeUndefined()
  })
})

describe('a live source that gives far more than can be caught up with', () => {
  /** A reader that can skip, and has not sent a frame yet. */
  const behind = () => ({
    cursor: 0,
    heard: 0,
    paced: true,
    lagMs: 0,
    skip(to: number) {
      this.cursor = to
    },
  })

  it.each([
    ['is told as a gap where it is sound', Buffer.from('loud'), true],
    ['is not told where it is silence, which the source has told of', silentFrame, false],
  ])('%s, and never piles up', (_name, frame, told) => {
    const { audio, push } = keep(0, { live: true }, frame)
    const reader = behind()
    audio.readBy([reader], reader)
    const gaps: { start: number; end: number }[] = []
    for (let minute = 0; minute < 60; minute += 1) {
      push(60_000)
      const gap = audio.takeGap()
      if (gap) gaps.push(gap)
      expect((audio.next - audio.first) * 50).toBeLessThanOrEqual(146_000)
    }
    const missing = gaps.reduce((sum, { start, end }) => sum + end - start, 0)
    expect(missing > 3_400_000).toBe(told)
  })

  it('is told from the last final word on, not from where a session hears again', () => {
    const { audio, finals, push } = keep(20_000, { live: true })
    finals.add(final(15_000))
    const reader = { ...behind(), cursor: audio.replayFrom }
    audio.readBy([reader], reader)
    push(200_000)
    expect(audio.takeGap()).toEqual({ start: 15_000, end: reader.cursor * 50 })
  })

  it.each([0, 60_000])('is kept, too, as far as the server before was behind: %i ms', (lagMs) => {
    const { audio, push } = keep(0, { live: true })
    const before = { ...readerAt(0), lagMs }
    audio.readBy([before], before)
    audio.readBy([], undefined)
    const reader = behind()
    audio.readBy([reader], reader)
    push(145_000 + lagMs)
    expect(reader.cursor).toBe(0)
    push(1000)
    expect(reader.cursor).toBeGreaterThan(0)
  })

  it('is all kept where it is no more than a replay', () => {
    const { audio, push } = keep(0, { live: true })
    const reader = behind()
    audio.readBy([reader], reader)
    push(145_000)
    expect(reader.cursor).toBe(0)
    expect(audio.takeGap()).toBeUndefined()
  })
})

describe('while none is open', () => {
  it('takes a second before the first session, and as much as is told after it', () => {
    const { audio, push } = keep(950)
    expect(audio.hasRoom).toBe(true)
    push(50)
    expect(audio.hasRoom).toBe(false)
    const reader = readerAt(20)
    audio.readBy([reader], reader)
    audio.readBy([], undefined)
    push(59_950)
    expect(audio.hasRoom).toBe(true)
    push(50)
    expect(audio.hasRoom).toBe(false)
    expect(audio.takeGap()).toBeUndefined()
  })

  it('drops the oldest of a live source beyond that, and says to the millisecond what', () => {
    const { audio, finals, push } = keep(0, { live: true, maxReplay: 5000 })
    const reader = readerAt(400)
    audio.readBy([reader], reader)
    push(20_000)
    finals.add(final(17_000))
    audio.readBy([], undefined)
    push(5000)
    expect(audio.hasRoom).toBe(true)
    expect(audio.takeGap()).toBeUndefined()
    push(2000)
    // What came beyond 5 s is missing from where the last final word ends.
    expect(audio.takeGap()).toEqual({ start: 17_000, end: 19_000 })
    expect(audio.replayFrom).toBe(380)
    expect(audio.takeGap()).toBeUndefined()
  })

  it('drops nothing that a session which is to take over has still to send', () => {
    const { audio, finals, push } = keep(0, { live: true, maxReplay: 5000 })
    const lost = readerAt(400)
    audio.readBy([lost], lost)
    push(20_000)
    finals.add(final(17_000))
    audio.readBy([], undefined)
    push(5000)
    // Its turns wait for voices meanwhile.
    const next = readerAt(audio.replayFrom)
    audio.readBy([next], undefined)
    push(5000)
    expect(audio.first).toBe(next.cursor)
    expect(audio.takeGap()).toBeUndefined()
    audio.readBy([next], next)
    expect(audio.first).toBe(next.cursor)
    expect(audio.takeGap()).toBeUndefined()
  })

  it('tells of it from where the last final word ends at the earliest, since another may lie in its late end', () => {
    const { audio, finals, push } = keep(0, { live: true, maxReplay: 5000 })
    const reader = readerAt(400)
    audio.readBy([reader], reader)
    push(20_000)
    const turn = final(17_000)
    const [word] = turn.words
    const words = [
      { ...word!, start: 15_500, end: 15_900 },
      { ...word!, text: 'yes', start: 16_000 },
    ]
    finals.add({ ...turn, words, start: 15_500 })
    audio.readBy([], undefined)
    push(7000)
    expect(audio.takeGap()).toEqual({ start: 16_200, end: 18_800 })
  })

  it('tells of no gap where only the overlap had to go', () => {
    const { audio, finals, push } = keep(0, { live: true, maxReplay: 5000 })
    const reader = readerAt(400)
    audio.readBy([reader], reader)
    push(20_000)
    finals.add(final(20_000))
    audio.readBy([], undefined)
    push(5000)
    expect(audio.takeGap()).toBeUndefined()
  })
})
