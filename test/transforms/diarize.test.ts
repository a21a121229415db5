import { writeWavHeader } from '../../src/audio/wav.ts'
import type { Warning } from '../../src/errors.ts'
import type { EngineListener } from '../../src/engine/engine.ts'
import type { Turn } from '../../src/model.ts'
import type { SessionOpening } from '../../src/stream/options.ts'
import { withSpeaker } from '../../src/stream/turns/turn-assembler.ts'
import type { DiarizeOptions } from '../../src/transforms/diarize-options.ts'
import { TurnTotals } from '../../src/stream/turn-totals.ts'
import { diarize } from '../../src/transforms/diarize.ts'
import { scriptedEngine } from '../../src/testing/scripted-engine.ts'
import { frame } from '../../src/transforms/frame.ts'
import { resample } from '../../src/transforms/resample.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { begin, fast, type SocketPeer, socketPeer, termination } from '../helpers/socket-peer.ts'
import fc from 'fast-check'
import { once } from 'node:events'
import { Agent } from 'node:https'
import { connect } from 'node:net'
import { type Duplex, PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { WebSocket } from 'ws'
import { runs } from '../helpers/runs.ts'

let peer: SocketPeer | undefined

beforeEach(() => {
  vi.stubEnv('ASSEMBLYAI_API_KEY', '')
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await vi.waitFor(() => expect(peer?.connections() ?? 0).toBe(0))
  await peer?.close()
  peer = undefined
})

const word = (text: string, start: number, end: number, speaker?: string) => ({
  text,
  start,
  end,
  confidence: 0.9,
  word_is_final: true,
  ...(speaker ? { speaker } : {}),
})

const turn = (order: number, words: ReturnType<typeof word>[], more: object = {}) =>
  JSON.stringify({
    turn_order: order,
    turn_is_formatted: true,
    end_of_turn: true,
    transcript: words.map(({ text }) => text).join(' '),
    end_of_turn_confidence: 1,
    words,
    speaker_label: 'A',
    type: 'Turn',
    ...more,
  })

interface Heard {
  url: URL
  authorization: string | undefined
  frames: Buffer[]
  messages: string[]
}

/** A peer that begins, records, answers Terminate by `finals` and a Termination, and calls `react` on each frame. */
async function recorder(
  finals: string[] = [],
  react: (socket: WebSocket, frames: number) => void = () => {},
  more: object = fast,
): Promise<Heard> {
  const heard: Heard = { url: new URL('ws://none'), authorization: undefined, frames: [], messages: [] }
  peer = await socketPeer((socket, request) => {
    heard.url = new URL(request.url, 'ws://peer')
    heard.authorization = request.headers['authorization'] as string | undefined
    socket.on('message', (data, binary) => {
      if (binary) {
        heard.frames.push(data as Buffer)
        react(socket, heard.frames.length)
        return
      }
      const text = (data as Buffer).toString()
      heard.messages.push(text)
      if (!text.includes('Terminate')) return
      for (const final of finals) socket.send(final)
      socket.send(termination, () => socket.close(1000, 'Session Ended'))
    })
    socket.send(begin(more))
  })
  return heard
}

const pcm = (ms: number, value = 1): Buffer => Buffer.alloc(ms * 32, value)

/** Runs `source` through diarize() against the peer at hand and gives what came out. */
async function run(
  source: Iterable<unknown> | AsyncIterable<unknown> | Readable,
  options: DiarizeOptions = {},
  watch: (stage: ReturnType<typeof diarize>) => void = () => {},
): Promise<Turn[]> {
  const stage = diarize({ url: peer?.url ?? 'ws://127.0.0.1:9', apiKey: 'k', reconnect: { attempts: 0 }, ...options })
  watch(stage)
  const turns: Turn[] = []
  const readable = source instanceof Readable ? source : Readable.from(source)
  await pipeline(readable, stage, async (output: AsyncIterable<Turn>) => {
    for await (const item of output) turns.push(item)
  })
  return turns
}

describe('before there is any audio', () => {
  it('merges all updates, so that the newest hold', async () => {
    const heard = await recorder()
    await run([pcm(100)], {}, (stage) => {
      for (let silence = 100; silence <= 140; silence += 1) stage.updateConfiguration({ maxTurnSilence: silence })
      stage.updateConfiguration({ minTurnSilence: 90 })
      stage.forceEndpoint()
    })
    expect(heard.messages.map((text) => JSON.parse(text) as object)).toEqual([
      { type: 'UpdateConfiguration', max_turn_silence: 140, min_turn_silence: 90 },
      { type: 'ForceEndpoint' },
      { type: 'Terminate' },
    ])
  })
})

describe('a sink that is stuck', () => {
  it('has a live source go on, and nothing of the server pile up, until it takes turns again', async () => {
    let said = 0
    let sessions = 0
    peer = await socketPeer((socket) => {
      sessions += 1
      socket.send(begin())
      socket.on('message', (data, binary) => {
        if (!binary) return socket.send(termination, () => socket.close(1000))
        // Far more turns than anybody says.
        for (let count = 0; count < 40; count += 1, said += 1) {
          socket.send(turn(said, [word(`w${said}`, said, said + 1)]))
        }
      })
    })
    const stage = diarize({ url: peer.url, live: true, reconnect: { delay: 1 } })
    const warnings: Warning[] = []
    stage.on('warning', (warning) => warnings.push(warning))
    const source = setInterval(() => stage.write(pcm(50)), 5)
    await once(stage, 'warning')
    expect(stage.readableLength).toBeLessThan(2 * 256)
    expect(warnings).toMatchObject([{ code: 'OUTPUT_STALLED' }])
    await vi.waitFor(() => expect(peer!.connections()).toBe(0))
    const before = stage.readableLength
    // The source is not held back meanwhile.
    for (let count = 0; count < 50; count += 1) await new Promise((resolve) => stage.write(pcm(50), resolve))
    expect(stage.readableLength).toBe(before)
    // It takes turns again: a new session goes on.
    const next = once(stage, 'reconnecting')
    stage.resume()
    await next
    await vi.waitFor(() => expect(sessions).toBeGreaterThan(1))
    clearInterval(source)
    stage.destroy()
    await once(stage, 'close')
  })
})

describe('a server of other makers', () => {
  it.each([
    ['speaker_0', 'speaker_1'],
    ['1', '0'],
    ['a', 'b'],
    ['SPEAKER_01', 'SPEAKER_00'],
    ['Agent', 'Caller'],
  ])('calls its speakers %s and %s: they are A and B, and that is said once', async (first, second) => {
    await recorder([
      turn(0, [word('Hello.', 100, 400, first)], { speaker_label: first }),
      turn(1, [word('Yes.', 500, 700, second), word('No.', 800, 900, first)], { speaker_label: second }),
    ])
    const warnings: Warning[] = []
    const turns = await run([pcm(1000)], {}, (stage) => stage.on('warning', (warning) => warnings.push(warning)))
    expect(turns.map(({ speaker, words }) => [speaker, words.map((each) => each.speaker)])).toEqual([
      ['A', ['A']],
      ['B', ['B', 'A']],
    ])
    expect(warnings).toMatchObject([{ code: 'LABELS_RENAMED', label: first }])
  })

  it('has numbers for speakers', async () => {
    const words = [{ ...word('Hello.', 100, 400), speaker: 0 }] as unknown as ReturnType<typeof word>[]
    await recorder([turn(0, words, { speaker_label: 0 })])
    const turns = await run([pcm(1000)])
    expect(turns).toMatchObject([{ speaker: 'A', words: [{ speaker: 'A' }] }])
  })

  it('has names that are shown as they are where that is asked for', async () => {
    await recorder([turn(0, [word('Hello.', 100, 400, 'Agent')], { speaker_label: 'Agent' })])
    const warnings: Warning[] = []
    const turns = await run([pcm(1000)], { serverLabels: 'asGiven' }, (stage) =>
      stage.on('warning', (warning) => warnings.push(warning)),
    )
    expect(turns).toMatchObject([{ speaker: 'Agent', words: [{ speaker: 'Agent' }] }])
    expect(warnings).toEqual([])
  })

  it('confirms the end with a turn still open: its words are the last turn, and that is said', async () => {
    const open = turn(1, [word('And', 500, 700, 'A'), word('so', 700, 900, 'A')], { end_of_turn: false })
    await recorder([turn(0, [word('Hello.', 100, 400, 'A')]), open])
    const warnings: Warning[] = []
    const turns = await run([pcm(1000)], {}, (stage) => stage.on('warning', (warning) => warnings.push(warning)))
    expect(
      turns.map(({ order, endOfTurn, unconfirmed, transcript }) => ({ order, endOfTurn, unconfirmed, transcript })),
    ).toEqual([
      { order: 0, endOfTurn: true, unconfirmed: undefined, transcript: 'Hello.' },
      { order: 1, endOfTurn: true, unconfirmed: true, transcript: 'And so' },
    ])
    expect(warnings).toMatchObject([{ code: 'TURN_UNCONFIRMED', order: 1, words: 2, start: 500, end: 900 }])
  })
})

describe('what a server may not take as it is', () => {
  const parameters = {
    speechModel: 'universal-9-pro',
    mode: 'manual',
    minTurnSilence: 20,
    maxTurnSilence: 10_001,
    speakerLabelsRevisionIntervalMs: 60_000,
  }

  /** Runs against the peer at hand as if it were AssemblyAI. */
  async function atService(options: DiarizeOptions, watch: Parameters<typeof run>[2] = () => {}): Promise<Warning[]> {
    const agent = new Agent()
    agent.createConnection = () => connect(Number(new URL(peer!.url).port), '127.0.0.1')
    const warnings: Warning[] = []
    await run([pcm(100)], { url: undefined as unknown as string, agent, ...options }, (stage) => {
      stage.on('warning', (warning) => warnings.push(warning))
      watch(stage)
    })
    return warnings
  }

  it('is sent all the same, and warned of', async () => {
    const heard = await recorder()
    expect(await atService({ parameters })).toMatchObject([
      { code: 'PARAMETER_OUT_OF_RANGE', option: 'parameters.minTurnSilence', value: 20, least: 50, most: 10_000 },
      { code: 'PARAMETER_OUT_OF_RANGE', option: 'parameters.maxTurnSilence', value: 10_001 },
      { code: 'PARAMETER_OUT_OF_RANGE', option: 'parameters.speakerLabelsRevisionIntervalMs', least: 120_000 },
      { code: 'UNKNOWN_MODEL', option: 'parameters.speechModel', value: 'universal-9-pro' },
      { code: 'UNKNOWN_MODE', option: 'parameters.mode', value: 'manual' },
    ])
    expect(Object.fromEntries(heard.url.searchParams)).toMatchObject({
      speech_model: 'universal-9-pro',
      mode: 'manual',
      min_turn_silence: '20',
      max_turn_silence: '10001',
      speaker_labels_revision_interval_ms: '60000',
    })
  })

  it('is not there by default, nor at the bounds', async () => {
    await recorder()
    const atBounds = { minTurnSilence: 50, maxTurnSilence: 10_000, speakerLabelsRevisionIntervalMs: 0 }
    expect(await atService({ parameters: atBounds, models: 'strict' })).toEqual([])
  })

  it('is warned of in updates as well, which strict refuses', async () => {
    await recorder()
    const update = { mode: 'manual', minTurnSilence: 10 }
    const warnings = await atService({}, (stage) => stage.updateConfiguration(update))
    expect(warnings.map(({ code, option }) => [code, option])).toEqual([
      ['PARAMETER_OUT_OF_RANGE', 'minTurnSilence'],
      ['UNKNOWN_MODE', 'mode'],
    ])
    const stage = diarize({ url: 'ws://127.0.0.1:9', models: 'strict' })
    expect(() => stage.updateConfiguration({ mode: 'manual' })).toThrow(/^mode, when given, must be 'min_latency'/)
    stage.destroy()
  })

  it('may be a model of a server of your own', async () => {
    await recorder()
    const warnings: Warning[] = []
    await run([pcm(100)], { parameters: { speechModel: 'mine' } }, (stage) =>
      stage.on('warning', (warning) => warnings.push(warning)),
    )
    expect(warnings).toEqual([])
  })
})

describe('a stream that waits for its turn', () => {
  it('asks whoever counts sessions elsewhere, and lets go when it is closed', async () => {
    await recorder()
    const asked: SessionOpening[] = []
    let admit = (): void => {}
    const admission = (opening: SessionOpening): Promise<void> => {
      asked.push(opening)
      return new Promise((resolve) => (admit = resolve))
    }
    const stage = diarize({ url: peer!.url, apiKey: 'one', admission })
    stage.write(pcm(100))
    const [warning] = (await once(stage, 'warning')) as [Warning]
    expect(warning.code).toBe('SESSION_QUEUED')
    expect(peer!.connections()).toBe(0)
    expect(asked).toEqual([{ live: false, again: false, signal: expect.any(AbortSignal) }])
    admit()
    await once(stage, 'session')
    stage.destroy()
    const other = diarize({ url: peer!.url, apiKey: 'one', admission })
    other.write(pcm(100))
    while (asked.length < 2) await new Promise((resolve) => setImmediate(resolve))
    other.destroy()
    await once(asked[1]!.signal, 'abort')
    const atOnce = diarize({ url: peer!.url, apiKey: 'one', admission: (() => {}) as never })
    atOnce.write(pcm(100))
    await once(atOnce, 'session')
    atOnce.destroy()
    const refused = diarize({ url: peer!.url, apiKey: 'one', admission: () => Promise.reject(new Error('no more')) })
    refused.write(pcm(100))
    await expect(once(refused, 'session')).rejects.toThrow('no more')
  })

  it('says so, and can be ended meanwhile; another key does not wait', async () => {
    await recorder()
    const open = (apiKey: string): ReturnType<typeof diarize> => {
      const stage = diarize({ url: peer!.url, apiKey, sessionRate: 1 })
      stage.write(pcm(100))
      return stage
    }
    const first = open('one')
    await once(first, 'session')
    const second = open('one')
    const other = open('other')
    await once(other, 'session')
    const [warning] = (await once(second, 'warning')) as [Warning]
    expect(warning).toMatchObject({ code: 'SESSION_QUEUED', ahead: 0, perMinute: 1 })
    expect(peer!.connections()).toBe(2)
    for (const stage of [second, first, other]) {
      stage.destroy()
      await once(stage, 'close')
    }
    // Nothing of it is left: the next stream has a meter of its own.
    const next = open('one')
    await once(next, 'session')
    next.destroy()
    await once(next, 'close')
  })
})

describe('on the wire', () => {
  it('sends the parameters, frames of exactly 50 ms, a padded tail, and Terminate', async () => {
    const heard = await recorder()
    await run([pcm(120), pcm(7), pcm(1)], {
      parameters: { maxSpeakers: 2, keytermsPrompt: ['a', 'b'] },
      query: { newest: '1' },
    })
    expect(heard.url.pathname).toBe('/v3/ws')
    expect(heard.url.search).toBe(
      '?speech_model=universal-3-6-pro&sample_rate=16000&encoding=pcm_s16le&speaker_labels=true&max_speakers=2&keyterms_prompt=%5B%22a%22%2C%22b%22%5D&session_heartbeat=true&newest=1',
    )
    expect(heard.authorization).toBe('k')
    expect(heard.frames.map(({ length }) => length)).toEqual([1600, 1600, 1600])
    expect(Buffer.concat(heard.frames)).toEqual(Buffer.concat([pcm(128), pcm(22, 0)]))
    expect(heard.messages).toEqual(['{"type":"Terminate"}'])
  })

  it('takes frames as they come from frame(), and 8 kHz mu-law', async () => {
    const heard = await recorder()
    const stage = diarize({ url: peer?.url as string, encoding: 'pcm_mulaw' })
    stage.resume()
    await pipeline(Readable.from([Buffer.alloc(900, 3)]), frame({ sampleRate: 8000, encoding: 'mulaw' }), stage)
    expect(heard.url.searchParams.get('sample_rate')).toBe('8000')
    expect(heard.url.searchParams.get('encoding')).toBe('pcm_mulaw')
    expect(heard.frames.map(({ length }) => length)).toEqual([400, 400, 400])
    expect(heard.frames[2]).toEqual(Buffer.concat([Buffer.alloc(100, 3), Buffer.alloc(300, 0xff)]))
  })

  it('takes samples as typed arrays', async () => {
    const heard = await recorder()
    await run([Int16Array.of(1, 2), Float32Array.of(0.5), new DataView(new ArrayBuffer(2))])
    expect(heard.frames[0]?.subarray(0, 8)).toEqual(Buffer.from([1, 0, 2, 0, 0, 64, 0, 0]))
  })

  it('opens no connection before there is audio', async () => {
    await recorder()
    let connections = 0
    const source = new PassThrough()
    const done = run(source, {}, () => (connections = peer?.connections() ?? 0))
    source.end()
    await expect(done).rejects.toMatchObject({ code: 'NO_AUDIO' })
    expect(connections).toBe(0)
  })

  it('sends updates and endpoints, those given early right after Begin', async () => {
    const heard = await recorder()
    await run([pcm(100)], {}, (stage) => {
      stage.updateConfiguration({ maxTurnSilence: 300, keytermsPrompt: [] })
      stage.forceEndpoint()
    })
    expect(heard.messages).toEqual([
      '{"type":"UpdateConfiguration","max_turn_silence":300,"keyterms_prompt":[]}',
      '{"type":"ForceEndpoint"}',
      '{"type":"Terminate"}',
    ])
  })

  it('refuses an update that the protocol fixes at connection, or out of range', () => {
    const stage = diarize({ url: 'ws://127.0.0.1:9' })
    expect(() => stage.updateConfiguration({ sampleRate: 8000 } as object)).toThrow(/has no option sampleRate/)
    expect(() => stage.updateConfiguration({ vadThreshold: 2 })).toThrow(/from 0 to 1; got 2/)
    stage.destroy()
  })

  it('asks the token function for each connection', async () => {
    const heard = await recorder()
    let asked = 0
    await run([pcm(50)], { apiKey: undefined as unknown as string, token: async () => `t${(asked += 1)}` })
    expect(heard.url.searchParams.get('token')).toBe('t1')
    expect(heard.authorization).toBeUndefined()
    expect(asked).toBe(1)
  })
})

describe('what comes out', () => {
  it('is final turns in order, in stream time, with labels', async () => {
    await recorder([
      turn(0, [word('Hello', 10, 30, 'A'), word('you.', 30, 45, 'UNKNOWN')]),
      turn(1, [], { transcript: '' }),
    ])
    expect(await run([pcm(100)])).toEqual([
      {
        sessionId: 'session-1',
        order: 0,
        revision: 0,
        endOfTurn: true,
        formatted: true,
        transcript: 'Hello you.',
        speaker: 'A',
        words: [
          { text: 'Hello', start: 10, end: 30, confidence: 0.9, speaker: 'A', final: true },
          { text: 'you.', start: 30, end: 45, confidence: 0.9, final: true },
        ],
        start: 10,
        end: 45,
      },
    ])
  })

  it.each([false, true])('with partials: %s', async (partials) => {
    const open = turn(0, [word('Hel', 10, 20)], { end_of_turn: false })
    await recorder([open, turn(0, [word('Hello', 10, 30)])])
    const seen: Turn[] = []
    const turns = await run([pcm(50)], { partials }, (stage) => stage.on('partial', (item) => seen.push(item)))
    expect(seen.map(({ transcript }) => transcript)).toEqual(['Hel'])
    expect(turns.map(({ endOfTurn }) => endOfTurn)).toEqual(partials ? [false, true] : [true])
  })

  it('applies a revision: the turn comes again, whole', async () => {
    const revision = JSON.stringify({
      type: 'SpeakerRevision',
      revisions: [{ turn_order: 0, speaker_label: 'B', words: [word('Hello', 10, 30, 'B')] }],
    })
    await recorder([turn(0, [word('Hello', 10, 30, 'A')]), revision])
    const revised: Turn[] = []
    const turns = await run([pcm(50)], {}, (stage) => stage.on('revision', (item) => revised.push(item)))
    expect(turns.map(({ order, revision: number, speaker }) => [order, number, speaker])).toEqual([
      [0, 0, 'A'],
      [0, 1, 'B'],
    ])
    expect(revised).toEqual([turns[1]])
  })

  it('gives one final where the formatted one follows the unformatted', async () => {
    const bare = turn(0, [word('hello', 10, 30)], { turn_is_formatted: false })
    await recorder([bare, turn(0, [word('Hello.', 10, 30)])])
    const turns = await run([pcm(50)], { parameters: { formatTurns: true } })
    expect(turns.map(({ transcript }) => transcript)).toEqual(['Hello.'])
  })

  it('does not lose an unformatted final whose formatted form never comes', async () => {
    await recorder([turn(0, [word('hello', 10, 30)], { turn_is_formatted: false })])
    const turns = await run([pcm(50)], { parameters: { formatTurns: true } })
    expect(turns.map(({ transcript }) => transcript)).toEqual(['hello'])
  })

  it('tells at the end of the speakers that the turns have then', async () => {
    const revisions = [{ turn_order: 1, speaker_label: 'A', words: [word('there', 30, 50, 'A')] }]
    const partial = turn(2, [word('Oh', 50, 60, 'C')], { end_of_turn: false, speaker_label: 'C' })
    await recorder([
      turn(0, [word('Hello', 10, 30, 'A')]),
      turn(1, [word('there', 30, 50, 'B')], { speaker_label: 'B' }),
      partial,
      turn(2, [word('Oh', 50, 60)], { speaker_label: 'D' }),
      JSON.stringify({ type: 'SpeakerRevision', revisions }),
    ])
    const last: { turns: number; speakers: string[] }[] = []
    const turns = await run([pcm(60)], {}, (stage) => stage.on('progress', (progress) => void (last[0] = progress)))
    expect(turns.map(({ words }) => words[0]?.speaker)).toEqual(['A', 'B', undefined, 'A'])
    expect(last).toMatchObject([{ turns: 3, speakers: ['A', 'D'] }])
  })

  it('does not wait for the end of the session for it', async () => {
    const bare = turn(0, [word('hello', 10, 30)], { turn_is_formatted: false })
    await recorder([], (socket, frames) => {
      if (frames === 1) socket.send(bare)
    })
    const source = new PassThrough()
    const stage = diarize({ url: peer?.url as string, parameters: { formatTurns: true } })
    const sink = new Writable({ objectMode: true, write: (_item, _encoding, next) => next() })
    const done = pipeline(source, stage, sink)
    source.write(pcm(50))
    expect(await once(stage, 'data')).toMatchObject([{ transcript: 'hello' }])
    source.end()
    await done
  })

  it('tells of the session, the progress and the termination', async () => {
    await recorder([turn(0, [word('Hi', 10, 30, 'A'), word('you', 30, 40, 'B')])], undefined, {
      configuration: { model: 'm-1', speaker_labels: true, faster_than_real_time: true },
    })
    const events: [string, unknown][] = []
    const warnings: Warning[] = []
    await run([pcm(1500)], { parameters: { speechModel: 'm-1' } }, (stage) => {
      for (const name of ['session', 'progress', 'termination'] as const)
        stage.on(name, (fact) => events.push([name, fact]))
      stage.on('warning', (warning) => warnings.push(warning))
    })
    const names = events.map(([name]) => name)
    expect(names[0]).toBe('session')
    expect(names.slice(-2)).toEqual(['progress', 'termination'])
    expect(events[0]?.[1]).toMatchObject({
      sessionId: 'session-1',
      engine: 'server',
      model: 'm-1',
      url: peer?.url,
      offset: 0,
      startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
    })
    const certainty = expect.objectContaining({ words: 2, rated: 2, uncertain: 0 }) as object
    const told = { audioMs: 1500, doneMs: 1500, turns: 1, speakers: ['A', 'B'], languages: [], certainty }
    expect(events.at(-2)?.[1]).toEqual(told)
    expect(events.at(-1)?.[1]).toEqual({ audioMs: 1000, sessionMs: 2000 })
    expect(warnings).toEqual([])
  })

  it('tells how much is done, not only sent, while an engine catches up', async () => {
    const said = [0, 1, 2].map((n) => ({
      words: 'some words',
      start: n * 10_000 + 500,
      end: n * 10_000 + 9000,
      partialsAt: [],
      finalAt: 57_000 + n * 1000,
    }))
    const progress: { audioMs: number; doneMs: number }[] = []
    const frames = Array.from({ length: 600 }, () => pcm(100))
    // An engine hears that somebody speaks long before it has made words of it.
    const events = said.map(({ start }) => ({
      at: start + 200,
      report: (listener: EngineListener) => listener.speechStarted(start, 1),
    }))
    const stage = diarize({ engine: scriptedEngine(said, { events }) })
    stage.on('progress', ({ audioMs, doneMs }) => progress.push({ audioMs, doneMs }))
    await pipeline(Readable.from(frames), stage.resume(), new PassThrough({ objectMode: true }).resume())
    // Nobody has spoken in what was sent before the engine told of it.
    const waiting = progress.filter(({ audioMs }) => audioMs > 10_000 && audioMs < 57_000)
    expect(waiting.length).toBeGreaterThan(10)
    expect(new Set(waiting.map(({ doneMs }) => doneMs)).size).toBe(1)
    expect(waiting[0]!.doneMs).toBeLessThan(10_000)
    const done = progress.map(({ doneMs }) => doneMs)
    expect(done).toEqual(done.toSorted((a, b) => a - b))
    expect(done).toContain(9000)
    expect(progress.at(-1)).toEqual({ audioMs: 60_000, doneMs: 60_000 })
  })

  it('warns where the server runs something else than was asked for', async () => {
    await recorder([], undefined, {
      configuration: { model: 'm-2', speaker_labels: false, faster_than_real_time: true },
    })
    const warnings: Warning[] = []
    await run([pcm(50)], { parameters: { speechModel: 'm-1' } }, (stage) =>
      stage.on('warning', (warning) => warnings.push(warning)),
    )
    expect(warnings).toMatchObject([
      { code: 'CONFIGURATION_MISMATCH', message: 'asked for the model m-1, but the server runs m-2' },
      { code: 'CONFIGURATION_MISMATCH', message: 'the server says that speaker labels are off' },
    ])
  })
})

describe('the stage above', () => {
  it('decides the rate where no other was asked for', async () => {
    const heard = await recorder()
    const wav = Buffer.concat([writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }), pcm(100)])
    const stage = diarize({ url: peer?.url as string })
    stage.resume()
    await pipeline(Readable.from([wav]), resample({ sampleRate: 8000 }), stage)
    expect(heard.url.searchParams.get('sample_rate')).toBe('8000')
    expect(heard.frames.map(({ length }) => length)).toEqual([800, 800])
  })

  it('must not contradict what was asked for', async () => {
    const stage = diarize({ url: 'ws://127.0.0.1:9', sampleRate: 16_000 })
    const wav = Buffer.concat([writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }), pcm(100)])
    await expect(pipeline(Readable.from([wav]), resample({ sampleRate: 8000 }), stage)).rejects.toMatchObject({
      code: 'INVALID_PIPELINE',
      message: expect.stringContaining('8000 Hz'),
    })
  })

  it('may give WAV of the right format', async () => {
    const heard = await recorder()
    await run([writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }), pcm(100)])
    expect(Buffer.concat(heard.frames)).toEqual(pcm(100))
  })

  it.each([
    [
      'stereo WAV',
      [writeWavHeader({ sampleRate: 16_000, channels: 2, encoding: 's16le' }), pcm(100)],
      'put resample() between',
    ],
    ['objects', [{ not: 'audio' }], 'put resample() between'],
  ])('may not give %s', async (_name, chunks, message) => {
    await expect(run(chunks as unknown[])).rejects.toMatchObject({
      code: 'INVALID_PIPELINE',
      message: expect.stringContaining(message),
    })
  })
})

