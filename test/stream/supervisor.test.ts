import { EventEmitter, once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Engine } from '../../src/engine/engine.ts'
import { reporting } from '../helpers/reporting-engine.ts'
import { EngineError, type Warning } from '../../src/errors.ts'
import type { Turn, Word } from '../../src/model.ts'
import type { SessionTarget } from '../../src/session/transport.ts'
import type {
  Gap,
  ReconnectingRecord,
  SessionChange,
  SessionOpening,
  SupervisorOptions,
  UnrecognizedSpeech,
} from '../../src/stream/options.ts'
import { Supervisor } from '../../src/stream/supervisor.ts'
import {
  type FaultPlan,
  type FaultServer,
  TONE_WORD_MS,
  type ToneWord,
  faultServer,
  toneAudio,
  toneEngine,
  toneText,
} from '../../src/testing/index.ts'
import { relabelled } from '../helpers/relabelled.ts'
import { begin, socketPeer } from '../helpers/socket-peer.ts'
import { leftovers, openResources } from '../trials/leftovers.ts'

const FRAME_MS = 50
const FRAME_BYTES = FRAME_MS * 32
const QUERY =
  'speech_model=universal-3-6-pro&sample_rate=16000&encoding=pcm_s16le&speaker_labels=true&session_heartbeat=true'

/** Turns of six words, three of each of two speakers, one turn every 2.6 s. */
function dialogue(turns: number): ToneWord[] {
  return Array.from({ length: turns * 6 }, (_, word) => ({
    word,
    speaker: Math.floor(word / 3) % 2,
    start: 200 + word * 300 + Math.floor(word / 6) * 800,
  }))
}

let before: readonly string[]
let server: FaultServer | undefined
const streams: Stream[] = []

/** A supervisor, and all that it said. */
class Stream {
  readonly supervisor: Supervisor
  readonly turns = new Map<number, Turn>()
  readonly sessions: SessionChange[] = []
  readonly attempts: ReconnectingRecord[] = []
  readonly gaps: Gap[] = []
  readonly warnings: Warning[] = []
  readonly #pcm: Buffer
  #at = 0

  constructor(pcm: Buffer, more: Partial<SupervisorOptions> = {}) {
    this.#pcm = pcm
    const supervisor = new Supervisor({
      connectTimeout: 20_000,
      terminationTimeout: 20_000,
      pingInterval: 20_000,
      stallTimeout: 30_000,
      heartbeatTimeout: 30_000,
      retryDelay: 1,
      maxRetryDelay: 10,
      connect: () => Promise.resolve(target('key')),
      failure: () => undefined,
      rate: () => Infinity,
      frameMs: FRAME_MS,
      silentFrame: Buffer.alloc(FRAME_BYTES),
      pending: () => Buffer.alloc(0),
      isQuiet: () => true,
      catchUp: 5000,
      overlap: 10_000,
      maxReplay: 60_000,
      retries: 10,
      firstRetries: 2,
      rollOverBefore: 300_000,
      live: false,
      keepAlive: false,
      awaitFormatted: false,
      ...more,
    })
    this.supervisor = supervisor
    supervisor.on('turn', (turn) => {
      if (turn.endOfTurn) this.turns.set(turn.order, turn)
    })
    supervisor.on('session', (change) => this.sessions.push(change))
    supervisor.on('reconnecting', (record) => this.attempts.push(record))
    supervisor.on('gap', (gap) => this.gaps.push(gap))
    supervisor.on('warning', (warning) => this.warnings.push(warning))
    streams.push(this)
  }

  /** Ms of audio given so far. */
  get givenMs(): number {
    return this.#at / 32
  }

  /** Gives the audio up to a ms of the stream, as fast as it is taken. */
  async play(until = Infinity): Promise<void> {
    for (; this.#at < this.#pcm.length && this.#at / 32 < until; this.#at += FRAME_BYTES) {
      const frame = Buffer.alloc(FRAME_BYTES)
      this.#pcm.copy(frame, 0, this.#at, this.#at + FRAME_BYTES)
      await this.supervisor.push(frame)
    }
  }

