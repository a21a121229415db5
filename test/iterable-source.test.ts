import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { IterableSource } from '../src/iterable-source.ts'

const closed = (stream: Readable) => new Promise((resolve) => stream.once('close', resolve))

/** Waits for ever after its first value. */
async function* stuck(): AsyncGenerator<number> {
  yield 1
  await new Promise(() => {})
}

describe('IterableSource', () => {
  it('gives every value of arrays, generators and async generators in order', async () => {
    async function* slowly() {
      for (const value of ['a', 'b', 'c']) {
        await new Promise((resolve) => setImmediate(resolve))
        yield value
      }
    }
    expect(await new IterableSource(['a', 'b', 'c']).toArray()).toEqual(['a', 'b', 'c'])
    expect(await new IterableSource(new Set([1, 2])).toArray()).toEqual([1, 2])
    expect(await new IterableSource(slowly()).toArray()).toEqual(['a', 'b', 'c'])
    expect(await new IterableSource([]).toArray()).toEqual([])
  })

  it('asks for no more than is wanted', async () => {
    let made = 0
    function* numbers() {
      for (;;) yield made++
    }
    const source = new IterableSource(numbers())
    source.read()
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(made).toBeLessThan(5)
    source.destroy()
    await closed(source)
  })

  it('closes while its generator waits for something else', async () => {
    const source = new IterableSource(stuck())
    source.resume()
    expect(await new Promise((resolve) => source.once('data', resolve))).toBe(1)
    source.destroy()
    await closed(source)
  })

  it('lets a generator tidy up when the pipeline fails', async () => {
    let tidied = false
    function* numbers() {
      try {
        for (let i = 0; ; i++) yield i
      } finally {
        tidied = true
      }
    }
    const failing = new Writable({
      objectMode: true,
      write(_item, _encoding, done) {
        done(new Error('sink failed'))
      },
    })
    const source = new IterableSource(numbers())
    const end = closed(source)
    await expect(pipeline(source, failing)).rejects.toThrow('sink failed')
    await end
    expect(tidied).toBe(true)
  })

  it('fails with what the generator throws, and where a value is missing', async () => {
    const failing = new IterableSource(
      (function* () {
        yield 1
        throw new RangeError('broken')
      })(),
    )
    await expect(failing.toArray()).rejects.toThrow('broken')
    // `null` would end a stream, as if everything had been given.
    for (const missing of [null, undefined]) {
      await expect(new IterableSource([1, missing, 2]).toArray()).rejects.toMatchObject({
        code: 'INVALID_PIPELINE',
        message: `the source of run() gave ${missing}; it must give bytes or objects, and return at its end`,
      })
    }
  })
})
