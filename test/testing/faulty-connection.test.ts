import { Outbox, ReadGate } from '../../src/testing/faulty-connection.ts'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

function outbox(): { box: Outbox; sent: string[]; add: (name: string) => void } {
  const box = new Outbox()
  const sent: string[] = []
  return { box, sent, add: (name) => box.add(() => sent.push(name)) }
}

describe('Outbox', () => {
  it('sends at once', () => {
    const { sent, add } = outbox()
    add('a')
    expect(sent).toEqual(['a'])
  })

  it('sends late and in order', () => {
    const { box, sent, add } = outbox()
    box.delayBy(100)
    add('a')
    vi.advanceTimersByTime(60)
    add('b')
    box.delayBy(0)
    add('c')
    vi.advanceTimersByTime(39)
    expect(sent).toEqual([])
    vi.advanceTimersByTime(1)
    expect(sent).toEqual(['a'])
    vi.advanceTimersByTime(60)
    expect(sent).toEqual(['a', 'b', 'c'])
  })

  it('holds back until it is told to go on', () => {
    const { box, sent, add } = outbox()
    box.hold()
    add('a')
    box.delayBy(50)
    add('b')
    vi.advanceTimersByTime(1000)
    expect(sent).toEqual([])
    box.release()
    expect(sent).toEqual(['a', 'b'])
  })

  it('forgets everything once closed, and leaves no timer', () => {
    const { box, sent, add } = outbox()
    box.delayBy(100)
    add('a')
    box.close()
    add('b')
    box.hold()
    box.release()
    expect(vi.getTimerCount()).toBe(0)
    expect(sent).toEqual([])
  })
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