  /** Waits for the final of a turn. */
  final(order: number): Promise<Turn> {
    return new Promise((resolve) => {
      this.supervisor.on('turn', (turn) => {
        if (turn.endOfTurn && turn.order === order) resolve(turn)
      })
    })
  }

  get words(): Word[] {
    return [...this.turns].toSorted(([a], [b]) => a - b).flatMap(([, turn]) => turn.words)
  }
}

function target(key: string): SessionTarget {
  return { url: `${server?.url}?${QUERY}`, headers: { Authorization: key }, secrets: [key] }
}

async function serve(plan: FaultPlan, engine: Engine = relabelled(toneEngine(), 7)): Promise<FaultServer> {
  server = await faultServer(plan, { engine })
  return server
}

/** One that says of each turn that it could not hear it. */
const forgetful = (engine: Engine): Engine =>
  reporting(engine, (listener, lost) => listener.warning?.({ code: 'AUDIO_LOST', message: 'not heard', lost }))

/** One that says of each turn that it did not understand it. */
const puzzled = (engine: Engine): Engine =>
  reporting(engine, (listener, at) => listener.unrecognized?.({ ...at, reason: 'noWords' }))

/** Cuts a connection from the side of the server. */
function cut(index: number): void {
  const connection = server?.connections[index] as unknown as { drop(): void }
  connection.drop()
}

/** Words, times and letters are those of the script, but for words that may be missing. */
function expectHeard(stream: Stream, script: readonly ToneWord[]): void {
  const { words } = stream
  expect(words.map(({ text, start, end }) => [text, start, end])).toEqual(
    script.map(({ word, start }) => [toneText(word), start, start + TONE_WORD_MS]),
  )
  const letters = new Map(script.map(({ speaker }, index) => [speaker, words[index]?.speaker]))
  expect(words.map(({ speaker }) => speaker)).toEqual(script.map(({ speaker }) => letters.get(speaker)))
  expect(new Set(letters.values()).size).toBe(letters.size)
}

beforeEach(() => {
  before = openResources()
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const { supervisor } of streams.splice(0)) await supervisor.destroy()
  await server?.close()
  server = undefined
  expect(await leftovers(before)).toEqual([])
})

