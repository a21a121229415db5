import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { EngineError } from '../../src/errors.ts'
import { serve, type ServerOptions, type StreamingServer } from '../../src/server/index.ts'
import { scriptedEngine } from '../../src/testing/index.ts'
import { RawClient, silence } from './raw-client.ts'

let server: StreamingServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function start(options: Partial<ServerOptions> = {}): Promise<string> {
  server = await serve({ engine: scriptedEngine([]), ...options })
  return server.url
}

/** What a client must see of a refusal: one `Error`, a close with its code, the fixed reason, nothing after it. */
function refused(code: number, error: unknown): unknown {
  return {
    code,
    reason: 'See Error message for details',
    error: { type: 'Error', error_code: code, error },
    ending: ['Error'],
  }
}

describe('a model or mode of tomorrow', () => {
  it('is let in, and told that it is not known', async () => {
    const url = await start()
    const client = await new RawClient(url, { speech_model: 'universal-9-pro', mode: 'manual' }).open()
    expect((await client.next('Begin')).configuration).toMatchObject({ model: 'universal-9-pro', mode: 'balanced' })
    expect((await client.terminate()).code).toBe(1000)
    expect(client.all('Warning')).toMatchObject([
      { warning_code: 0, code: 'UNKNOWN_MODEL', warning: expect.stringContaining("speech_model 'universal-9-pro'") },
      { warning_code: 0, code: 'UNKNOWN_MODE', warning: expect.stringContaining("mode 'manual'") },
    ])
  })

  it('may come by an update', async () => {
    const client = await new RawClient(await start()).open()
    client.send({ type: 'UpdateConfiguration', mode: 'manual' })
    expect((await client.terminate()).code).toBe(1000)
    expect(client.all('Warning')).toMatchObject([{ code: 'UNKNOWN_MODE' }])
  })

  it('is not told of the engine’s own', async () => {
    const url = await start({ engine: scriptedEngine([], { model: 'house' }) })
    for (const speechModel of ['house', 'scripted', 'universal-3-6-pro']) {
      const client = await new RawClient(url, { speech_model: speechModel }).open()
      await client.terminate()
      expect(client.all('Warning')).toEqual([])
    }
  })

  it('is refused where the server is strict, as the service does', async () => {
    const url = await start({ models: 'strict' })
    const invalid = (name: string, first: string) =>
      expect.stringContaining(`User Input Validation Error: Invalid '${name}': Input should be '${first}'`)
    expect(await new RawClient(url, { speech_model: 'universal-9' }).refusal()).toEqual(
      refused(3006, invalid('speech_model', 'universal-streaming-english')),
    )
    const client = await new RawClient(url).open()
    client.send({ type: 'UpdateConfiguration', mode: 'manual' })
    expect((await client.refusal()).error?.error).toEqual(invalid('mode', 'min_latency'))
  })
})

