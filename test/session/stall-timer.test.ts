import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { StallTimer } from '../../src/session/session.ts'

let timer: StallTimer
let told: string[]

beforeEach(() => {
  vi.useFakeTimers()
  told = []
  timer = new StallTimer(
    10_000,
    () => told.push(`congested at ${Date.now()}`),
    () => told.push(`stalled at ${Date.now()}`),
  )
  vi.setSystemTime(0)
})

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

it('says nothing of many short waits, however long they are together', () => {
  for (let count = 0; count < 100; count++) {
    timer.begin()
    vi.advanceTimersByTime(2000)
    timer.end()
  }
  timer.stop()
  expect(told).toEqual([])
})

it('tells of one long wait twice, counted from its own beginning', () => {
  timer.begin()
  timer.end()
  vi.advanceTimersByTime(20_000)
  expect(told).toEqual([])
  timer.begin()
  vi.advanceTimersByTime(30_000)
  expect(told).toEqual(['congested at 23000', 'stalled at 30000'])
  timer.stop()
})

it('begins anew after a wait that ended in time', () => {
  timer.begin()
  vi.advanceTimersByTime(9000)
  timer.end()
  timer.begin()
  vi.advanceTimersByTime(9000)
  expect(told).toEqual(['congested at 3000', 'congested at 12000'])
  timer.end()
  timer.stop()
})

it('tells nothing once it is stopped', () => {
  timer.begin()
  timer.stop()
  timer.begin()
  vi.advanceTimersByTime(60_000)
  expect(told).toEqual([])
})