describe('a stream whose sessions are lost', () => {
  it('loses no word, repeats none, keeps every time and every letter', async () => {
    await serve([
      { fault: 'drop', afterFinals: 2 },
      { fault: 'close', code: 1011, afterFinals: 5 },
      { fault: 'reset', afterFinals: 6 },
      { fault: 'error', code: 3005, afterFinals: 7 },
    ])
    const script = dialogue(12)
    // The overlap holds all there was, so that the votes are never few.
    const stream = new Stream(toneAudio(script), { overlap: 60_000 })
    await stream.play()
    const termination = await stream.supervisor.end()
    expect(termination?.type).toBe('Termination')
    expectHeard(stream, script)
    expect(server?.attempts).toBe(5)
    expect(stream.attempts.map(({ error }) => error.code)).toEqual([
      'CONNECTION_LOST',
      'SERVER_ERROR',
      'CONNECTION_LOST',
      'SERVER_ERROR',
    ])
    expect(stream.gaps).toEqual([])
    // However often and late one is told of, it began once.
    const beginnings = new Set(stream.sessions.map(({ begin: { id }, beganAt }) => `${id} ${beganAt.toISOString()}`))
    expect(beginnings.size).toBe(new Set(stream.sessions.map(({ begin }) => begin.id)).size)
    // Labels of the later sessions are not the letters, and are told with them.
    const last = stream.sessions.at(-1)?.speakers ?? {}
    expect(new Set(Object.values(last))).toEqual(new Set(stream.words.map(({ speaker }) => speaker)))
  })

  it('sends again only the overlap and what was not final', async () => {
    await serve([{ fault: 'none' }])
    const script = dialogue(4)
    const stream = new Stream(toneAudio(script), { overlap: 1000 })
    const third = stream.final(2)
    await stream.play(9000)
    const { end } = await third
    cut(0)
    await once(stream.supervisor, 'reconnecting')
    await stream.play()
    await stream.supervisor.end()
    expect(stream.words.map(({ text }) => text)).toEqual(script.map(({ word }) => toneText(word)))
    expect(stream.sessions.at(-1)?.offset).toBe(Math.floor((end - 1000) / FRAME_MS) * FRAME_MS)
  })

  it('tells what an engine could not hear as a gap of the stream, in every session', async () => {
    await serve([{ fault: 'drop', afterFinals: 2 }], forgetful(toneEngine()))
    const stream = new Stream(toneAudio(dialogue(5)), { overlap: 1000 })
    await stream.play()
    await stream.supervisor.end()
    expect(stream.sessions.at(-1)?.offset).toBeGreaterThan(0)
    const turns = [...stream.turns.values()]
    expect(turns).toHaveLength(5)
    // The warning after the final that broke the first session is lost with it.
    for (const { start, end } of turns.slice(2)) expect(stream.gaps).toContainEqual({ start, end })
    // The second session begins in the middle of a turn.
    for (const gap of stream.gaps) {
      expect(turns.some(({ start, end }) => start <= gap.start && end === gap.end)).toBe(true)
    }
    expect(stream.warnings.map(({ code, message }) => [code, message])).toContainEqual(['AUDIO_LOST', 'not heard'])
  })

  it('tells what an engine did not understand once, whatever a later session hears again', async () => {
    await serve([{ fault: 'drop', afterFinals: 2 }], puzzled(toneEngine()))
    const stream = new Stream(toneAudio(dialogue(5)), { overlap: 10_000 })
    const told: UnrecognizedSpeech[] = []
    stream.supervisor.on('unrecognized', (speech) => told.push(speech))
    await stream.play()
    await stream.supervisor.end()
    const turns = [...stream.turns.values()]
    expect(turns).toHaveLength(5)
    for (const { start, end } of turns.slice(2)) expect(told).toContainEqual({ start, end, reason: 'noWords' })
    const ends = told.map(({ end }) => end)
    expect(ends).toEqual([...new Set(ends)].toSorted((a, b) => a - b))
  })

  it('asks for credentials anew for each session', async () => {
    await serve([
      { fault: 'drop', afterFinals: 1 },
      { fault: 'http-error', status: 503 },
    ])
    let asked = 0
    const connect = (): Promise<SessionTarget> => Promise.resolve(target(`key ${asked++}`))
    const stream = new Stream(toneAudio(dialogue(3)), { connect })
    await stream.play()
    await stream.supervisor.end()
    expect(asked).toBe(3)
    expect(server?.connections.map(({ headers }) => headers.authorization)).toEqual(['key 0', 'key 2'])
  })

  it('ends as soon as it is there again where the audio ended meanwhile', async () => {
    await serve([{ fault: 'none' }])
    const script = dialogue(3)
    const stream = new Stream(toneAudio(script), { retryDelay: 200, maxRetryDelay: 200 })
    const first = stream.final(0)
    await stream.play()
    await first
    cut(0)
    await once(stream.supervisor, 'reconnecting')
    const termination = await stream.supervisor.end()
    expect(termination?.type).toBe('Termination')
    expect(stream.words.map(({ text }) => text)).toEqual(script.map(({ word }) => toneText(word)))
  })

  it('repeats updates to every later session, and other messages to none', async () => {
    await serve([{ fault: 'drop', afterFinals: 1 }])
    const stream = new Stream(toneAudio(dialogue(3)))
    // Before there is any session: both wait for the first.
    stream.supervisor.sendMessage({ type: 'UpdateConfiguration', max_turn_silence: 600 })
    stream.supervisor.sendMessage({ type: 'ForceEndpoint' })
    await stream.play(300)
    await vi.waitFor(() => expect(server?.connections[0]?.messages).toHaveLength(2))
    stream.supervisor.sendMessage({ type: 'UpdateConfiguration', min_turn_silence: 300, max_turn_silence: 500 })
    await stream.play()
    await stream.supervisor.end()
    const [lost, later] = (server?.connections ?? []).map(({ messages }) => messages.map((text) => JSON.parse(text)))
    expect(lost).toEqual([
      { type: 'UpdateConfiguration', max_turn_silence: 600 },
      { type: 'ForceEndpoint' },
      { type: 'UpdateConfiguration', min_turn_silence: 300, max_turn_silence: 500 },
    ])
    expect(later).toEqual([
      { type: 'UpdateConfiguration', min_turn_silence: 300, max_turn_silence: 500 },
      { type: 'Terminate' },
    ])
  })
})

