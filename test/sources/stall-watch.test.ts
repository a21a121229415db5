import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { StallWatch } from '../../src/sources/stall-watch.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function watch(awaited: () => boolean) {
  const stalled: number[] = []
  const now = () => Date.now()
  const made = new StallWatch({ now, limit: () => 1000, awaited, stalled: (limit) => stalled.push(limit) })
  made.touch()
  made.start()
  return { made, stalled }
}

it('tells once when nothing has come for the limit', async () => {
  const { made, stalled } = watch(() => true)
  await vi.advanceTimersByTimeAsync(900)
  made.touch()
  await vi.advanceTimersByTimeAsync(990)
  expect(stalled).toEqual([])
  await vi.advanceTimersByTimeAsync(5000)
  expect(stalled).toEqual([1000])
  expect(vi.getTimerCount()).toBe(0)
})

it('waits as long as nothing is awaited, and leaves no timer when stopped', async () => {
  let wanted = false
  const { made, stalled } = watch(() => wanted)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(stalled).toEqual([])
  made.touch()
  wanted = true
  await vi.advanceTimersByTimeAsync(900)
  made.stop()
  await vi.advanceTimersByTimeAsync(5000)
  expect([stalled, vi.getTimerCount()]).toEqual([[], 0])
})
