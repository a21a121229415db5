import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Session } from '../../src/session/session.ts'
import { FinalWords } from '../../src/stream/turns/final-words.ts'
import { ReplayBuffer } from '../../src/stream/replay-buffer.ts'
import { Sender, type SenderOptions, Pacer } from '../../src/stream/sender.ts'
import { SessionClock } from '../../src/stream/session-clock.ts'

const FRAME_MS = 50
const silentFrame = Buffer.from('silence')
const pending = (): Buffer => Buffer.alloc(0)
const isQuiet = (): boolean => true

/** A frame that says `text`. */
const frameOf = (text: string): Buffer => Buffer.from(text.padEnd(silentFrame.length))

/** A session that keeps what it is sent, and when. Ends when told to. */
class RecordingSession extends EventEmitter {
  readonly sent: { what: string; at: number }[] = []
  ended = false

  send(audio: Buffer, taken: (sent: boolean) => void): void {
    if (!this.ended) this.sent.push({ what: audio.toString().trimEnd(), at: performance.now() })
    queueMicrotask(() => taken(!this.ended))
  }

  get order(): string[] {
    return this.sent.map(({ what }) => what)
  }
}

interface Fed {
  session: RecordingSession
  buffer: ReplayBuffer
  clock: SessionClock
  sender: Sender
  moves: number[]
  /** Puts frames into the buffer and wakes the sender. */
  push: (count: number) => void
}

const faked: Parameters<typeof vi.useFakeTimers>[0] = { toFake: ['setTimeout', 'clearTimeout', 'performance'] }
const senders: Sender[] = []

function start(more: Partial<SenderOptions> & { frames?: number; from?: number; replay?: boolean } = {}): Fed {
  const { frames = 0, from = 0, replay = false, ...options } = more
  const session = new RecordingSession()
  const buffer = new ReplayBuffer(
    { frameMs: FRAME_MS, overlap: 0, maxReplay: 60_000, live: false, silentFrame, isQuiet },
    new FinalWords(60_000),
  )
  const add = (count: number): void => {
    for (let left = count; left > 0; left -= 1) buffer.push(frameOf(String(buffer.next)))
  }
  add(frames)
  const clock = new SessionClock(from * FRAME_MS)
  const moves: number[] = []
  const sender = new Sender(
    session as unknown as Session,
    buffer,
    clock,
    from,
    replay,
    {
      rate: Infinity,
      catchUp: 5000,
      live: false,
      keepAlive: false,
      frameMs: FRAME_MS,
      silentFrame,
      pending,
      isQuiet,
      ...options,
    },
    () => moves.push(sender.cursor),
  )
  senders.push(sender)
  return {
    session,
    buffer,
    clock,
    sender,
    moves,
    push(count) {
      add(count)
      sender.wake()
    },
  }
}

/** Lets `ms` ms of the clock pass, and all be sent that waits for no clock: each such frame takes a turn of the event loop. */
async function pass(ms: number): Promise<void> {
  const turns = async (): Promise<void> => {
    for (let left = 1100; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve))
  }
  await turns()
  await vi.advanceTimersByTimeAsync(ms)
  await turns()
}

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i))

