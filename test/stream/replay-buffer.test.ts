import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameList, type Frames, FrameSlabs, ReplayBuffer } from '../../src/stream/replay-buffer.ts'

function frame(number: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(number)
  return bytes
}

function filled(store: Frames, frames: number): ReplayBuffer {
  const buffer = new ReplayBuffer(50, store)
  for (let number = 0; number < frames; number += 1) buffer.push(frame(number))
  return buffer
}

describe.each([
  ['the frames themselves', () => new FrameList()],
  ['copies of them', () => new FrameSlabs()],
])('a buffer that keeps %s', (_name, store) => {
  it('numbers frames from the first of the stream', () => {
    const buffer = new ReplayBuffer(50, store())
    expect([buffer.first, buffer.next, buffer.get(0)]).toEqual([0, 0, undefined])
    buffer.push(frame(7))
    expect([buffer.first, buffer.next, buffer.get(0)?.readUInt32LE()]).toEqual([0, 1, 7])
  })

  it('keeps the numbers when frames are forgotten', () => {
    const buffer = filled(store(), 10)
    buffer.dropBefore(4)
    expect([buffer.first, buffer.next]).toEqual([4, 10])
    expect(buffer.get(3)).toBeUndefined()
    expect(buffer.get(4)?.readUInt32LE()).toBe(4)
    expect(buffer.get(9)?.readUInt32LE()).toBe(9)
    expect(buffer.get(10)).toBeUndefined()
  })

  it('forgets no frame twice, and none that has not come', () => {
    const buffer = filled(store(), 10)
    buffer.dropBefore(6)
    buffer.dropBefore(2)
    expect(buffer.first).toBe(6)
    buffer.dropBefore(1000)
    expect([buffer.first, buffer.next]).toEqual([10, 10])
    buffer.push(frame(10))
    expect(buffer.get(10)?.readUInt32LE()).toBe(10)
  })

  it('converts between frames and milliseconds', () => {
    const buffer = new ReplayBuffer(50)
    expect([-10, 0, 49, 50, 1234].map((ms) => buffer.frameAt(ms))).toEqual([0, 0, 0, 1, 24])
    expect([0, 1, 24].map((number) => buffer.msAt(number))).toEqual([0, 50, 1200])
    const fractional = new ReplayBuffer(100 / 3)
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
        const buffer = new ReplayBuffer(20, store())
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
  const buffer = new ReplayBuffer(50, new FrameSlabs())
  buffer.push(chunk)
  chunk.write('b')
  buffer.push(chunk)
  expect([buffer.get(0)?.toString(), buffer.get(1)?.toString()]).toEqual(['a', 'b'])
})
