import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SessionError } from '../../src/errors.ts'
import { SessionRate } from '../../src/server/connection.ts'
import { type MeterUse, SessionMeter, type Ticket, useMeter } from '../../src/stream/session-meter.ts'
import { runs } from '../helpers/runs.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const crowded = new SessionError('TOO_MANY_SESSIONS', 'full', { retryable: true })
const lost = new SessionError('CONNECT_FAILED', 'refused', { retryable: true })
const none = (): void => {}

/** So many openings; the first has waited longest. */
function ask(use: MeterUse, count: number, again = true): Ticket[] {
  return Array.from({ length: count }, (_, index) => use.request({ since: index, again, delay: 0, settled: none }))
}

const admitted = (tickets: readonly Ticket[]): number => tickets.filter((ticket) => ticket.admitted).length

/** Has the server take `limit` sessions and refuse the next one. */
function learn(use: MeterUse, limit: number): void {
  const tickets = ask(use, limit + 1)
  for (let index = 0; index < limit; index += 1) tickets[index]!.begun()
  tickets[limit]!.leave(crowded)
}

describe('SessionMeter', () => {
  it('opens a few at once, and more as they succeed', async () => {
    const use = new SessionMeter().use({ live: true })
    const tickets = ask(use, 100)
    expect(admitted(tickets)).toBe(5)
    for (let index = 0; index < 5; index += 1) tickets[index]!.begun()
    expect(admitted(tickets)).toBe(5 + 5 + 2)
    // What failed for other reasons makes room as well.
    tickets[5]!.leave(lost)
    await vi.advanceTimersByTimeAsync(1)
    expect(admitted(tickets)).toBe(13)
  })

  it('learns from a refusal what the server takes, and lets the others wait until it does', async () => {
    const use = new SessionMeter().use({ live: true })
    learn(use, 4)
    await vi.advanceTimersByTimeAsync(2000)
    const tickets = ask(use, 10)
    expect([admitted(tickets), tickets[9]!.ahead, tickets[0]!.perMinute]).toEqual([0, 9, 4])
    await vi.advanceTimersByTimeAsync(57_999)
    expect(admitted(tickets)).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(tickets.map((ticket) => ticket.admitted)).toEqual([...Array(4).fill(true), ...Array(6).fill(false)])
  })

  it('goes on after a pause that grows where nothing of its own had begun', async () => {
    const use = new SessionMeter().use({ live: true })
    let waited: number[] = []
    for (let round = 0; round < 7; round += 1) {
      const [ticket] = ask(use, 1) as [Ticket]
      let seconds = 0
      for (; !ticket.admitted; seconds += 1) await vi.advanceTimersByTimeAsync(1000)
      waited = [...waited, seconds]
      ticket.leave(crowded)
    }
    expect(waited).toEqual([0, 2, 4, 8, 16, 30, 30])
  })

  it('waits as long as the server says', async () => {
    const use = new SessionMeter().use({ live: true })
    const busy = new SessionError('CONNECT_FAILED', 'busy', { retryable: true, httpStatus: 429, retryAfter: 30_000 })
    ask(use, 1)[0]!.leave(busy)
    const [ticket] = ask(use, 1) as [Ticket]
    await vi.advanceTimersByTimeAsync(29_999)
    expect(ticket.admitted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(ticket.admitted).toBe(true)
  })

  it('tries a tenth more every other minute, and keeps it where that succeeds', async () => {
    const use = new SessionMeter().use({ live: true })
    learn(use, 20)
    const tickets = ask(use, 100)
    const begin = (): number => {
      let count = 0
      for (const ticket of tickets.filter((each) => each.admitted && !begun.has(each))) {
        begun.add(ticket)
        ticket.begun()
        count += 1
      }
      return count
    }
    const begun = new Set<Ticket>()
    const perMinute: number[] = []
    await vi.advanceTimersByTimeAsync(59_000)
    for (let minute = 0; minute < 4; minute += 1) {
      let count = 0
      for (let second = 0; second < 60; second += 1) {
        await vi.advanceTimersByTimeAsync(1000)
        count += begin()
      }
      perMinute.push(count)
    }
    expect(perMinute).toEqual([20, 22, 24, 26])
  })

  it('keeps to what the user says, the least of all', () => {
    const meter = new SessionMeter()
    const use = meter.use({ live: true, perMinute: 3 })
    meter.use({ live: true, perMinute: 10 })
    const tickets = ask(use, 10)
    expect(admitted(tickets)).toBe(3)
    use.release()
    expect(admitted(tickets)).toBe(5)
  })

  it('lets live streams go first, of each kind who has waited longest', async () => {
    const meter = new SessionMeter()
    const live = meter.use({ live: true })
    const finished = meter.use({ live: false })
    learn(live, 1)
    const order: string[] = []
    const request = (use: MeterUse, since: number, name: string): Ticket => {
      const settled = (): void => {
        order.push(name)
        setTimeout(() => ticket.begun(), 10)
      }
      const ticket: Ticket = use.request({ since, again: true, delay: 0, settled })
      return ticket
    }
    request(finished, 1, 'finished 1')
    request(live, 3, 'live 3')
    request(finished, 0, 'finished 0')
    request(live, 2, 'live 2')
    await vi.advanceTimersByTimeAsync(10 * 60_000)
    expect(order).toEqual(['live 2', 'live 3', 'finished 0', 'finished 1'])
  })

  it('lets a stream that can wait go second also where it asks first', async () => {
    const meter = new SessionMeter()
    const finished = meter.use({ live: false })
    const [alone] = ask(finished, 1) as [Ticket]
    expect(alone.admitted).toBe(true)
    const live = meter.use({ live: true })
    const [second] = ask(finished, 1) as [Ticket]
    const [first] = ask(live, 1) as [Ticket]
    // One that never had a session has lost nothing.
    const [fresh] = ask(finished, 1, false) as [Ticket]
    expect([first.admitted, second.admitted, fresh.admitted]).toEqual([true, false, true])
    await vi.advanceTimersByTimeAsync(2000)
    expect(second.admitted).toBe(true)
  })

  it('keeps a place for a live stream that is not to be tried yet, but not from another live one', async () => {
    const meter = new SessionMeter()
    const live = meter.use({ live: true, perMinute: 1 })
    const finished = meter.use({ live: false })
    const later = live.request({ since: 0, again: true, delay: 30_000, settled: none })
    const [canWait] = ask(finished, 1) as [Ticket]
    await vi.advanceTimersByTimeAsync(29_999)
    expect([later.admitted, canWait.admitted]).toEqual([false, false])
    await vi.advanceTimersByTimeAsync(1)
    expect([later.admitted, canWait.admitted]).toEqual([true, false])
    later.leave(lost)
    const again = live.request({ since: 0, again: true, delay: 30_000, settled: none })
    const now = live.request({ since: 1, again: true, delay: 0, settled: none })
    expect([again.admitted, now.admitted, canWait.admitted]).toEqual([false, true, false])
  })

  it('gives up where no stream got a session for five minutes, and says why', async () => {
    const use = new SessionMeter().use({ live: true, perMinute: 1 })
    learn(use, 0)
    const told = vi.fn<() => void>()
    const tickets = Array.from({ length: 3 }, (_, since) =>
      use.request({ since, again: true, delay: 0, settled: told }),
    )
    await vi.advanceTimersByTimeAsync(2000)
    expect(admitted(tickets)).toBe(1)
    tickets[0]!.begun()
    await vi.advanceTimersByTimeAsync(60_000)
    // It hangs, and so does everybody behind it.
    expect(admitted(tickets)).toBe(2)
    await vi.advanceTimersByTimeAsync(4 * 60_000)
    expect(tickets[2]!.error).toMatchObject({
      code: 'TOO_MANY_SESSIONS',
      retryable: true,
      message: expect.stringMatching(/for 300 s no other got one either\. The last attempt: full$/),
      cause: crowded,
    })
    expect(told).toHaveBeenCalledTimes(3)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('forgets who does not want to wait any more, and has no timer where nobody waits', async () => {
    const use = new SessionMeter().use({ live: true })
    learn(use, 1)
    const [one, other] = ask(use, 2) as [Ticket, Ticket]
    expect(vi.getTimerCount()).toBe(1)
    one.leave()
    expect([other.ahead, vi.getTimerCount()]).toEqual([0, 1])
    other.leave()
    expect(vi.getTimerCount()).toBe(0)
    // One that was let in and is not wanted makes room.
    const [gone] = ask(use, 1) as [Ticket]
    await vi.advanceTimersByTimeAsync(60_000)
    expect(gone.admitted).toBe(true)
    const [next] = ask(use, 1) as [Ticket]
    expect(next.admitted).toBe(false)
    gone.leave()
    expect(next.admitted).toBe(true)
  })

  it('takes no more than ten thousand', () => {
    const use = new SessionMeter().use({ live: true, perMinute: 1 })
    ask(use, 10_001)
    const [turnedAway] = ask(use, 1) as [Ticket]
    expect(turnedAway.error).toMatchObject({ code: 'TOO_MANY_SESSIONS', retryable: true })
  })

  it('brings everybody in, whatever the limit, with few refusals and none that loses its turn', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.record({ live: fc.boolean(), at: fc.nat(3000), takes: fc.integer({ min: 5, max: 1500 }) }), {
          minLength: 1,
          maxLength: 80,
        }),
        async (limit, streams) => {
          const rate = new SessionRate(limit)
          const meter = new SessionMeter()
          let refusals = 0
          let open = 0
          for (const { live, at, takes } of streams) {
            const use = meter.use({ live })
            const attempt = (): void => {
              const settled = (): void => {
                setTimeout(() => {
                  if (rate.admit(performance.now())) {
                    setTimeout(() => {
                      ticket.begun()
                      use.release()
                      open += 1
                    }, takes / 2)
                    return
                  }
                  refusals += 1
                  ticket.leave(crowded)
                  setTimeout(attempt, 2000)
                }, takes / 2)
              }
              const ticket: Ticket = use.request({ since: at, again: true, delay: 0, settled })
            }
            setTimeout(attempt, at)
          }
          const minutes = Math.ceil(streams.length / limit) + 2
          await vi.advanceTimersByTimeAsync((minutes * 1.5 + 1) * 60_000)
          expect(open).toBe(streams.length)
          // At first as many as were under way at once; then those that try the limit out, every other minute.
          expect(refusals).toBeLessThanOrEqual(5 + limit / 2 + (minutes / 2) * (1 + limit / 10) + 2)
          expect([meter.unused, vi.getTimerCount()]).toEqual([true, 0])
        },
      ),
      { numRuns: runs(30) },
    )
  })
})

describe('useMeter', () => {
  it('is one for all streams of a server and account, for as long as there are any', () => {
    const first = useMeter('host', 'key', { live: true, perMinute: 1 })
    const second = useMeter('host', 'key', { live: true })
    const others = [useMeter('host', 'other key', { live: true }), useMeter('other host', 'key', { live: true })]
    expect(ask(first, 1)[0]!.admitted).toBe(true)
    expect(ask(second, 1)[0]!.admitted).toBe(false)
    for (const other of others) expect(ask(other, 2).every((ticket) => ticket.admitted)).toBe(true)
    for (const use of [first, second, ...others]) use.release()
    first.release()
    const anew = useMeter('host', 'key', { live: true })
    expect(ask(anew, 5).every((ticket) => ticket.admitted)).toBe(true)
    anew.release()
  })
})