beforeEach(() => {
  vi.useFakeTimers(faked)
})
afterEach(async () => {
  for (const sender of senders.splice(0)) sender.stop()
  await pass(10_000)
  // Whatever a test did, a sender that was stopped leaves no timer.
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

describe('the order of frames', () => {
  it('sends what there is and then what comes, each frame once, and tells how far it is', async () => {
    const { session, sender, moves, push } = start({ frames: 3 })
    await pass(10)
    expect([sender.cursor, sender.drained]).toEqual([3, true])
    push(2)
    expect(sender.drained).toBe(false)
    await pass(10)
    expect(session.order).toEqual(numbers(0, 5))
    expect(moves).toEqual([1, 2, 3, 4, 5])
  })

  it('begins at the frame it is told', async () => {
    const { session, clock } = start({ frames: 10, from: 6 })
    await pass(10)
    expect(session.order).toEqual(numbers(6, 10))
    expect(clock.toStream(200)).toBe(500)
  })

  it('leaves out what it is told to, keeps times true, and goes on with the rest', async () => {
    const { session, sender, clock, push } = start({ rate: 1, frames: 100 })
    await pass(120)
    const next = sender.cursor
    sender.skip(60)
    sender.skip(62)
    sender.skip(40)
    expect(sender.cursor).toBe(62)
    await pass(10_000)
    expect(session.order).toEqual([...numbers(0, next + 1), ...numbers(62, 100)])
    // The first frame behind the gap, and the last one.
    expect(clock.toStream((next + 1) * FRAME_MS + 1)).toBe(62 * FRAME_MS + 1)
    expect(clock.heard).toBe(100 * FRAME_MS)
    sender.skip(100)
    push(3)
    await pass(10_000)
    expect(session.order.slice(-3)).toEqual(numbers(100, 103))
    expect(clock.heard).toBe(103 * FRAME_MS)
  })

  it('lets two senders read the same frames at different places', async () => {
    const one = start({ frames: 8 })
    const session = new RecordingSession()
    const options = {
      rate: Infinity,
      catchUp: 0,
      live: false,
      keepAlive: false,
      frameMs: FRAME_MS,
      silentFrame,
      pending,
      isQuiet,
    }
    const clock = new SessionClock(200)
    senders.push(new Sender(session as unknown as Session, one.buffer, clock, 4, true, options, () => {}))
    await pass(10)
    expect(one.session.order).toEqual(numbers(0, 8))
    expect(session.order).toEqual(numbers(4, 8))
  })

  it('sends nothing more once it is stopped, while it sends or while it waits', async () => {
    const paced = start({ frames: 5, rate: 1 })
    await pass(60)
    paced.sender.stop()
    const sent = paced.session.sent.length
    await pass(1000)
    // The frame that was on its way at most.
    expect(paced.session.sent.length).toBeLessThanOrEqual(sent + 1)
    expect(paced.session.sent.length).toBeLessThan(5)

    const idle = start({ keepAlive: true })
    await pass(10)
    expect(vi.getTimerCount()).toBe(1)
    idle.sender.stop()
    expect(vi.getTimerCount()).toBe(0)
    idle.push(1)
    await pass(5000)
    expect(idle.session.order).toEqual([])
  })

  it('does not count a frame that the session did not take', async () => {
    const { session, sender, push } = start({ frames: 2 })
    await pass(10)
    session.ended = true
    push(3)
    await pass(1000)
    expect([sender.cursor, sender.drained]).toEqual([2, false])
  })
})

describe('the pace', () => {
  /** Ms of audio that had been sent before each frame, less what the clock allowed by then: never above `burst`. */
  function excess(session: RecordingSession, rate: number): number {
    const first = session.sent[0]?.at ?? 0
    return Math.max(...session.sent.map(({ at }, index) => index * FRAME_MS - (at - first) * rate))
  }

  it.each([0.5, 1, 2])('never runs ahead of %f times real time', async (rate) => {
    const { session } = start({ frames: 20, rate })
    await pass(10_000)
    expect(session.order).toEqual(numbers(0, 20))
    expect(excess(session, rate)).toBeLessThanOrEqual(2)
  })

  it('sends as fast as the server takes it where there is no pace', async () => {
    const { session } = start({ frames: 1000 })
    await pass(10)
    expect(session.sent).toHaveLength(1000)
  })

  it('sends what is kept as a burst of at most 7 s, and the rest at no more than 1.25 times real time', async () => {
    const { session } = start({ frames: 400, rate: 1, replay: true })
    await pass(10)
    // The first frame comes on top.
    expect(session.sent.length * FRAME_MS).toBeGreaterThanOrEqual(7000)
    expect(session.sent.length * FRAME_MS).toBeLessThanOrEqual(7100)
    await pass(60_000)
    expect(session.sent).toHaveLength(400)
    expect(excess(session, 1.25)).toBeLessThanOrEqual(7000 + 2)
  })

  it('catches up on what has piled up at 1.25 times real time, and then goes on at its own rate', async () => {
    // 10 s at once, of which 9 are to be caught up.
    const { session } = start({ frames: 200, rate: 1 })
    await pass(60_000)
    const first = session.sent[0]?.at ?? 0
    expect(session.sent).toHaveLength(200)
    expect(excess(session, 1.25)).toBeLessThanOrEqual(2)
    // Faster than real time altogether, but the last second is not.
    expect((session.sent.at(-1)?.at ?? 0) - first).toBeLessThan(199 * FRAME_MS)
    expect((session.sent.at(-1)?.at ?? 0) - (session.sent[182]?.at ?? 0)).toBeGreaterThanOrEqual(17 * FRAME_MS - 2)
  })

  it('catches up on a live source from a shorter backlog', async () => {
    const [live, file] = [true, false].map((isLive) => start({ frames: 10, rate: 1, live: isLive })) as [Fed, Fed]
    await pass(5000)
    const took = ({ session }: Fed): number => (session.sent.at(-1)?.at ?? 0) - (session.sent[0]?.at ?? 0)
    expect(took(live)).toBeLessThan(took(file))
    expect(took(file)).toBeGreaterThanOrEqual(9 * FRAME_MS - 2)
  })
})

describe('a live source', () => {
  it('has its frame sent as it comes, where nothing stands before it', () => {
    const { session, push } = start({ rate: 1, live: true })
    push(1)
    expect(session.order).toEqual(['0'])
  })

  it('has what piled up sent a frame at a time, with a turn of the event loop before each', async () => {
    const { session } = start({ frames: 3, rate: 1, live: true })
    const sent: number[] = []
    for (let turn = 0; turn < 4; turn += 1) {
      sent.push(session.sent.length)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(sent).toEqual([0, 1, 2, 3])
  })
})

describe('a source that pauses', () => {
  it('gets silence after half a second, for three seconds, where that is asked for', async () => {
    const { session, push } = start({ frames: 2, keepAlive: true })
    await pass(400)
    expect(session.order).toEqual(['0', '1'])
    await pass(30_000)
    expect(session.order.filter((what) => what === 'silence')).toHaveLength(3000 / FRAME_MS)
    push(1)
    await pass(100)
    expect(session.order.at(-1)).toBe('2')
    await pass(30_000)
    // The next pause gets its own.
    expect(session.order.filter((what) => what === 'silence')).toHaveLength(6000 / FRAME_MS)
  })

  it('gets silence after two seconds where its last sound was not quiet, as the rest of a word may be late', async () => {
    const { session, push } = start({ frames: 9, keepAlive: true, isQuiet: (audio) => !audio.includes('6') })
    await pass(1900)
    expect(session.order).toEqual(numbers(0, 9))
    await pass(200)
    expect(session.order[9]).toBe('silence')
    push(2)
    await pass(400)
    const before = session.order.length
    // A fifth of a second of quiet lies behind it now.
    await pass(200)
    expect(session.order[before]).toBe('silence')
  })

  it('gets silence no faster than it plays', async () => {
    const { session } = start({ keepAlive: true })
    await pass(10_000)
    const times = session.sent.map(({ at }) => at)
    for (const [index, at] of times.entries()) {
      expect(at - (times[0] as number)).toBeGreaterThanOrEqual(index * FRAME_MS)
    }
  })

  it('gets none where that is not asked for', async () => {
    const { session } = start({ frames: 1 })
    await pass(30_000)
    expect(session.order).toEqual(['0'])
  })

  it('goes on with the time of the stream, whatever silence was sent', async () => {
    const { session, clock, push } = start({ frames: 4, keepAlive: true })
    await pass(1000)
    push(4)
    await pass(100)
    const silence = session.order.filter((what) => what === 'silence').length
    expect(silence).toBeGreaterThan(0)
    expect(session.order).toEqual([...numbers(0, 4), ...Array(silence).fill('silence'), ...numbers(4, 8)])
    expect(clock.toStream(200)).toBe(200)
    expect(clock.toStream(200 + silence * FRAME_MS)).toBe(200)
    expect(clock.toStream(400 + silence * FRAME_MS)).toBe(400)
  })

  it('sends what there is of a frame first, and that part no second time', async () => {
    let part = 'abc'
    const partial = (): Buffer => Buffer.from(part)
    const { session, buffer, clock, sender } = start({ frames: 1, keepAlive: true, pending: partial })
    await pass(600)
    expect(session.order.slice(0, 3)).toEqual(['0', 'abcence', 'silence'])
    const before = session.order.length
    // A few bytes more are no reason to send them at once, one by one.
    part = 'abcde'
    await pass(400)
    expect(session.order).toHaveLength(before)
    await pass(200)
    expect(session.order[before]).toBe('sildece')
    part = ''
    buffer.push(Buffer.from('abcdefg'))
    sender.wake()
    await pass(10)
    expect(session.order.at(-1)).toBe('silenfg')
    // In the time of the stream, nothing of this has happened.
    expect(clock.heard).toBe(2 * FRAME_MS)
    expect(clock.toStream(FRAME_MS + (FRAME_MS * 3) / 7)).toBe(71)
    expect(clock.toStream(FRAME_MS + (FRAME_MS * 3) / 7 + 20)).toBe(71)
  })

  it('gets none any more once the session has ended', async () => {
    const { session, clock, sender } = start({ frames: 1, keepAlive: true })
    await pass(10)
    session.ended = true
    await pass(10_000)
    expect(session.order).toEqual(['0'])
    expect(clock.toStream(5000)).toBe(5000)
    expect(sender.cursor).toBe(1)
  })
})

describe('what the server has heard', () => {
  it('is nothing for certain before its second heartbeat after the audio', async () => {
    const { sender, push } = start({ frames: 10 })
    await pass(10)
    expect(sender.heard).toBe(0)
    sender.heartbeat()
    push(10)
    await pass(10)
    expect(sender.heard).toBe(0)
    sender.heartbeat()
    expect(sender.heard).toBe(10)
    sender.heartbeat()
    expect(sender.heard).toBe(20)
  })

  it('is no more than a server in real time has worked on, whatever was sent at once', async () => {
    const { sender, session } = start({ frames: 140, rate: 1, replay: true })
    await pass(10)
    expect(session.sent).toHaveLength(140)
    expect(sender.lagMs).toBeGreaterThan(6900)
    sender.heartbeat()
    await pass(4000)
    sender.heartbeat()
    expect(sender.heard).toBe(0)
    await pass(1000)
    sender.heartbeat()
    expect(sender.heard).toBeGreaterThan(40)
    expect(sender.heard).toBeLessThanOrEqual(81)
    await pass(3000)
    expect(sender.lagMs).toBe(0)
    sender.heartbeat()
    sender.heartbeat()
    expect(sender.heard).toBe(140)
  })

  it('is what it has worked on half a minute ago, where there are no heartbeats', async () => {
    const { sender } = start({ frames: 140, rate: 1, replay: true })
    await pass(30_500)
    expect(sender.heard).toBeLessThanOrEqual(20)
    await pass(8000)
    expect(sender.heard).toBeGreaterThan(100)
  })

  it('is what was sent half a minute ago, where there are no heartbeats', async () => {
    const { sender, push } = start({ frames: 10 })
    await pass(5000)
    push(10)
    await pass(24_000)
    expect(sender.heard).toBe(0)
    await pass(1500)
    expect(sender.heard).toBeGreaterThan(0)
    expect(sender.heard).toBeLessThanOrEqual(10)
    await pass(5000)
    expect(sender.heard).toBeGreaterThan(10)
    expect(sender.heard).toBeLessThanOrEqual(20)
  })
})

describe('in real time', () => {
  it('never sends early', async () => {
    vi.useRealTimers()
    const began = performance.now()
    const { session, sender } = start({ frames: 6, rate: 2 })
    while (!sender.drained) await delay(5)
    vi.useFakeTimers(faked)
    // A timer may fire up to a millisecond before its time.
    const early = session.sent.filter(({ at }, index) => at - began < (index * FRAME_MS) / 2 - 2)
    expect(early).toEqual([])
  })
})

const frame = 50

/** Ms of audio that may be sent at once at time `now`. */
function burst(pacer: Pacer, now: number): number {
  let ms = 0
  while (pacer.delay(now) === 0) {
    pacer.sent(frame)
    ms += frame
  }
  return ms
}

describe('Pacer', () => {
  it('sends the first frame at once and the others when they are due', () => {
    const pacer = new Pacer(1, 0, 5000)
    expect(pacer.delay(1000)).toBe(0)
    pacer.sent(frame)
    expect(pacer.delay(1000)).toBe(50)
    expect(pacer.delay(1030)).toBe(20)
    expect(pacer.delay(1050)).toBe(0)
  })

  it('does not drift when every timer is late', () => {
    const pacer = new Pacer(1, 0, 5000)
    let now = 0
    for (let index = 0; index < 60; index += 1) {
      const delay = pacer.delay(now)
      now += delay > 0 ? delay + 8 : 0
      pacer.sent(frame)
    }
    expect(now).toBeGreaterThanOrEqual(59 * 50)
    expect(now).toBeLessThanOrEqual(59 * 50 + 8)
  })

  it('catches up in one burst after a short stall, and never in a longer one than it may', () => {
    const pacer = new Pacer(1, 0, 5000)
    expect(burst(pacer, 0)).toBe(50)
    expect(burst(pacer, 3000)).toBe(3000)
    expect(burst(pacer, 3_600_000)).toBe(5050)
    expect(pacer.delay(3_600_000)).toBe(50)
  })

  it('may begin with a burst', () => {
    expect(burst(new Pacer(1, 7000, 5000), 0)).toBe(7050)
  })

  it('follows a change of rate from then on', () => {
    const pacer = new Pacer(1, 0, 5000)
    burst(pacer, 0)
    pacer.setRate(1.25, 1000)
    expect(burst(pacer, 1000)).toBe(1000)
    expect(burst(pacer, 5000)).toBe(5000)
  })
})