describe('back-pressure', () => {
  it('stops the source while nobody takes the turns', async () => {
    let order = 0
    const heard = await recorder([], (socket) => socket.send(turn(order++, [word('word', order, order + 1)])))
    let given = 0
    const source = new Readable({
      highWaterMark: 3200,
      read() {
        given += 50
        this.push(given > 20_000 ? null : pcm(50))
      },
    })
    const taken: Turn[] = []
    let open = false
    let wake: (() => void) | undefined
    const sink = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(item: Turn, _encoding, next) {
        taken.push(item)
        if (open) next()
        else wake = next
      },
    })
    const done = pipeline(source, diarize({ url: peer?.url as string }), sink)
    await vi.waitFor(() => expect(wake).toBeDefined())
    const settled = async (): Promise<number> => {
      let before = -1
      while (before !== heard.frames.length) {
        before = heard.frames.length
        for (let tick = 0; tick < 50; tick += 1) await new Promise((resolve) => setImmediate(resolve))
      }
      return before
    }
    expect(await settled()).toBeLessThan(60)
    expect(given).toBeLessThan(6000)
    open = true
    wake?.()
    await done
    expect(heard.frames).toHaveLength(400)
    expect(taken.map((item) => item.order)).toEqual(Array.from({ length: 400 }, (_, index) => index))
  })
})

