import { describe, expect, it } from 'vitest'
import { within } from '../src/within.ts'

describe('within', () => {
  it('waits for the work, and passes its failure on', async () => {
    let done = false
    const work = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      done = true
    })
    await within(60_000, work)
    expect(done).toBe(true)
    await expect(within(60_000, Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  })

  it('gives up after the limit', async () => {
    expect(await within(1, new Promise(() => {}))).toBeUndefined()
  })
})
