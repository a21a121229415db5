import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ServerMessage } from '../../src/protocol/messages.ts'
import type { Engine, EngineListener } from '../../src/engine/engine.ts'
import { parseQuery } from '../../src/protocol/queries.ts'
import type { Refusal } from '../../src/protocol/close-codes.ts'
import { Session } from '../../src/server/session.ts'
import { scriptedEngine } from '../../src/testing/index.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A session on no socket at all. */
async function open(query: string, engine: Engine = scriptedEngine([])) {
  const sent: ServerMessage[] = []
  const refusals: Refusal[] = []
  const calls: string[] = []
  const session = new Session(
    {
      engine,
      parameters: parseQuery(new URLSearchParams(query)),
      apiVersion: '2025-05-12',
      maxDurationMs: 10_800_000,
      maxAheadMs: Infinity,
      models: 'open',
      unattributedLabel: 'UNKNOWN',
      explainEngineErrors: true,
    },
    {
      send: (message) => sent.push(message),
      refuse: (refusal) => refusals.push(refusal),
      finish: () => calls.push('finish'),
      pause: () => calls.push('pause'),
      resume: () => calls.push('resume'),
    },
  )
  session.start()
  await vi.waitFor(() => expect(sent[0]?.type).toBe('Begin'))
  const say = (message: object) => session.receive(Buffer.from(JSON.stringify(message)), false)
  const types = () => sent.map((message) => message.type)
  return { session, sent, refusals, calls, say, types }
}