describe('a live source without a session', () => {
  it('loses what is older than is kept, and says to the millisecond what', async () => {
    await serve([{ fault: 'none' }])
    // Two words, a pause, and then words without end.
    const script = [200, 500, ...Array.from({ length: 40 }, (_, index) => 4800 + index * 300)].map((start, word) => ({
      word,
      speaker: 0,
      start,
    }))
    let back: () => void = () => {}
    const away = new Promise<void>((resolve) => (back = resolve))
    let asked = 0
    const connect = async (): Promise<SessionTarget> => {
      if (asked++ > 0) await away
      return target('key')
    }
    const stream = new Stream(toneAudio(script), { live: true, maxReplay: 1000, connect })
    const begun = once(stream.supervisor, 'session')
    await stream.play(100)
    await begun
    const final = stream.final(0)
    await stream.play(5000)
    expect((await final).end).toBe(740)
    cut(0)
    await once(stream.supervisor, 'reconnecting')
    // 8 s more, of which 7 are too many.
    await stream.play(13_000)
    expect(stream.gaps).toEqual([])
    const told = once(stream.supervisor, 'gap')
    back()
    await told
    await stream.play()
    await stream.supervisor.end()
    const end = Math.ceil((740 + 7000) / FRAME_MS) * FRAME_MS
    expect(stream.gaps).toEqual([{ start: 740, end }])
    expect(stream.sessions.at(-1)?.offset).toBe(end)
    expect(stream.words.map(({ text }) => text)).toEqual(
      script.filter(({ start }) => start < 740 || start >= end).map(({ word }) => toneText(word)),
    )
  })

  it('is never held back, while one that can be is', async () => {
    await serve([])
    const connect = (): Promise<SessionTarget> => new Promise((resolve) => pending.push(resolve))
    const pending: ((given: SessionTarget) => void)[] = []
    const pcm = Buffer.alloc(200 * FRAME_BYTES)
    const live = new Stream(pcm, { live: true, connect })
    await live.play()
    expect(live.givenMs).toBe(10_000)

    const held = new Stream(pcm, { connect })
    const playing = held.play()
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    // Before the first session a second is enough.
    expect(held.givenMs).toBeLessThanOrEqual(1000)
    for (const go of pending) go(target('key'))
    await playing
    expect(held.givenMs).toBe(10_000)
    await Promise.all([live.supervisor.end(), held.supervisor.end()])
    expect([...live.gaps, ...held.gaps]).toEqual([])
  })
})

describe('a server that has sent heartbeats', () => {
  it('is given up where a later session sends none from its Begin on', async () => {
    let sessions = 0
    const peer = await socketPeer((socket) => {
      sessions += 1
      socket.send(begin())
      if (sessions > 1) return
      socket.once('message', () => {
        const heartbeat = { type: 'Heartbeat', total_audio_received_ms: 50, total_duration_ms: 50 }
        socket.send(JSON.stringify(heartbeat), () => socket.terminate())
      })
    })
    const connect = (): Promise<SessionTarget> => Promise.resolve({ url: peer.url, headers: {}, secrets: [] })
    const stream = new Stream(Buffer.alloc(32_000), { connect, heartbeatTimeout: 100 })
    await stream.play(500)
    await vi.waitFor(() => expect(stream.attempts.length).toBeGreaterThan(1))
    expect(stream.attempts.slice(0, 2).map(({ error }) => error.code)).toEqual(['CONNECTION_LOST', 'SESSION_STALLED'])
    await stream.supervisor.destroy()
    await peer.close()
  })
})

