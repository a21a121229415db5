import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Reopening } from '../../src/sources/reopening.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const options = { retries: 3, retryDelay: 1000, maxRetryDelay: 4000 }

describe('Reopening', () => {
  it('waits longer each time, fills meanwhile, and gives up after so many', () => {
    const fill = vi.fn<() => void>()
    const open = vi.fn<() => void>()
    const reopening = new Reopening(options, fill)
    for (const [attempt, longest] of [1000, 2000, 4000].entries()) {
      const wait = reopening.wait(true, open)
      expect(wait?.attempt).toBe(attempt + 1)
      expect(wait?.delay).toBeGreaterThanOrEqual(longest / 2)
      expect(wait?.delay).toBeLessThanOrEqual(longest)
      const filled = fill.mock.calls.length
      vi.advanceTimersByTime(wait?.delay ?? 0)
      expect(open).toHaveBeenCalledTimes(attempt + 1)
      expect(fill.mock.calls.length).toBeGreaterThan(filled)
    }
    expect(reopening.wait(true, open)).toBeUndefined()
    reopening.stop()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('begins anew, and fills no longer, once there is audio', () => {
    const fill = vi.fn<() => void>()
    const reopening = new Reopening(options, fill)
    for (let loss = 0; loss < 5; loss++) {
      const wait = reopening.wait(true, () => reopening.succeeded())
      expect(wait?.attempt).toBe(1)
      vi.advanceTimersByTime(wait?.delay ?? 0)
      expect(vi.getTimerCount()).toBe(0)
    }
  })

  it('fills nothing before there ever was audio', () => {
    const fill = vi.fn<() => void>()
    const reopening = new Reopening(options, fill)
    vi.advanceTimersByTime(reopening.wait(false, () => {})?.delay ?? 0)
    expect(fill).not.toHaveBeenCalled()
  })

  it('waits as long as the server asked for, within its bound', () => {
    const reopening = new Reopening(options, () => {})
    for (const [retryAfter, delay] of [
      [3500, 3500],
      [86_400_000, 4000],
    ]) {
      expect(reopening.wait(false, () => {}, Object.assign(new Error('503'), { retryAfter }))?.delay).toBe(delay)
    }
    reopening.stop()
  })
})
