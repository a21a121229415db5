import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ReadGate } from '../../src/testing/read-gate.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

function gate(): { gate: ReadGate; isRead: () => boolean } {
  let read = true
  const socket = {
    pause: () => {
      read = false
    },
    resume: () => {
      read = true
    },
  }
  return { gate: new ReadGate(socket, (ms, action) => setTimeout(action, ms)), isRead: () => read }
}

describe('ReadGate', () => {
  it('opens when no reason is left', () => {
    const { gate: both, isRead } = gate()
    both.close('session')
    both.close('stopped')
    both.open('session')
    expect(isRead()).toBe(false)
    both.open('stopped')
    expect(isRead()).toBe(true)
  })

  it('lets as much audio through as its limit says', () => {
    const { gate: slow, isRead } = gate()
    slow.spend(1000)
    expect(isRead()).toBe(true)
    slow.limit(2)
    slow.spend(100)
    slow.spend(100)
    vi.advanceTimersByTime(99)
    expect(isRead()).toBe(false)
    vi.advanceTimersByTime(2)
    expect(isRead()).toBe(true)
    // Time that went by unused is not saved up.
    vi.advanceTimersByTime(10_000)
    slow.spend(100)
    expect(isRead()).toBe(false)
    vi.advanceTimersByTime(51)
    expect(isRead()).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })
})