describe('inactivity', () => {
  it('counts from Begin and from every message, also KeepAlive', async () => {
    const { session, refusals, say } = await open('inactivity_timeout=5')
    await vi.advanceTimersByTimeAsync(4000)
    say({ type: 'KeepAlive' })
    await vi.advanceTimersByTimeAsync(4000)
    session.receive(Buffer.alloc(1600), true)
    await vi.advanceTimersByTimeAsync(4999)
    expect(refusals).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(refusals.map(({ code, message }) => [code, message])).toEqual([
      [3006, 'Session terminated due to inactivity: No messages received for 5 seconds'],
    ])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not count while the socket is paused for a slow engine, nor after Terminate', async () => {
    let release = (): void => {}
    const wait = () => new Promise<void>((resolve) => (release = resolve))
    const takeOneEvery3Seconds = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time++) {
        await vi.advanceTimersByTimeAsync(3000)
        release()
        await new Promise(setImmediate)
      }
    }
    const slow: Engine = {
      ...scriptedEngine([]),
      open: async () => ({
        write: wait,
        forceEndpoint: wait,
        configure: () => {},
        end: async () => {
          await wait()
          await wait()
        },
        destroy: () => Promise.resolve(),
      }),
    }
    const { session, refusals, calls, say } = await open('inactivity_timeout=5', slow)
    for (let frame = 0; frame < 6; frame++) session.receive(Buffer.alloc(32_000), true)
    expect(calls).toEqual(['pause'])
    await takeOneEvery3Seconds(4)
    expect(calls).toEqual(['pause', 'resume'])
    say({ type: 'Terminate' })
    await takeOneEvery3Seconds(4)
    expect(calls).toEqual(['pause', 'resume', 'finish'])
    expect(refusals).toEqual([])
    await session.ended
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('heartbeats', () => {
  it('can be turned on and off in mid-session', async () => {
    const { say, types } = await open('')
    await vi.advanceTimersByTimeAsync(6000)
    expect(types()).toEqual(['Begin'])
    say({ type: 'UpdateConfiguration', session_heartbeat: true })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(types()).toEqual(['Begin', 'Heartbeat', 'Heartbeat'])
    say({ type: 'UpdateConfiguration', session_heartbeat: false })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(types()).toEqual(['Begin', 'Heartbeat', 'Heartbeat'])
  })

  it('tell how fast audio comes and whether speech was heard', async () => {
    const engine = scriptedEngine([{ words: 'a b', start: 0, end: 5000 }])
    const { session, sent } = await open('session_heartbeat=true', engine)
    session.receive(Buffer.alloc(32_000), true)
    await vi.waitFor(() => expect(sent.some((message) => message.type === 'SpeechStarted')).toBe(true))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(sent.filter((message) => message.type === 'Heartbeat')).toEqual([
      {
        type: 'Heartbeat',
        total_audio_received_ms: 1000,
        total_duration_ms: 5000,
        realtime_factor: 0.2,
        max_speech_probability: 0.99,
      },
      expect.objectContaining({ total_duration_ms: 10_000, realtime_factor: 0.1, max_speech_probability: 0 }),
    ])
  })
})

/** An engine whose every job ends when `finish` is called; `begun` names the jobs so far. */
function waitingEngine() {
  const begun: string[] = []
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = []
  const job = (name: string) =>
    new Promise<void>((resolve, reject) => {
      begun.push(name)
      waiting.push({ resolve, reject })
    })
  const engine: Engine = {
    ...scriptedEngine([]),
    open: async () => ({
      write: (samples) => job(`write ${samples.length}`),
      forceEndpoint: () => job('force'),
      configure: ({ keyterms }) => void begun.push(`configure ${String(keyterms)}`),
      end: () => job('end'),
      destroy: () => Promise.resolve(),
    }),
  }
  const next = async () => {
    await vi.waitFor(() => expect(waiting).toHaveLength(1))
    return waiting.pop()!
  }
  const finish = async (times: number) => {
    for (let time = 0; time < times; time++) (await next()).resolve()
  }
  return { engine, begun, next, finish }
}

describe('what a client asks for', () => {
  it('is done one after another, in its order', async () => {
    const { engine, begun, finish } = waitingEngine()
    const { session, say } = await open('', engine)
    session.receive(Buffer.alloc(1600), true)
    say({ type: 'ForceEndpoint' })
    session.receive(Buffer.alloc(3200), true)
    say({ type: 'UpdateConfiguration', keyterms_prompt: ['a'] })
    say({ type: 'Terminate' })
    await vi.waitFor(() => expect(begun).toEqual(['write 800']))
    await finish(4)
    expect(begun).toEqual(['write 800', 'force', 'write 1600', 'configure a', 'end'])
    expect(await session.ended).toMatchObject({ code: 1000, terminated: true })
  })

  it('stops the reading once when 5 s wait, until half of it is left', async () => {
    const { engine, finish, next } = waitingEngine()
    const { session, calls } = await open('', engine)
    for (let second = 1; second <= 8; second++) {
      session.receive(Buffer.alloc(32_000), true)
      expect(calls).toEqual(second <= 5 ? [] : ['pause'])
    }
    await finish(5)
    const sixth = await next()
    expect(calls).toEqual(['pause'])
    sixth.resolve()
    await next()
    expect(calls).toEqual(['pause', 'resume'])
    session.abandon(1006)
  })

  it('may not be commands without end', async () => {
    const { engine } = waitingEngine()
    const { session, calls, say } = await open('', engine)
    for (let count = 0; count < 250; count++) say({ type: 'ForceEndpoint' })
    expect(calls).toEqual([])
    say({ type: 'ForceEndpoint' })
    expect(calls).toEqual(['pause'])
    session.abandon(1006)
  })

  it('is forgotten when the session ends, whatever the job in work does', async () => {
    const { engine, begun, next } = waitingEngine()
    const { session, refusals, calls } = await open('', engine)
    for (let second = 0; second < 6; second++) session.receive(Buffer.alloc(32_000), true)
    const job = await next()
    session.abandon(1006)
    job.reject(new Error('late'))
    expect(await session.ended).toEqual({ code: 1006, reason: '', terminated: false })
    await new Promise(setImmediate)
    expect([begun.length, refusals, calls]).toEqual([1, [], ['pause']])
  })
})

describe('an engine that does not keep its word', () => {
  it('reaches nobody before Begin and after the end', async () => {
    let listener: EngineListener | undefined
    const script = scriptedEngine([])
    const engine: Engine = {
      ...script,
      open: (settings, given) => {
        listener = given
        given.speechStarted(0, 1)
        return script.open(settings, given)
      },
    }
    const { session, refusals, types } = await open('speaker_labels=true', engine)
    session.abandon(1006)
    await session.ended
    listener?.speechStarted(5, 1)
    listener?.turn({
      order: 0,
      words: [],
      transcript: 'late',
      endOfTurn: false,
      formatted: true,
      endOfTurnConfidence: 0,
    })
    listener?.revision([{ order: 0, words: [] }])
    listener?.failed(new Error('late'))
    expect(types()).toEqual(['Begin'])
    expect(refusals).toEqual([])
  })

  it('is not asked again once it has failed', async () => {
    const script = scriptedEngine([], { events: [{ at: 0, report: (l) => l.failed(new Error('broken')) }] })
    const { session, refusals } = await open('', script)
    for (let frame = 0; frame < 5; frame++) session.receive(Buffer.alloc(1600), true)
    expect(await session.ended).toMatchObject({ code: 3005 })
    expect(refusals).toHaveLength(1)
    expect(script.sessions[0]?.receivedMs).toBe(50)
  })

  it('may fail to free itself', async () => {
    const engine: Engine = {
      ...scriptedEngine([]),
      open: async () => ({
        write: () => Promise.resolve(),
        forceEndpoint: () => Promise.resolve(),
        configure: () => {},
        end: () => Promise.reject(new Error('cannot end')),
        destroy: () => Promise.reject(new Error('cannot be destroyed')),
      }),
    }
    const { session, refusals, say } = await open('', engine)
    say({ type: 'Terminate' })
    expect(await session.ended).toMatchObject({ code: 3005, cause: expect.objectContaining({ message: 'cannot end' }) })
    expect(refusals).toHaveLength(1)
  })
})

describe('parameters of a session', () => {
  it('follow what was updated', async () => {
    const engine = scriptedEngine([])
    const { session, say } = await open('min_turn_silence=100&speech_model=universal-3-5-pro', engine)
    say({ type: 'UpdateConfiguration', mode: 'max_accuracy' })
    say({ type: 'UpdateConfiguration', vad_threshold: 0.7, keyterms_prompt: ['a'] })
    say({ type: 'UpdateConfiguration', keyterms_prompt: [] })
    say({ type: 'UpdateConfiguration', vad_threshold: 0.7 })
    await vi.waitFor(() =>
      expect(engine.sessions[0]?.updates).toEqual([
        { maxTurnSilence: 2560 },
        { vadThreshold: 0.7, keyterms: ['a'] },
        { keyterms: [] },
      ]),
    )
    expect(session.parameters).toMatchObject({ mode: 'max_accuracy', vadThreshold: 0.7, minTurnSilence: 100 })
  })
})
