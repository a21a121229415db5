import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SendClock, type Scheduled } from '../../src/stream/sender.ts'

const TICK_MS = 5

let clock: SendClock
let woken: [string, number][]

beforeEach(() => {
  vi.useFakeTimers()
  clock = new SendClock()
  woken = []
})
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

function sleeper(name: string, then: () => void = () => {}): Scheduled {
  return {
    due() {
      woken.push([name, performance.now()])
      then()
    },
  }
}

const wake = (one: Scheduled, delay: number): number => clock.schedule(one, delay, performance.now())

describe('a clock of sends', () => {
  it('wakes each once, in time and in order, with one timer', () => {
    const began = performance.now()
    wake(sleeper('late'), 40)
    wake(sleeper('early'), 10)
    wake(sleeper('at the same time'), 9)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(200)
    expect(woken.map(([name, at]) => [name, Math.ceil((at - began) / TICK_MS)])).toEqual([
      ['early', 2],
      ['at the same time', 2],
      ['late', 8],
    ])
  })

  it('is never early and never later than a tick and a timer', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 70 }), fc.double({ min: 0.01, max: 120, noNaN: true }))),
        (calls) => {
          const differences: number[] = []
          for (const [pause, delay] of calls) {
            const due = performance.now() + delay
            wake({ due: () => differences.push(performance.now() - due) }, delay)
            vi.advanceTimersByTime(pause)
          }
          vi.advanceTimersByTime(200)
          expect(differences).toHaveLength(calls.length)
          for (const difference of differences) {
            expect(difference).toBeGreaterThanOrEqual(0)
            expect(difference).toBeLessThanOrEqual(TICK_MS + 1)
          }
        },
      ),
    )
  })

  it('takes who wants to be woken again while it wakes', () => {
    const again = sleeper('again', () => {
      if (woken.length < 4) wake(again, 50)
    })
    const began = performance.now()
    wake(again, 50)
    vi.advanceTimersByTime(1000)
    expect(woken).toHaveLength(4)
    expect(woken.at(-1)![1] - began).toBeLessThanOrEqual(4 * (50 + TICK_MS))
  })

  it('does not wake who has cancelled, before or in the same tick', () => {
    const quiet = sleeper('quiet')
    const tick = wake(quiet, 20)
    wake(sleeper('other'), 20)
    clock.cancel(quiet, tick)
    vi.advanceTimersByTime(100)
    expect(woken.map(([name]) => name)).toEqual(['other'])

    const second = sleeper('second')
    let secondTick = 0
    wake(
      sleeper('first', () => clock.cancel(second, secondTick)),
      20,
    )
    secondTick = wake(second, 20)
    vi.advanceTimersByTime(100)
    expect(woken.map(([name]) => name)).toEqual(['other', 'first'])
  })

  it('wakes the others where one throws', () => {
    wake(
      sleeper('broken', () => {
        throw new Error('broken')
      }),
      20,
    )
    wake(sleeper('at the same time'), 20)
    wake(sleeper('later'), 40)
    expect(() => vi.advanceTimersByTime(30)).toThrow('broken')
    vi.advanceTimersByTime(100)
    expect(woken.map(([name]) => name)).toEqual(['broken', 'at the same time', 'later'])
  })

  it('leaves no timer when the last one cancels, and goes on for the next', () => {
    const one = sleeper('one')
    clock.cancel(one, wake(one, 1000))
    expect(vi.getTimerCount()).toBe(0)
    clock.cancel(one, 17)
    wake(one, 30)
    vi.advanceTimersByTime(100)
    expect(woken).toHaveLength(1)
  })
})
