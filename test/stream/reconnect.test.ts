import { describe, expect, it } from 'vitest'
import { EngineError, SessionError } from '../../src/errors.ts'
import { rollOverTimes, SessionBudget } from '../../src/stream/reconnect.ts'

const lost = new SessionError('CONNECTION_LOST', 'gone', { retryable: true })
const crowded = new SessionError('TOO_MANY_SESSIONS', 'full', { retryable: true })

const budget = (): SessionBudget =>
  new SessionBudget({ retries: 3, firstRetries: 1, retryDelay: 100, maxRetryDelay: 1000 })

describe('SessionBudget', () => {
  it('is small before anything ever worked', () => {
    const first = budget()
    expect(first.spend(lost)).toMatchObject({ attempt: 1, error: lost })
    expect(() => first.spend(lost)).toThrow(lost)
  })

  it('counts attempts in a row, and begins anew once the stream has come further', () => {
    const spent = budget()
    spent.begun()
    expect([spent.spend(lost), spent.spend(lost), spent.spend(lost)].map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect(() => spent.spend(lost)).toThrow(lost)
    spent.reached(1500, 0)
    expect(spent.spend(lost).attempt).toBe(1)
  })

  it.each([
    ['an error that no attempt can mend', new SessionError('UNAUTHORIZED', 'wrong key')],
    ['an error of the engine', new EngineError('ENGINE_UNAVAILABLE', 'missing', { retryable: true })],
    ['anything else', new TypeError('a mistake')],
  ])('is not spent on %s', (_name, error) => {
    const whole = budget()
    whole.begun()
    expect(() => whole.spend(error)).toThrow(error)
    expect(whole.spend(lost).attempt).toBe(1)
  })

  it('is spent once on credentials that are refused for a reason that may not hold, until a session has begun', () => {
    const refused = new SessionError('UNAUTHORIZED', 'Incorrect padding', { retryable: true })
    const whole = budget()
    expect(whole.spend(refused).attempt).toBe(1)
    expect(() => whole.spend(refused)).toThrow(refused)
    whole.begun()
    expect(whole.spend(refused).attempt).toBe(2)
    expect(() => whole.spend(refused)).toThrow(refused)
  })

  it('is not spent on a session that was closed because nobody took its turns, and does not end with it', () => {
    const whole = budget()
    whole.begun()
    const held = new SessionError('OUTPUT_STALLED', 'nobody takes the turns', { retryable: true })
    for (let count = 0; count < 10; count += 1) expect(whole.spend(held)).toEqual({ attempt: 1, delay: 0, error: held })
    expect([whole.spend(lost), whole.spend(lost), whole.spend(lost)].map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  })

  it('waits at least two seconds where there were too many sessions', () => {
    const full = budget()
    expect(full.spend(crowded).delay).toBeGreaterThanOrEqual(2000)
  })

  it('is refilled by new final words and by new audio, not by time, nor by what was there before', () => {
    const after = budget()
    after.begun()
    after.reached(5000, 8000)
    after.spend(lost)
    for (const [final, sent] of [
      [5000, 8000],
      [5900, 8000],
      [5000, 37_000],
    ] as const) {
      after.reached(final, sent)
    }
    expect(after.spend(lost).attempt).toBe(2)
    after.reached(6000, 8000)
    expect(after.spend(lost).attempt).toBe(1)
    after.reached(6000, 38_000)
    expect(after.spend(lost).attempt).toBe(1)
    after.reached(6000, 38_000)
    expect(after.spend(lost).attempt).toBe(2)
  })

  it('ends a finite stream whatever a server does', () => {
    const bounded = budget()
    bounded.begun()
    let sessions = 0
    // Each session makes one word more final, of an hour of audio.
    expect(() => {
      for (let final = 0; ; final = Math.min(final + 1, 3_600_000)) {
        bounded.reached(final, 3_600_000)
        bounded.spend(lost)
        sessions += 1
      }
    }).toThrow(lost)
    expect(sessions).toBe(3)
  })
})

describe('planned changes of session', () => {
  it('need new audio from the session that is replaced', () => {
    expect(budget().mayPlan(2900, 100_000)).toBe(false)
    expect(budget().mayPlan(3000, 100_000)).toBe(true)
  })

  it('become as rare as the audio that earns them', () => {
    const storm = budget()
    let planned = 0
    // A tenth of a second at a time, an hour of audio in all.
    for (let sent = 0, last = 0; sent < 3_600_000; sent += 100) {
      if (!storm.mayPlan(sent - last, sent)) continue
      storm.plan(sent)
      last = sent
      planned += 1
    }
    expect(planned).toBeGreaterThan(300)
    expect(planned).toBeLessThanOrEqual(10 + 360)
  })
})

describe('sessions that end at their time limit', () => {
  const expired = new SessionError('SESSION_EXPIRED', 'over', { retryable: true })

  it('are an error where three in a row did not bring the stream further', () => {
    const short = budget()
    short.expired(expired, false)
    short.expired(expired, false)
    expect(() => short.expired(expired, false)).toThrow(
      expect.objectContaining({ code: 'SESSION_TOO_SHORT', retryable: false, cause: expired }),
    )
  })

  it('are none as long as some do', () => {
    const short = budget()
    expect(() => {
      for (let session = 0; session < 100; session += 1) short.expired(expired, session % 3 === 2)
    }).not.toThrow()
  })
})

const HOUR = 3_600_000

describe('rollOverTimes()', () => {
  it('lie as long before the expiry as is asked, with the deadline in between', () => {
    const times = { start: 5 + 3 * HOUR - 300_000, deadline: 5 + 3 * HOUR - 75_000 }
    expect(rollOverTimes(3 * HOUR, 5, 300_000)).toEqual(times)
  })

  it('take a quarter of a short life', () => {
    expect(rollOverTimes(60_000, 0, 300_000)).toEqual({ start: 45_000, deadline: 56_250 })
  })

  it('never come where the expiry is not known', () => {
    expect(rollOverTimes(undefined, 0, 300_000)).toEqual({ start: Infinity, deadline: Infinity })
  })
})