describe('failure', () => {
  it.each([
    [
      'an Error frame midway',
      (socket: WebSocket) => {
        socket.send('{"type":"Error","error_code":3005,"error":"Session Cancelled: An error occurred"}')
        socket.close(3005)
      },
      'SERVER_ERROR',
    ],
    ['a broken connection', (socket: WebSocket) => socket.terminate(), 'CONNECTION_LOST'],
    ['a clean close', (socket: WebSocket) => socket.close(1000), 'CONNECTION_LOST'],
  ])('%s destroys the stream and the source', async (_name, act, code) => {
    await recorder([], (socket, frames) => {
      if (frames === 3) act(socket)
    })
    const source = new Readable({
      read() {
        this.push(pcm(50))
      },
    })
    await expect(run(source)).rejects.toMatchObject({ code, name: 'SessionError' })
    expect(source.destroyed).toBe(true)
  })

  it('at the end of the audio is no success', async () => {
    peer = await socketPeer((socket) => {
      socket.on('message', (_data, binary) => {
        if (!binary) socket.close(1000)
      })
      socket.send(begin(fast))
    })
    await expect(run([pcm(100)])).rejects.toMatchObject({ code: 'TERMINATION_MISSING' })
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('sealed')), 'sealed'],
    ['never answers', () => new Promise<string>(() => {}), 'no key or token came within 150 ms'],
  ])('of a token function that %s is typed', async (_name, token, message) => {
    await recorder()
    const options = { apiKey: undefined as unknown as string, token, timeouts: { connect: 150 } }
    await expect(run([pcm(50)], options)).rejects.toMatchObject({
      code: 'TOKEN_FAILED',
      message: expect.stringContaining(message),
    })
  })

  it('leaves no timer behind where it is destroyed while a token function does not answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    let end = (_error: Error): void => {}
    const token = (): Promise<string> => {
      end(new Error('enough'))
      return new Promise(() => {})
    }
    const done = run([pcm(50)], { apiKey: undefined as unknown as string, token }, (stage) => {
      end = (error) => void setImmediate(() => stage.destroy(error))
    })
    await expect(done).rejects.toThrow('enough')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('upstream ends the session at once', async () => {
    await recorder()
    const source = new PassThrough()
    const done = run(source, {}, (stage) => stage.on('session', () => source.destroy(new Error('camera gone'))))
    source.write(pcm(50))
    await expect(done).rejects.toThrow('camera gone')
  })

  it('downstream ends the session at once', async () => {
    await recorder([], (socket, frames) => {
      if (frames === 1) socket.send(turn(0, [word('Hi', 10, 30)]))
    })
    const source = new PassThrough()
    source.write(pcm(50))
    const sink = new Writable({ objectMode: true, write: (_item, _encoding, next) => next(new Error('disk full')) })
    await expect(pipeline(source, diarize({ url: peer?.url as string }), sink)).rejects.toThrow('disk full')
  })
})