describe('hold()', () => {
  it.each([
    ['before there is audio', 0],
    ['while the first session is being opened', 1],
  ])('%s opens no session before resume(), and costs no attempt', async (_when, before) => {
    await serve([])
    const asked: (() => void)[] = []
    const connect = (): Promise<SessionTarget> => new Promise((resolve) => asked.push(() => resolve(target('key'))))
    const script = dialogue(1)
    const stream = new Stream(toneAudio(script), { connect, retries: 0, firstRetries: 0 })
    if (before === 0) stream.supervisor.hold()
    const played = stream.play()
    await vi.waitUntil(() => asked.length === before)
    stream.supervisor.hold()
    asked.at(-1)?.()
    // What could open a session has had its chance.
    await new Promise((resolve) => setImmediate(resolve))
    stream.supervisor.resume()
    await vi.waitFor(() => expect(asked).toHaveLength(before + 1))
    asked.at(-1)!()
    await played
    await stream.supervisor.end()
    expect(server?.connections).toHaveLength(1)
    expect(stream.attempts.map(({ error }) => error.code)).toEqual(Array(before).fill('OUTPUT_STALLED'))
    expectHeard(stream, script)
  })
})

describe('errors', () => {
  const silence = Buffer.alloc(10 * FRAME_BYTES)

  it.each([
    [{ fault: 'refuse', code: 1008, text: 'Unauthorized Connection: Invalid API key' }, 'UNAUTHORIZED'],
    [{ fault: 'refuse', code: 3006 }, 'INVALID_REQUEST'],
    [{ fault: 'http-error', status: 401 }, 'UNAUTHORIZED'],
    [{ fault: 'error', code: 3007 }, 'AUDIO_REJECTED'],
  ] as const)('that no further attempt can help come at once: %o', async (fault, code) => {
    await serve(fault)
    const stream = new Stream(silence)
    await stream.play()
    await expect(stream.supervisor.done).rejects.toMatchObject({ code, retryable: false })
    expect(server?.attempts).toBe(1)
    expect(stream.attempts).toEqual([])
  })

  it('for too many sessions are waited out for at least two seconds', async () => {
    await serve({ fault: 'refuse', code: 3009 })
    const stream = new Stream(silence)
    const record = once(stream.supervisor, 'reconnecting')
    await stream.play()
    expect((await record)[0]).toMatchObject({ attempt: 1, error: { code: 'TOO_MANY_SESSIONS' } })
    expect(stream.attempts[0]?.delay).toBeGreaterThanOrEqual(2000)
    await stream.supervisor.destroy()
    await expect(stream.supervisor.done).rejects.toMatchObject({ code: 'TOO_MANY_SESSIONS' })
    expect(server?.attempts).toBe(1)
  })

  it('stand once the attempts before the first session are used up', async () => {
    await serve({ fault: 'http-error', status: 503 })
    const stream = new Stream(silence, { firstRetries: 2 })
    await stream.play()
    await expect(stream.supervisor.done).rejects.toMatchObject({ code: 'CONNECT_FAILED', httpStatus: 503 })
    expect(stream.attempts.map(({ attempt }) => attempt)).toEqual([1, 2])
    expect(server?.attempts).toBe(3)
  })

  it('show nothing that the address holds for a webhook, whatever the server quotes', async () => {
    const text = "Invalid 'webhook_url': got 'https://user:hook-password@example.org/' and 'hook-secret'"
    await serve({ fault: 'refuse', code: 3006, text })
    const hook = new URLSearchParams({
      webhook_url: 'https://user:hook-password@example.org/',
      webhook_auth_header_value: 'hook-secret',
    })
    const connect = async (): Promise<SessionTarget> => ({
      ...target('key'),
      url: `${target('key').url}&${hook.toString()}`,
    })
    const stream = new Stream(silence, { connect })
    await stream.play()
    const serverMessage = "Invalid 'webhook_url': got 'https://***@example.org/' and '***'"
    await expect(stream.supervisor.done).rejects.toMatchObject({ code: 'INVALID_REQUEST', serverMessage })
  })

  it('of the engine itself stand instead of what the socket says', async () => {
    await serve({ fault: 'error', code: 3005 })
    const failure = new EngineError('ENGINE_FAILED', 'the model is broken')
    const stream = new Stream(silence, { failure: () => failure })
    await stream.play()
    await expect(stream.supervisor.done).rejects.toBe(failure)
    expect(stream.attempts).toEqual([])
  })

  it('of the function that gives credentials are final, unless they say otherwise', async () => {
    const stream = new Stream(silence, { connect: () => Promise.reject(new TypeError('no key')) })
    await stream.play()
    await expect(stream.supervisor.done).rejects.toThrow('no key')
    expect(stream.attempts).toEqual([])
  })
})

