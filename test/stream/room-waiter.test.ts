import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { RoomWaiter } from '../../src/stream/replay-buffer.ts'

let room: boolean
let looks: number
let waiter: RoomWaiter

beforeEach(() => {
  vi.useFakeTimers()
  room = false
  looks = 0
  waiter = new RoomWaiter(
    () => room,
    () => (looks += 1),
  )
})
afterEach(() => {
  waiter.stop()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

it('lets a source go on at once where there is room', () => {
  room = true
  expect(waiter.wait()).toBeUndefined()
})

it('lets it go on when there is room, once that is said', async () => {
  const gone = vi.fn<() => void>()
  const waiting = waiter.wait()?.then(gone)
  waiter.look()
  await vi.advanceTimersByTimeAsync(0)
  expect(gone).not.toHaveBeenCalled()
  room = true
  waiter.look()
  await waiting
  expect(gone).toHaveBeenCalledOnce()
})

it('makes room by itself every second while a source waits, and does nothing while none does', async () => {
  const waiting = waiter.wait()
  await vi.advanceTimersByTimeAsync(2500)
  expect(looks).toBe(2)
  room = true
  await vi.advanceTimersByTimeAsync(500)
  await waiting
  expect(looks).toBe(3)
  await vi.advanceTimersByTimeAsync(5000)
  expect(looks).toBe(3)
})