describe('abort', () => {
  const cases: [string, () => Promise<void>, (stage: ReturnType<typeof diarize>, abort: () => void) => void][] = [
    ['before any audio', async () => void (await recorder()), (_stage, abort) => setImmediate(abort)],
    [
      'while the server does not begin',
      async () => void (peer = await socketPeer(() => {})),
      (_stage, abort) => {
        void vi.waitFor(() => expect(peer?.connections()).toBe(1)).then(abort)
      },
    ],
    [
      'while the upgrade is not answered',
      async () => {
        peer = await socketPeer(
          () => {},
          (server) =>
            server.on('upgrade', (_request, socket) => {
              socket.on('end', () => socket.destroy())
              socket.resume()
            }),
        )
      },
      (_stage, abort) => void vi.waitFor(() => expect(peer?.connections()).toBe(1)).then(abort),
    ],
    ['midway', async () => void (await recorder()), (stage, abort) => stage.once('session', abort)],
    [
      'while the audio is paced',
      async () => void (await recorder([], undefined, {})),
      (stage, abort) => {
        stage.once('progress', abort)
      },
    ],
    [
      'while the Termination is awaited',
      async () => {
        peer = await socketPeer((socket) => socket.send(begin(fast)))
      },
      (stage, abort) => (stage as Duplex).once('prefinish', abort),
    ],
  ]

  it.each(cases)('%s leaves nothing behind', async (name, prepare, arrange) => {
    await prepare()
    const source = new PassThrough({ highWaterMark: 1_000_000 })
    if (name !== 'before any audio') source.write(pcm(name.includes('paced') ? 5000 : 50))
    if (name.includes('Termination')) source.end()
    const controller = new AbortController()
    const stage = diarize({ url: peer?.url as string, signal: controller.signal })
    arrange(stage, () => controller.abort())
    if (name.includes('Termination')) stage.once('session', () => setImmediate(() => controller.abort()))
    const closed = once(stage, 'close').catch(() => {})
    stage.resume()
    await expect(pipeline(source, stage)).rejects.toMatchObject({ name: 'AbortError' })
    await closed
    expect(source.destroyed).toBe(true)
  })

  it('is an AbortError, too, where it came before the stage was made', async () => {
    const stage = diarize({ url: peer?.url as string, signal: AbortSignal.abort() })
    await expect(once(stage, 'close')).rejects.toMatchObject({ name: 'AbortError' })
  })
})