describe('the budget of attempts', () => {
  const silence = Buffer.alloc(10 * FRAME_BYTES)
  const now = performance.now.bind(performance)
  let later = 0

  /** Lets the clock jump; nothing waits for it. */
  function jump(ms: number): void {
    later += ms
  }

  beforeEach(() => {
    later = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now() + later)
  })

  it('is the same in a process that has run for long', async () => {
    jump(3_600_000)
    await serve({ fault: 'http-error', status: 503 })
    const stream = new Stream(silence, { firstRetries: 2 })
    // Ends a test that would go on for ever.
    stream.supervisor.on('reconnecting', () => {
      if (stream.attempts.length > 5) void stream.supervisor.destroy()
    })
    await stream.play()
    await expect(stream.supervisor.done).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
    expect(stream.attempts.map(({ attempt }) => attempt)).toEqual([1, 2])
  })

  it('is used up by a server that stays away for long', async () => {
    await serve((index) => (index === 0 ? { fault: 'none' } : { fault: 'http-error', status: 503 }))
    const stream = new Stream(silence, { retries: 3 })
    stream.supervisor.on('reconnecting', () => {
      jump(40_000)
      if (stream.attempts.length > 6) void stream.supervisor.destroy()
    })
    const begun = once(stream.supervisor, 'session')
    await stream.play()
    await begun
    cut(0)
    await expect(stream.supervisor.done).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
    expect(stream.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  })

  it.each([
    ['goes on where a session was short and gave no turn', 0, 2],
    ['goes on where a session lived long and gave no turn', 31_000, 2],
  ])('%s', async (_, ms, attempt) => {
    await serve((index) => (index === 0 ? { fault: 'http-error', status: 503 } : { fault: 'none' }))
    const stream = new Stream(silence)
    const begun = once(stream.supervisor, 'session')
    await stream.play()
    await begun
    jump(ms)
    cut(0)
    await once(stream.supervisor, 'reconnecting')
    expect(stream.attempts.map((record) => record.attempt)).toEqual([1, attempt])
    await stream.supervisor.end()
  })
})

describe('roll-over', () => {
  it('changes to the next session before the present one expires, and nobody notices', async () => {
    await serve([{ fault: 'expire', lifetimeMs: 2000 }])
    const script = dialogue(10)
    const stream = new Stream(toneAudio(script), { rate: () => 6, overlap: 5000 })
    await stream.play()
    await stream.supervisor.end()
    expectHeard(stream, script)
    expect(stream.attempts).toEqual([])
    expect(stream.warnings).toEqual([])
    const ids = [...new Set(stream.sessions.map(({ begin }) => begin.id))]
    expect(ids).toHaveLength(2)
    expect(stream.sessions.at(-1)?.offset).toBeGreaterThan(0)
    expect(server?.attempts).toBe(2)
  })

  it('is a loss like any other where the next session cannot be opened in time', async () => {
    await serve([
      { fault: 'expire', lifetimeMs: 1000 },
      { fault: 'http-error', status: 503 },
    ])
    const script = dialogue(8)
    const stream = new Stream(toneAudio(script), { rate: () => 6, overlap: 5000 })
    await stream.play()
    await stream.supervisor.end()
    expectHeard(stream, script)
    expect(stream.warnings.map(({ code }) => code)).toEqual(['ROLL_OVER_FAILED'])
    expect(stream.attempts.map(({ error }) => error.code)).toEqual(['SESSION_EXPIRED'])
  })

  it('is not missed where the audio ends before the next session may be opened', async () => {
    await serve([{ fault: 'expire', lifetimeMs: 4000 }])
    const script = dialogue(4)
    const asked = new EventEmitter<{ again: [AbortSignal] }>()
    const admission = async ({ again, signal }: SessionOpening): Promise<void> => {
      if (!again) return
      asked.emit('again', signal)
      await once(signal, 'abort')
    }
    const stream = new Stream(toneAudio(script), { admission })
    const waiting = once(asked, 'again')
    await stream.play()
    const [signal] = await waiting
    await stream.supervisor.end()
    expectHeard(stream, script)
    expect(stream.warnings).toEqual([])
    expect(signal).toHaveProperty('aborted', true)
    expect(server?.attempts).toBe(1)
  })
})

