import { expect, it } from 'vitest'
import {
  type BucketOptions,
  type BucketState,
  noteRefusal,
  readBucket,
  takeToken,
} from '../../src/fleet/session-bucket.ts'
import { seededRandom } from '../helpers/random.ts'

const MINUTE = 60_000
/** The stores' clocks count from 1970. */
const TODAY = Date.parse('2026-11-30')
const fixed: BucketOptions = { perMinute: 10, grows: false }
const growing: BucketOptions = { perMinute: 10, grows: true }

/** A bucket that is asked at times. */
function bucket(options: BucketOptions) {
  let state: BucketState = readBucket(undefined, options)
  return {
    get state() {
      return state
    },
    ask(now: number, live = false, id = 'one'): number {
      const taken = takeToken(state, { id, live }, options, TODAY + now)
      state = readBucket(JSON.stringify(taken.state), options)
      return taken.wait
    },
    refuse(now: number): void {
      state = noteRefusal(state, options, TODAY + now)
    },
  }
}

it('lets no more begin within any minute than are allowed, however often it is asked', () => {
  const random = seededRandom(1)
  const one = bucket(fixed)
  const begun: number[] = []
  for (let now = 0; now < 10 * MINUTE; now += random() * 400) {
    // They begin up to two seconds after they were let in.
    if (one.ask(now) === 0) begun.push(now + random() * 2000)
  }
  const most = Math.max(...begun.map((at) => begun.filter((each) => each >= at && each < at + MINUTE).length))
  expect(most).toBe(10)
  expect(begun.length).toBeGreaterThan(90)
})

it('lets live inputs in first, and keeps a tenth for them where there are any', () => {
  const one = bucket(fixed)
  for (let count = 0; count < 10; count++) expect(one.ask(0)).toBe(0)
  expect(one.ask(1, true, 'live')).toBeGreaterThan(0)
  // When there is room for one, it is for who is live.
  for (let now = 1000; now < 64_000; now += 1000) one.ask(now, true, 'live 2')
  expect(one.state.opened.length).toBeLessThan(10)
  const two = bucket(fixed)
  two.ask(0, true)
  const taken = Array.from({ length: 20 }, (_, index) => two.ask(index + 1)).filter((wait) => wait === 0)
  expect(taken).toHaveLength(8)
  expect(two.ask(30, true)).toBe(0)
  // One that does not ask any more keeps nothing.
  const three = bucket(fixed)
  for (let count = 0; count < 10; count++) three.ask(0)
  three.ask(1, true, 'gone')
  expect(three.state.waiting).toHaveProperty('gone')
  three.ask(6000)
  expect(three.state.waiting).toEqual({})
})

it('learns from a refusal what a server takes, and pauses longer each time', () => {
  const one = bucket(growing)
  for (let count = 0; count < 6; count++) one.ask(count)
  one.refuse(100)
  expect(one.state.limit).toBe(5)
  expect(one.ask(200)).toBeGreaterThan(0)
  // Those that were under way are the same refusal.
  one.refuse(300)
  expect(one.state).toMatchObject({ limit: 5, refusals: 1, refusedTotal: 2, pausedUntil: TODAY + 2100 })
  one.refuse(5000)
  expect(one.state).toMatchObject({ refusals: 2, pausedUntil: TODAY + 9000 })
})

it('grows by a tenth a minute while most of it is used, where nobody has said how many there may be', () => {
  const one = bucket(growing)
  for (let count = 0; count < 8; count++) one.ask(MINUTE + count)
  expect(one.state.limit).toBe(11)
  one.ask(MINUTE + 100)
  expect(one.state.limit).toBe(11)
  const idle = bucket(growing)
  for (let count = 0; count < 5; count++) idle.ask(MINUTE + count)
  expect(idle.state.limit).toBe(10)
  const said = bucket(fixed)
  for (let now = 0; now < 30 * MINUTE; now += 500) said.ask(now)
  expect(said.state.limit).toBe(10)
})
