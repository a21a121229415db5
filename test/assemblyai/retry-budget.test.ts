import { afterEach, describe, expect, it, vi } from 'vitest'
import { RetryBudget } from '../../src/assemblyai/retry-budget.ts'
import { EngineError, SessionError } from '../../src/errors.ts'

const lost = new SessionError('CONNECTION_LOST', 'gone', { retryable: true })
const crowded = new SessionError('TOO_MANY_SESSIONS', 'full', { retryable: true })

const budget = (): RetryBudget => new RetryBudget({ retries: 3, firstRetries: 1, retryDelay: 100, maxRetryDelay: 1000 })

afterEach(() => {
  vi.restoreAllMocks()
})

describe('RetryBudget', () => {
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
    spent.refill()
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

  it('waits at least two seconds where there were too many sessions', () => {
    const full = budget()
    expect(full.spend(crowded).delay).toBeGreaterThanOrEqual(2000)
  })

  it('is whole again after a session that lived for long, and only then', () => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1_000_000)
    const after = budget()
    after.begun()
    after.spend(lost)
    after.tookOver()
    clock.mockReturnValue(1_029_000)
    after.ended()
    expect(after.spend(lost).attempt).toBe(2)
    after.tookOver()
    clock.mockReturnValue(1_060_000)
    after.ended()
    expect(after.spend(lost).attempt).toBe(1)
  })
})
