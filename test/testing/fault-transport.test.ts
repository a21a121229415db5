import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { TurnMessage } from '../../src/protocol/messages.ts'
import { faultServer, toneAudio, toneEngine, type Fault, type FaultServer } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import type { FaultyConnection } from '../../src/testing/faulty-connection.ts'
import { certificate } from '../helpers/certificate.ts'
import { RawClient } from '../server/raw-client.ts'

let server: FaultServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

const query = { speaker_labels: true, include_partial_turns: false }

async function connect(fault: Fault): Promise<RawClient> {
  server = await faultServer(fault)
  return new RawClient(server.url, query)
}

/** The types of all messages a client heard. */
const heard = (client: RawClient): string[] => client.messages.map(({ type }) => type)

describe('before Begin', () => {
  it('late-upgrade answers late, but does', async () => {
    const asked = performance.now()
    const client = await connect({ fault: 'late-upgrade', delayMs: 300 })
    await client.open()
    expect(performance.now() - asked).toBeGreaterThan(290)
    expect((await client.sendAudio(4000).terminate()).code).toBe(1000)
  })

  it('reset-upgrade resets the connection', async () => {
    const client = await connect({ fault: 'reset-upgrade' })
    expect((await client.closed).code).toBe(1006)
    expect(client.error).toMatchObject({ code: 'ECONNRESET' })
    expect([server?.attempts, server?.connections.length]).toEqual([1, 0])
  })

  it('reset-upgrade under TLS cuts the connection', async () => {
    const { key, cert } = await certificate()
    server = await faultServer({ fault: 'reset-upgrade' }, { tls: { key, cert } })
    expect((await new RawClient(server.url, {}, { ca: cert }).closed).code).toBe(1006)
  })
})

describe('when a fault happens', () => {
  it('can be a time of the clock', async () => {
    const client = await (await connect({ fault: 'drop', afterWallMs: 250 })).open()
    const began = performance.now()
    client.sendAudio(3000)
    expect((await client.closed).code).toBe(1006)
    expect(performance.now() - began).toBeGreaterThan(200)
  })

  it('can be the end, before Terminate is answered', async () => {
    const client = await (await connect({ fault: 'close', code: 1012, afterTerminate: true })).open()
    expect((await client.sendAudio(4000).terminate()).code).toBe(1012)
    expect(heard(client)).not.toContain('Termination')
    expect(client.all('Turn').length).toBeLessThan(2)
  })
})

describe('cuts', () => {
  it('reset cuts by a TCP reset', async () => {
    const client = await (await connect({ fault: 'reset', afterMs: 500 })).open()
    // `ws` keeps the errors of an open connection to itself.
    const failure = new Promise((resolve) => {
      Reflect.get(client.socket, '_socket').once('error', resolve)
    })
    client.sendAudio(2000)
    expect((await client.closed).code).toBe(1006)
    expect(await failure).toMatchObject({ code: 'ECONNRESET' })
    expect(server?.connections[0]?.receivedMs).toBe(500)
  })

  it.each([
    [1000, 1000, 'so be it'],
    [1005, 1005, ''],
    [1006, 1006, ''],
    [1013, 1013, 'so be it'],
    [3009, 3009, 'so be it'],
    [4999, 4999, 'so be it'],
  ])('close with code %i closes with %i', async (code, seen, why) => {
    const client = await (await connect({ fault: 'close', code, text: 'so be it' })).open()
    expect(await client.closed).toEqual({ code: seen, reason: why })
    expect(client.all('Error')).toEqual([])
  })

  it.each([1004, 1015, 2000])('close sends also code %i, which may not be sent', async (code) => {
    const client = await (await connect({ fault: 'close', code, text: 'so be it' })).open()
    expect((await client.closed).code).toBe(1006)
    expect(client.error).toMatchObject({ code: 'WS_ERR_INVALID_CLOSE_CODE' })
  })

  it.each([
    ['expire', [{ type: 'Error', error_code: 3008, error: 'Session Expired: Maximum session duration exceeded' }]],
    ['bare-expire', []],
  ] as const)('%s ends the session when Begin says', async (fault, errors) => {
    const client = await (await connect({ fault, lifetimeMs: 200 })).open()
    const { expires_at: expiresAt } = await client.next('Begin')
    client.sendAudio(1000)
    expect((await client.closed).code).toBe(3008)
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt * 1000)
    expect(client.all('Error')).toEqual(errors)
  })

  it('error-without-close leaves the connection open', async () => {
    const client = await (await connect({ fault: 'error-without-close', code: 3005 })).open()
    await client.next('Error')
    client.sendAudio(4000).send({ type: 'Terminate' })
    await answersPing(client)
    expect(heard(client)).toEqual(['Begin', 'Error'])
    client.socket.terminate()
  })
})