const saying = (order: number, speakers: string, revision = 0): Turn => ({
  ...makeTurn(order, Array.from(speakers, (speaker) => `${speaker}:word`).join(' ')),
  revision,
})

function totalsOf(...turns: Turn[]): TurnTotals {
  const totals = new TurnTotals()
  for (const turn of turns) totals.add(turn)
  return totals
}

describe('TurnTotals', () => {
  it('forget a speaker whose turns have all become those of another', () => {
    const totals = totalsOf(saying(0, 'A'), saying(1, 'B'), saying(2, 'B'), saying(1, 'A', 1))
    expect(totals.speakers).toEqual(['A', 'B'])
    totals.add(saying(2, 'A', 1))
    expect(totals).toMatchObject({ turns: 3, speakers: ['A'] })
    totals.add(saying(2, 'AB', 2))
    expect(totals.speakers).toEqual(['A', 'B'])
  })

  it('keep the order of appearance, whatever is revised', () => {
    expect(totalsOf(saying(0, 'B'), saying(1, 'C'), saying(2, 'A'), saying(0, 'A', 1)).speakers).toEqual(['A', 'C'])
  })

  it('take the speaker of a turn for words without one, and the channel where nobody is told apart', () => {
    const words = saying(0, 'A').words.map((word) => withSpeaker(word, undefined))
    const more = { words, channel: 'Agent' }
    expect(totalsOf({ ...saying(0, 'A'), ...more, speaker: 'Agent/A' }).speakers).toEqual(['Agent/A'])
    expect(totalsOf({ ...saying(0, 'A'), ...more }).speakers).toEqual(['Agent'])
    expect(totalsOf({ ...saying(0, 'A'), words: [], speaker: 'B' }).speakers).toEqual(['B'])
    expect(totalsOf({ ...saying(0, 'A'), words }).speakers).toEqual([])
  })

  it('have the names of a voice book as they were last said', () => {
    const named = (order: number, speakers: string, speakerName: string, revision = 0): Turn => {
      const turn = saying(order, speakers, revision)
      return { ...turn, speakerName, words: turn.words.map((word) => ({ ...word, speakerName })) }
    }
    const totals = totalsOf(saying(0, 'A'), saying(1, 'B'))
    expect(totals.speakerNames).toBeUndefined()
    totals.add(named(0, 'A', 'Alice', 1))
    totals.add(named(2, 'B', 'Bob'))
    expect(totals.speakerNames).toEqual({ A: 'Alice', B: 'Bob' })
    totals.add(saying(2, 'B', 1))
    expect(totals.speakerNames).toEqual({ A: 'Alice' })
  })

  it('say which language most turns are of first', () => {
    const totals = totalsOf(
      ...['de', 'en', undefined, 'en'].map((language, order) => ({
        ...saying(order, 'A'),
        ...(language !== undefined && { language }),
      })),
    )
    expect(totals.languages).toEqual(['en', 'de'])
  })

  it('end with the speakers that the turns have, in bounded memory, where only the last turns are revised', () => {
    const step = fc.record({ back: fc.integer({ min: -5, max: 3 }), speakers: fc.stringMatching(/^[A-E]{1,3}$/) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const totals = new TurnTotals(4)
        const last = new Map<number, Turn>()
        for (const { back, speakers } of steps) {
          const order = back >= 0 && last.size > back ? last.size - 1 - back : last.size
          const turn = saying(order, speakers, last.has(order) ? last.get(order)!.revision + 1 : 0)
          last.set(order, turn)
          totals.add(turn)
          const all = [...last.values()].flatMap(({ words }) => words.map((word) => word.speaker))
          expect(totals).toMatchObject({ turns: last.size, speakers: [...new Set(all)] })
        }
      }),
      { numRuns: runs(500) },
    )
  })

  it('tell of no more than a thousand speakers of a server that makes them up', () => {
    const totals = new TurnTotals(10)
    for (let order = 0; order < 2000; order++) {
      totals.add({ ...saying(order, ''), words: [], speaker: `speaker ${order}` })
    }
    expect(totals.speakers).toHaveLength(1000)
  })
})
