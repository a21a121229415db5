import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { PiecewiseTransform } from '../../src/transforms/piecewise.ts'

/** Cuts into pieces of 10 bytes and counts how many were made. */
class Tens extends PiecewiseTransform {
  made = 0
  failAt = Infinity

  protected override async load(): Promise<void> {}

  protected override *pieces(chunk: Buffer): Iterable<Buffer> {
    for (let at = 0; at < chunk.length; at += 10) {
      this.made++
      if (this.made >= this.failAt) throw new RangeError('no more')
      yield chunk.subarray(at, at + 10)
    }
  }

  protected override *lastPieces(): Iterable<Buffer> {
    for (let i = 0; i < 50; i++) {
      this.made++
      yield Buffer.from('0123456789')
    }
  }
}

describe('PiecewiseTransform', () => {
  it('makes no more pieces of a large chunk than fit, and goes on as they are read', async () => {
    const stage = new Tens({ readableHighWaterMark: 30 })
    // Streams are ready in the next turn at the earliest.
    await nextTurn()
    stage.write(Buffer.alloc(1000))
    stage.read(0)
    expect(stage.made).toBe(3)
    for (let read = 0; read < 100; read++) {
      if (stage.readableLength === 0) await once(stage, 'readable')
      expect(stage.read(10)).toHaveLength(10)
      expect(stage.readableLength).toBeLessThanOrEqual(30)
    }
    expect(stage.made).toBe(100)
    stage.destroy()
  })

  it('holds the end back in the same way', async () => {
    const stage = new Tens({ readableHighWaterMark: 30 })
    stage.end()
    await new Promise(setImmediate)
    expect(stage.made).toBe(3)
    let bytes = 0
    for await (const chunk of stage) bytes += (chunk as Buffer).length
    expect(bytes).toBe(500)
  })

  it.each([7, 10, 30, 35, 64, 100])('never stalls under a slow reader, with chunks of %i bytes', async (size) => {
    const stage = new Tens({ readableHighWaterMark: 30, writableHighWaterMark: 30 })
    let bytes = 0
    const slow = new Writable({
      objectMode: true,
      highWaterMark: 2,
      write(chunk: Buffer, _, done) {
        bytes += chunk.length
        setTimeout(done, 1)
      },
    })
    await pipeline(Readable.from(Array.from({ length: 40 }, () => Buffer.alloc(size))), stage, slow)
    expect(bytes).toBe(40 * size + 500)
  })

  it('gives every byte in order under a slow reader', async () => {
    const input = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251))
    const got: Buffer[] = []
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _, done) {
        got.push(chunk)
        setImmediate(done)
      },
    })
    await pipeline(
      Readable.from([input.subarray(0, 1003), input.subarray(1003, 1004), input.subarray(1004)]),
      new Tens({ readableHighWaterMark: 30, writableHighWaterMark: 30 }),
      slow,
    )
    expect(Buffer.concat(got).subarray(0, 5000).equals(input)).toBe(true)
    expect(Buffer.concat(got).length).toBe(5500)
  })

  it('fails with what a piece throws, also when that comes after a wait', async () => {
    const stage = new Tens({ readableHighWaterMark: 30 })
    stage.failAt = 20
    await expect(
      pipeline(
        Readable.from([Buffer.alloc(1000)]),
        stage,
        new Writable({ write: (_c, _e, done) => setImmediate(done) }),
      ),
    ).rejects.toThrow('no more')
    expect(stage.destroyed).toBe(true)
  })

  it('stops at once when it is destroyed by who reads', async () => {
    const stage = new Tens({ readableHighWaterMark: 30 })
    stage.on('data', () => stage.destroy())
    stage.write(Buffer.alloc(1000))
    await once(stage, 'close')
    expect(stage.made).toBe(1)
  })
})