describe('junk on the wire', () => {
  it.each([
    ['bad-frame', 'WS_ERR_INVALID_OPCODE'],
    ['bad-utf8', 'WS_ERR_INVALID_UTF8'],
  ] as const)('%s is refused by the client', async (fault, code) => {
    const client = await (await connect({ fault, afterMs: 100 })).open()
    client.sendAudio(200)
    await client.closed
    expect(client.error).toMatchObject({ code })
  })
})

describe('slowness', () => {
  it.each([
    { fault: 'small-writes' },
    { fault: 'fragment' },
    { fault: 'fragment', bytes: 1 },
    { fault: 'delay', delayMs: 50 },
  ] as const)('%j loses nothing', async (fault) => {
    const good = await (await connect({ fault: 'none' })).open()
    expect((await good.sendAudio(4000).terminate()).code).toBe(1000)
    await server?.close()
    const client = await (await connect(fault)).open()
    expect(await client.sendAudio(4000).terminate()).toEqual({ code: 1000, reason: 'Session Ended' })
    const [, ...messages] = client.messages
    expect(messages).toEqual(good.messages.slice(1).map((message) => withSessionTime(message, messages)))
  })

  it('delay is late by as much as it says', async () => {
    const client = await (await connect({ fault: 'delay', delayMs: 200, afterMs: 4000 })).open()
    const sent = performance.now()
    client.sendAudio(4000)
    await client.terminate()
    expect(performance.now() - sent).toBeGreaterThan(190)
  })

  it('delay keeps the order where it becomes less in mid-stream', async () => {
    const client = await (await connect({ fault: 'delay', delayMs: 200 })).open()
    const connection = server?.connections[0] as FaultyConnection
    connection.send({ type: 'SpeechStarted', timestamp: 1, confidence: 1 })
    connection.delayBy(0)
    connection.send({ type: 'SpeechStarted', timestamp: 2, confidence: 1 })
    await client.terminate()
    expect(client.all('SpeechStarted').map(({ timestamp }) => timestamp)).toEqual([1, 2])
  })

  it('fragment sends a ping between the parts of a message', async () => {
    server = await faultServer({ fault: 'fragment' })
    const socket = new WebSocket(server.url)
    const order: string[] = []
    socket.on('ping', () => order.push('ping'))
    socket.on('message', (data) => {
      order.push(JSON.parse((data as Buffer).toString()).type)
      socket.send(JSON.stringify({ type: 'Terminate' }))
    })
    await new Promise((resolve) => {
      socket.once('close', resolve)
    })
    expect(order).toEqual(['Begin', 'ping', 'Termination'])
  })

  it('slow-reader takes its time', async () => {
    const client = await (await connect({ fault: 'slow-reader', rate: 20 })).open()
    const sent = performance.now()
    client.sendAudio(8000, 1000)
    expect((await client.terminate()).code).toBe(1000)
    // Without the last message's share: it is read when all before it have been paid for.
    expect(performance.now() - sent).toBeGreaterThan(200)
    expect(server?.connections[0]?.receivedMs).toBe(8000)
  })

  it('slow-reader saves up no time in which there was nothing to read', async () => {
    const client = await (await connect({ fault: 'slow-reader', rate: 20 })).open()
    client.sendAudio(1000)
    await answersPing(client)
    const idle = performance.now()
    await vi.waitFor(() => expect(performance.now() - idle).toBeGreaterThan(400), 5000)
    const sent = performance.now()
    client.sendAudio(8000, 1000)
    await client.terminate()
    // What was saved up would pay for all of it. What comes in one chunk with the last message is read with it.
    expect(performance.now() - sent).toBeGreaterThan(200)
  })
})