describe('who is let in, judged after the upgrade', () => {
  it('refuses a socket without a key', async () => {
    const client = new RawClient(await start(), {}, { headers: {} })
    expect(await client.refusal()).toEqual(refused(1008, 'Unauthorized Connection: Missing Authorization header'))
    expect(client.all('Begin')).toEqual([])
  })

  it('refuses keys that are not listed, and a listed one behind Bearer', async () => {
    const url = await start({ apiKeys: ['right', 'also right'] })
    for (const Authorization of ['wrong', 'Bearer right', 'right ish']) {
      const client = new RawClient(url, {}, { headers: { Authorization } })
      expect(await client.refusal()).toEqual(refused(1008, 'Unauthorized Connection: Invalid API key'))
    }
    const client = await new RawClient(url, {}, { headers: { Authorization: 'also right' } }).open()
    expect((await client.terminate()).code).toBe(1000)
  })

  it('refuses Bearer also where any key will do', async () => {
    const client = new RawClient(await start(), {}, { headers: { Authorization: 'Bearer x' } })
    expect(await client.refusal()).toEqual(refused(1008, 'Unauthorized Connection: Invalid API key'))
  })

  it('asks a function, in its own time', async () => {
    const asked: string[] = []
    const url = await start({
      apiKeys: async (key) => {
        asked.push(key)
        await new Promise((resolve) => {
          setImmediate(resolve)
        })
        if (key === 'broken') throw new Error('database gone')
        return key === 'right'
      },
    })
    const right = new RawClient(url, {}, { headers: { Authorization: 'right' } })
    right.socket.once('open', () => right.sendAudio(500).send({ type: 'Terminate' }))
    expect((await right.closed).code).toBe(1000)
    expect(right.all('Termination')[0]?.audio_duration_seconds).toBe(1)
    const wrong = new RawClient(url, {}, { headers: { Authorization: 'wrong' } })
    expect(await wrong.refusal()).toEqual(refused(1008, 'Unauthorized Connection: Invalid API key'))
    const broken = new RawClient(url, {}, { headers: { Authorization: 'broken' } })
    expect(await broken.refusal()).toEqual(refused(1011, 'Internal error while establishing the session'))
    expect(asked).toEqual(['right', 'wrong', 'broken'])
  })

  it('lets everybody in without authentication', async () => {
    const client = await new RawClient(await start({ authentication: false }), {}, { headers: {} }).open()
    expect((await client.terminate()).code).toBe(1000)
  })

  it('refuses sessions beyond the limit, and takes new ones when a session is gone', async () => {
    const url = await start({ maxSessions: 1 })
    const first = await new RawClient(url).open()
    const second = new RawClient(url)
    expect(await second.refusal()).toEqual(refused(1008, 'Unauthorized Connection: Too many concurrent sessions'))
    const gone = new Promise((resolve) => {
      server?.once('sessionEnd', resolve)
    })
    await first.terminate()
    await gone
    const third = await new RawClient(url).open()
    expect((await third.terminate()).code).toBe(1000)
  })

  it('knows one path only', async () => {
    const url = await start()
    for (const path of ['/v3/ws/', '/v2/realtime/ws', '/', '//']) {
      const client = new RawClient(url.replace('/v3/ws', path))
      expect((await client.closed).code).toBe(1006)
      expect(client.error?.message).toBe('Unexpected server response: 404')
    }
  })

  it('tells the operator whom it refused', async () => {
    const url = await start()
    const refused = new Promise((resolve) => {
      server?.once('refused', resolve)
    })
    await new RawClient(url, { sample_rate: 7000 }).closed
    expect(await refused).toEqual({ code: 3006, reason: expect.stringContaining('sample_rate') })
  })
})

describe('parameters, judged before Begin', () => {
  const prefix = 'User Input Validation Error: '
  it.each([
    [{ sample_rate: 7000 }, `Invalid 'sample_rate': Value error, sample_rate must be at least 8,000 Hz`],
    [{ sample_rate: 96_001 }, `Invalid 'sample_rate': Value error, sample_rate must be at most 96,000 Hz`],
    [{ encoding: 'flac' }, `Invalid 'encoding': 'flac' is not a valid Encoding`],
    [
      { keyterms_prompt: JSON.stringify(Array(101).fill('a')) },
      `Invalid 'keyterms_prompt': Value error, Max 100 items`,
    ],
    [{ keyterms_prompt: 'a' }, `Invalid 'keyterms_prompt': Invalid JSON array`],
    [{ max_speakers: 11 }, `Invalid 'max_speakers': Input should be less than or equal to 10`],
  ])('refuses %j', async (query, text) => {
    const client = new RawClient(await start(), query)
    expect(await client.refusal()).toEqual(refused(3006, prefix + text))
    expect(client.all('Begin')).toEqual([])
  })

  it('refuses a list given as a repeated key', async () => {
    const client = new RawClient(`${await start()}?keyterms_prompt=["a"]&keyterms_prompt=["b"]`)
    expect(await client.refusal()).toEqual(refused(3006, `${prefix}Invalid 'keyterms_prompt': Invalid JSON array`))
  })

  it('ignores names it does not know', async () => {
    const client = await new RawClient(await start(), { speechModel: 'nonsense', novelty: '{' }).open()
    expect((await client.terminate()).code).toBe(1000)
  })

  it('takes the longest key terms a URL can hold', async () => {
    const terms = JSON.stringify(Array.from({ length: 100 }, () => 'ü'.repeat(50)))
    const engine = scriptedEngine([])
    const client = await new RawClient(await start({ engine }), { keyterms_prompt: terms }).open()
    expect(engine.sessions[0]?.settings.keyterms).toHaveLength(100)
    await client.terminate()
  })
})

