import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Waiter } from '../../src/stream/waiter.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('Waiter', () => {
  it('resolves at once where the condition holds already, and leaves nothing behind', async () => {
    const state = new Waiter()
    const condition = vi.fn<() => boolean>(() => true)
    expect(await state.until(condition, 1000)).toBe(true)
    state.changed()
    expect(condition).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('looks again only when something has changed', async () => {
    const state = new Waiter()
    let ready = false
    const waiting = state.until(() => ready)
    const settled = vi.fn<() => void>()
    void waiting.then(settled)
    ready = true
    await vi.advanceTimersByTimeAsync(60_000)
    expect(settled).not.toHaveBeenCalled()
    state.changed()
    expect(await waiting).toBe(true)
  })

  it('clears its timer and forgets the condition once that holds', async () => {
    const state = new Waiter()
    let ready = false
    const condition = vi.fn<() => boolean>(() => ready)
    const waiting = state.until(condition, 5000)
    expect(vi.getTimerCount()).toBe(1)
    state.changed()
    ready = true
    state.changed()
    expect(await waiting).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
    const looks = condition.mock.calls.length
    state.changed()
    expect(condition).toHaveBeenCalledTimes(looks)
  })

  it('gives up after its time and then looks no more', async () => {
    const state = new Waiter()
    const condition = vi.fn<() => boolean>(() => false)
    const waiting = state.until(condition, 5000)
    await vi.advanceTimersByTimeAsync(4999)
    const settled = vi.fn<() => void>()
    void waiting.then(settled)
    await vi.advanceTimersByTimeAsync(0)
    expect(settled).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(await waiting).toBe(false)
    const looks = condition.mock.calls.length
    state.changed()
    expect(condition).toHaveBeenCalledTimes(looks)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('takes a time that has passed, and one longer than a timer can be', async () => {
    const state = new Waiter()
    const past = state.until(() => false, -1000)
    await vi.advanceTimersByTimeAsync(1)
    expect(await past).toBe(false)

    const settled = vi.fn<() => void>()
    let ready = false
    const far = state.until(() => ready, 1e15)
    void far.then(settled)
    await vi.advanceTimersByTimeAsync(1000)
    expect(settled).not.toHaveBeenCalled()
    ready = true
    state.changed()
    expect(await far).toBe(true)
  })

  it('serves many that wait, each by its own condition', async () => {
    const state = new Waiter()
    let level = 0
    const results: string[] = []
    const waits = [1, 2, 3].map((wanted) =>
      state.until(() => level >= wanted).then(() => results.push(`${wanted} at ${level}`)),
    )
    for (level = 1; level <= 3; level += 1) {
      state.changed()
      await vi.advanceTimersByTimeAsync(0)
    }
    await Promise.all(waits)
    expect(results).toEqual(['1 at 1', '2 at 2', '3 at 3'])
  })

  it('allows a condition that changes the state itself', async () => {
    const state = new Waiter()
    let first = false
    let second = false
    const one = state.until(() => first)
    const two = state.until(() => second)
    void one.then(() => {
      second = true
      state.changed()
    })
    first = true
    state.changed()
    expect(await Promise.all([one, two])).toEqual([true, true])
  })
})

describe('poll()', () => {
  it('looks every so often until the condition holds, and not after it', async () => {
    const state = new Waiter()
    let [holds, looks] = [false, 0]
    const waiting = state.poll(
      () => holds,
      1000,
      () => (looks += 1),
    )
    await vi.advanceTimersByTimeAsync(2500)
    expect(looks).toBe(2)
    holds = true
    state.changed()
    await waiting
    await vi.advanceTimersByTimeAsync(5000)
    expect(looks).toBe(2)
  })

  it('sees what a look has made true', async () => {
    const state = new Waiter()
    let looks = 0
    const waiting = state.poll(
      () => looks === 3,
      1000,
      () => (looks += 1),
    )
    await vi.advanceTimersByTimeAsync(3000)
    await waiting
    expect(vi.getTimerCount()).toBe(0)
  })
})