describe('sessions that are too short', () => {
  it('are an error where none comes further than the one before it', async () => {
    await serve((index) => (index === 0 ? { fault: 'drop', afterMs: 3000 } : { fault: 'error', code: 3008 }))
    const stream = new Stream(toneAudio(dialogue(3)), { retries: 100 })
    await stream.play(4000)
    await expect(stream.supervisor.end()).rejects.toMatchObject({ code: 'SESSION_TOO_SHORT', retryable: false })
    expect(server?.attempts).toBeLessThan(8)
  })
})

describe('destroy()', () => {
  const silence = Buffer.alloc(10 * FRAME_BYTES)

  /** Destroys a stream: what is still open when it is gone. */
  async function leftBy(stream: Stream): Promise<string[]> {
    await stream.supervisor.destroy()
    await expect(stream.supervisor.done).rejects.toMatchObject({ name: 'SessionError' })
    await vi.waitFor(() => {
      for (const { closeCode } of server?.connections ?? []) expect(closeCode).toBeDefined()
    })
    // Nothing comes back to life.
    const attempts = server?.attempts
    await server?.close()
    const left = await leftovers(before)
    expect(server?.attempts).toBe(attempts)
    return left
  }

  it('has nothing to do before there is audio', async () => {
    const stream = new Stream(silence)
    expect(stream.supervisor.end()).toBeUndefined()
    await stream.supervisor.destroy()
    expect(await leftovers(before)).toEqual([])
  })

  it('opens no socket for credentials that come too late', async () => {
    await serve([])
    let give: (given: SessionTarget) => void = () => {}
    const stream = new Stream(silence, { connect: () => new Promise((resolve) => (give = resolve)) })
    await stream.play(100)
    const left = leftBy(stream)
    give(target('key'))
    expect(await left).toEqual([])
    expect(server?.attempts).toBe(0)
  })

  it.each(['no-upgrade', 'no-begin'] as const)('leaves nothing while it connects: %s', async (fault) => {
    await serve({ fault })
    const stream = new Stream(silence)
    await stream.play()
    await vi.waitFor(() => expect(server?.attempts).toBe(1))
    expect(await leftBy(stream)).toEqual([])
  })

  it('leaves nothing while audio is sent, and lets go of whoever is held back', async () => {
    await serve([])
    const stream = new Stream(Buffer.alloc(400 * FRAME_BYTES), { rate: () => 1 })
    const begun = once(stream.supervisor, 'session')
    const playing = stream.play()
    await begun
    const left = leftBy(stream)
    await playing
    expect(await left).toEqual([])
  })

  it('leaves nothing while it waits for the next attempt', async () => {
    await serve({ fault: 'http-error', status: 503 })
    const stream = new Stream(silence, { retryDelay: 60_000, maxRetryDelay: 60_000 })
    const waiting = once(stream.supervisor, 'reconnecting')
    await stream.play()
    await waiting
    expect(await leftBy(stream)).toEqual([])
  })

  it('leaves nothing while the next session opens beside the present one', async () => {
    await serve([{ fault: 'expire', lifetimeMs: 1000 }, { fault: 'no-begin' }])
    const stream = new Stream(silence)
    await stream.play()
    await vi.waitFor(() => expect(server?.attempts).toBe(2), { timeout: 20_000 })
    expect(await leftBy(stream)).toEqual([])
  })

  it('leaves nothing while the end is not confirmed', async () => {
    await serve({ fault: 'no-termination' })
    const stream = new Stream(silence)
    await stream.play()
    stream.supervisor.end()?.catch(() => {})
    await vi.waitFor(() => expect(server?.connections[0]?.messages).toContain('{"type":"Terminate"}'))
    expect(await leftBy(stream)).toEqual([])
  })

  it('may be called twice', async () => {
    await serve([])
    const stream = new Stream(silence)
    await stream.play()
    await Promise.all([stream.supervisor.destroy(), stream.supervisor.destroy()])
    expect(await leftBy(stream)).toEqual([])
  })
})