describe('audio messages', () => {
  it('refuses one longer than a second at once', async () => {
    const client = await new RawClient(await start()).open()
    client.socket.send(silence(1200))
    expect(await client.refusal()).toEqual(
      refused(3007, 'Input Duration Error: Input Duration Violation: 1200.0 ms. Expected between 50 and 1000 ms'),
    )
  })

  it('takes exactly one second, and a short tail', async () => {
    const client = await new RawClient(await start()).open()
    client.sendAudio(1000, 1000).sendAudio(30)
    expect((await client.terminate()).code).toBe(1000)
  })

  it('takes 49 messages of 20 ms, and refuses the 50th', async () => {
    const url = await start()
    const patient = await new RawClient(url).open()
    patient.sendAudio(49 * 20, 20)
    expect((await patient.terminate()).code).toBe(1000)
    const client = await new RawClient(url).open()
    client.sendAudio(50 * 20, 20)
    expect(await client.refusal()).toEqual(
      refused(3007, 'Input Duration Error: Input Duration Violation: 20.0 ms. Expected between 50 and 1000 ms'),
    )
  })

  it('refuses audio that is too far ahead of the clock, where pacing is enforced', async () => {
    const engine = scriptedEngine([], { fasterThanRealTime: false, writeDelay: 1000 })
    const client = await new RawClient(await start({ engine, maxAhead: 20_000 })).open()
    client.sendAudio(30_000, 1000)
    expect(await client.refusal()).toEqual(
      refused(
        3007,
        expect.stringMatching(/^Audio Transmission Rate Exceeded: Received \d+\.0 sec\. audio in \d+\.\d{6} sec$/),
      ),
    )
  })

  it('lets a client be too fast by default where the engine does not mind', async () => {
    const client = await new RawClient(await start({ maxAhead: 1000 })).open()
    client.sendAudio(30_000, 1000)
    expect((await client.terminate()).code).toBe(1000)
  })

  it('closes with 1009 on a message beyond 128 KB, and frees the session', async () => {
    const engine = scriptedEngine([])
    const client = await new RawClient(await start({ engine }), { sample_rate: 96_000 }).open()
    const ended = new Promise((resolve) => {
      server?.once('sessionEnd', (_session, end) => resolve(end))
    })
    client.socket.send(Buffer.alloc(131_073))
    expect((await client.closed).code).toBe(1009)
    expect(await ended).toMatchObject({ code: 1009 })
    expect(engine.sessions[0]?.state).toBe('destroyed')
  })

  it.each([
    [1007, 'text that is no UTF-8', [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]],
    [1002, 'a frame that is not masked', [0x81, 0x02, 0x7b, 0x7d]],
  ])('tells of the code that it closed with: %i for %s', async (code, _what, frame) => {
    const client = await new RawClient(await start()).open()
    const ended = new Promise((resolve) => server?.once('sessionEnd', (_session, end) => resolve(end)))
    const { _socket: socket } = client.socket as unknown as { _socket: Socket }
    socket.write(Buffer.from(frame))
    expect((await client.closed).code).toBe(code)
    expect(await ended).toMatchObject({ code })
  })
})

describe('text messages', () => {
  it.each([
    ['nonsense', expect.stringMatching(/^Invalid JSON: /)],
    ['', expect.stringMatching(/^Invalid JSON: /)],
    ['[]', 'Invalid Message: Input should be a JSON object'],
    ['null', 'Invalid Message: Input should be a JSON object'],
    ['{}', "Invalid Message: 'type' should be a valid string"],
    ['{"type":7}', "Invalid Message: 'type' should be a valid string"],
    ['{"type":"Bogus"}', 'Invalid Message Type: Bogus'],
    ['{"type":"UpdateConfiguration","format_turns":1}', "Invalid Message: 'format_turns' should be a valid boolean"],
    [
      JSON.stringify({ type: 'UpdateConfiguration', agent_context: 'x'.repeat(1751) }),
      "User Input Validation Error: Invalid 'agent_context': Value error, agent_context exceeds maximum length of 1750 characters (got 1751)",
    ],
    [
      JSON.stringify({ type: 'UpdateConfiguration', keyterms_prompt: Array(101).fill('a') }),
      "User Input Validation Error: Invalid 'keyterms_prompt': Value error, Max 100 items",
    ],
  ])('refuses %j', async (text, expected) => {
    const client = await new RawClient(await start()).open()
    client.send(text)
    expect(await client.refusal()).toEqual(refused(3006, expected))
  })

  it('refuses also before Begin', async () => {
    const url = await start({ engine: scriptedEngine([], { openDelay: 200 }) })
    const client = new RawClient(url)
    client.socket.once('open', () => client.send('nonsense'))
    expect(await client.refusal()).toEqual(refused(3006, expect.stringMatching(/^Invalid JSON/)))
    expect(client.all('Begin')).toEqual([])
  })
})

