import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Outbox } from '../../src/testing/outbox.ts'

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