describe('freezing for a while', () => {
  it.each(['stall', 'silence'] as const)('%s goes on where it stopped', async (fault) => {
    const client = await (await connect({ fault, afterMs: 2000, forMs: 300 })).open()
    const sent = performance.now()
    client.sendAudio(4000)
    expect((await client.terminate()).code).toBe(1000)
    expect(performance.now() - sent).toBeGreaterThan(290)
    expect(heard(client)).toEqual(['Begin', 'SpeechStarted', 'Turn', 'SpeechStarted', 'Turn', 'Termination'])
  })

  it('stall does not answer pings meanwhile, silence does', async () => {
    const silent = await (await connect({ fault: 'silence' })).open()
    await answersPing(silent)
    silent.socket.terminate()
    await server?.close()
    const stalled = await (await connect({ fault: 'stall', forMs: 300 })).open()
    const asked = performance.now()
    await answersPing(stalled)
    expect(performance.now() - asked).toBeGreaterThan(200)
    stalled.socket.terminate()
  })
})

describe('early-revision', () => {
  it('names each turn before its final, with the same labels', async () => {
    const client = await (await connect({ fault: 'early-revision' })).open()
    await client.sendAudio(4000).terminate()
    const finals = client.all('Turn')
    expect(
      heard(client)
        .filter((type) => type !== 'SpeechStarted')
        .slice(1, 5),
    ).toEqual(['SpeakerRevision', 'Turn', 'SpeakerRevision', 'Turn'])
    expect(client.all('SpeakerRevision').map(({ revisions }) => revisions[0])).toEqual(
      finals.map(({ turn_order, speaker_label, words }) => ({ turn_order, speaker_label, words })),
    )
  })
})

describe('plans', () => {
  it('can be drawn one by one', async () => {
    const asked: number[] = []
    server = await faultServer((index) => {
      asked.push(index)
      return index === 1 ? { fault: 'none' } : { fault: 'close', code: 4000 + index }
    })
    const { url } = server
    expect((await new RawClient(url).closed).code).toBe(4000)
    expect((await (await new RawClient(url).open()).terminate()).code).toBe(1000)
    expect((await new RawClient(url).closed).code).toBe(4002)
    expect(asked).toEqual([0, 1, 2])
  })

  it.each([
    [() => ({ fault: 'nonsense' }), /^fault, when given, must be /],
    [() => ({ fault: 'drop', afterWallMs: -1 }), /^afterWallMs/],
    [() => undefined, /undefined/],
    [() => ({}), /^fault/],
    [
      () => {
        throw new Error('no more faults')
      },
      /no more faults/,
    ],
  ])('that go wrong refuse the client, and close() tells why', async (plan, expected) => {
    const running = await faultServer(plan as unknown as () => Fault)
    const client = new RawClient(running.url)
    await client.closed
    expect(client.error?.message).toBe('Unexpected server response: 500')
    await expect(running.close()).rejects.toThrow(expected)
  })
})

describe('tones over a socket', () => {
  it('come back as the words that were sent', async () => {
    const script = toneScript({ seed: 11, duration: 15_000 })
    const pcm = toneAudio(script)
    const engine = toneEngine()
    server = await faultServer({ fault: 'none' }, { engine })
    const client = await new RawClient(server.url, query).open()
    for (let at = 0; at < pcm.length; at += 1600) client.socket.send(pcm.subarray(at, at + 1600))
    await client.terminate()
    const words = client.all('Turn').flatMap((turn: TurnMessage) => turn.words)
    expect(words.map(({ text, start }) => [text, start])).toEqual(script.map(({ word, start }) => [`w${word}`, start]))
    expect([engine.opened, engine.live]).toEqual([1, 0])
  })
})

async function answersPing(client: RawClient): Promise<void> {
  await new Promise<void>((resolve) => {
    client.socket.once('pong', () => resolve())
    client.socket.ping()
  })
}

/** A good session's message with the duration that the other session happened to have. */
function withSessionTime(message: object, others: readonly object[]): object {
  if (!('session_duration_seconds' in message)) return message
  const other = others.find((candidate) => 'session_duration_seconds' in candidate)
  return { ...message, ...other }
}