describe('time', () => {
  it('ends a session at its longest duration', async () => {
    const client = await new RawClient(await start({ maxSessionDuration: 200 })).open()
    expect(await client.refusal()).toEqual(refused(3008, 'Session Expired: Maximum session duration exceeded'))
  })

  it('ends a client that says nothing, sends heartbeats to one that talks', async () => {
    const url = await start()
    const quiet = await new RawClient(url, { inactivity_timeout: 5 }).open()
    const talkative = await new RawClient(url, { session_heartbeat: true, inactivity_timeout: 5 }).open()
    const keptAlive = setInterval(() => talkative.send({ type: 'KeepAlive' }), 1000)
    talkative.sendAudio(2000)
    const heartbeat = await talkative.next('Heartbeat')
    clearInterval(keptAlive)
    expect(heartbeat).toMatchObject({ total_audio_received_ms: 2000, max_speech_probability: 0 })
    expect(heartbeat.total_duration_ms).toBeGreaterThanOrEqual(4990)
    expect(heartbeat.realtime_factor).toBeCloseTo(2000 / heartbeat.total_duration_ms, 3)
    expect((await talkative.terminate()).code).toBe(1000)
    expect(await quiet.refusal()).toEqual(
      refused(3006, 'Session terminated due to inactivity: No messages received for 5 seconds'),
    )
  })
})

describe('an engine that fails', () => {
  const cancelled = 'Session Cancelled: An error occurred'

  it('is told with 3005 when it reports a failure, throws or rejects', async () => {
    const failing = scriptedEngine([], {
      events: [{ at: 50, report: (listener) => listener.failed(new Error('secret detail')) }],
    })
    const throwing = scriptedEngine([], {
      events: [
        {
          at: 50,
          report: () => {
            throw new Error('secret detail')
          },
        },
      ],
    })
    for (const engine of [failing, throwing]) {
      const client = await new RawClient(await start({ engine })).open()
      const ended = new Promise((resolve) => {
        server?.once('sessionEnd', (_session, end) => resolve(end))
      })
      client.sendAudio(200)
      expect(await client.refusal()).toEqual(refused(3005, cancelled))
      expect(await ended).toMatchObject({ code: 3005, cause: expect.objectContaining({ message: 'secret detail' }) })
      expect(engine.sessions[0]?.state).toBe('destroyed')
      await server?.close()
    }
  })

  it('explains why it cannot start, to clients of the same machine', async () => {
    const openError = new EngineError('ENGINE_UNAVAILABLE', 'the model is missing; npm install it')
    const client = new RawClient(await start({ engine: scriptedEngine([], { openError }) }))
    expect(await client.refusal()).toEqual(refused(3005, `${cancelled}: the model is missing; npm install it`))
  })

  it('keeps it to itself towards other machines, and for errors of other kinds', async () => {
    const openError = new EngineError('ENGINE_UNAVAILABLE', 'no model in /home/someone')
    await start({ engine: scriptedEngine([], { openError }), host: '0.0.0.0', apiKeys: ['key'] })
    expect(await new RawClient(server?.url ?? '').refusal()).toEqual(refused(3005, cancelled))
    await server?.close()
    const url = await start({ engine: scriptedEngine([], { openError: new TypeError('x is undefined') }) })
    expect(await new RawClient(url).refusal()).toEqual(refused(3005, cancelled))
  })
})
