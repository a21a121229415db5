import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { PeerPatience } from '../../src/session/send-window.ts'

let patience: PeerPatience
let told: string[]

beforeEach(() => {
  vi.useFakeTimers()
  told = []
  patience = new PeerPatience(10_000, {
    congested: () => told.push(`congested at ${Date.now()}`),
    stalled: () => told.push(`stalled at ${Date.now()}`),
  })
  vi.setSystemTime(0)
})

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

it('says nothing of many short waits, however long they are together', () => {
  for (let count = 0; count < 100; count++) {
    patience.begin()
    vi.advanceTimersByTime(2000)
    patience.end()
  }
  patience.stop()
  expect(told).toEqual([])
})

it('tells of one long wait twice, counted from its own beginning', () => {
  patience.begin()
  patience.end()
  vi.advanceTimersByTime(20_000)
  expect(told).toEqual([])
  patience.begin()
  vi.advanceTimersByTime(30_000)
  expect(told).toEqual(['congested at 23000', 'stalled at 30000'])
  patience.stop()
})

it('begins anew after a wait that ended in time', () => {
  patience.begin()
  vi.advanceTimersByTime(9000)
  patience.end()
  patience.begin()
  vi.advanceTimersByTime(9000)
  expect(told).toEqual(['congested at 3000', 'congested at 12000'])
  patience.end()
  patience.stop()
})

it('tells nothing once it is stopped', () => {
  patience.begin()
  patience.stop()
  patience.begin()
  vi.advanceTimersByTime(60_000)
  expect(told).toEqual([])
})
