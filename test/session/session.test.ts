import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { WebSocket } from 'ws'
import type { Warning } from '../../src/errors.ts'
import { Session, type SessionEnd, sessionLife, type SessionOptions } from '../../src/session/session.ts'
import { type MemoryClient, type MemoryServer, MemoryTransport } from '../../src/session/transport.ts'
import { WebSocketTransport } from '../../src/session/web-socket.ts'
import { begin, fast, type SocketPeer, socketPeer, termination } from '../helpers/socket-peer.ts'

const options: SessionOptions = {
  connectTimeout: 5000,
  terminationTimeout: 5000,
  pingInterval: 20_000,
  stallTimeout: 30_000,
  heartbeatTimeout: 12_500,
}
const frame = Buffer.alloc(1600)

/** A Turn message that says `text`. */
function turn(order: number, text: string): string {
  const word = { text, start: 0, end: 500, confidence: 1, word_is_final: true }
  return JSON.stringify({ type: 'Turn', turn_order: order, end_of_turn: true, transcript: text, words: [word] })
}

let peer: SocketPeer | undefined
let session: Session | undefined

afterEach(async () => {
  await session?.destroy()
  await vi.waitFor(() => expect(peer?.connections() ?? 0).toBe(0))
  await peer?.close()
  session = undefined
  peer = undefined
})

function connect(url: string, more: Partial<SessionOptions> = {}): Promise<SessionEnd> {
  const target = { url, headers: { Authorization: 'k-secret' }, secrets: ['k-secret'] }
  const asked = { ...options, ...more }
  session = new Session(target, asked, (listener) => new WebSocketTransport(target, asked.pingInterval, listener))
  return new Promise((resolve) => session?.once('end', resolve))
}

/** Sends a frame, in a turn of the event loop of its own; resolves to whether it was sent. */
async function send(audio: Buffer): Promise<boolean | undefined> {
  await new Promise((resolve) => setImmediate(resolve))
  return new Promise((resolve) => session?.send(audio, resolve))
}

/** Has this process stand still, as Ctrl-Z does. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** A peer that begins, and then does as `then` says. */
function begins(then: (socket: WebSocket) => void = () => {}, more: object = fast): Promise<SocketPeer> {
  return socketPeer((socket) => {
    socket.send(begin(more))
    then(socket)
  })
}

describe('a session that goes well', () => {
  it('sends nothing before Begin, then audio, then Terminate, and ends with the Termination', async () => {
    const received: string[] = []
    let started: (() => void) | undefined
    peer = await socketPeer((socket, request) => {
      received.push(`key ${String(request.headers['authorization'])}`)
      socket.on('message', (data, binary) => {
        received.push(binary ? `audio ${(data as Buffer).length}` : (data as Buffer).toString())
        if (!binary) socket.send(termination, () => socket.close(1000, 'Session Ended'))
      })
      started = () => socket.send(begin(fast))
    })
    const end = connect(peer.url)
    const early = send(frame)
    session?.sendMessage({ type: 'ForceEndpoint' })
    await early
    await vi.waitFor(() => expect(started).toBeDefined())
    expect(received).toEqual(['key k-secret'])
    started?.()
    await once(session as Session, 'begin')
    await send(frame)
    await send(frame)
    session?.terminate()
    expect(await end).toMatchObject({ termination: { audio_duration_seconds: 1, session_duration_seconds: 2 } })
    expect(received).toEqual(['key k-secret', 'audio 1600', 'audio 1600', '{"type":"Terminate"}'])
  })

  it('passes messages on, ignores unknown types, and warns of garbage without ending', async () => {
    peer = await begins((socket) => {
      socket.send('{"type":"FromTheFuture"}')
      socket.send('not json')
      socket.send(Buffer.from([1, 2, 3]), { binary: true })
      socket.send('{"type":"Warning","warning_code":7,"warning":"k-secret is slow"}')
      socket.send('{"type":"SpeechStarted","timestamp":12}')
      socket.on('message', () => socket.send(termination))
    })
    const warnings: Warning[] = []
    const messages: unknown[] = []
    const end = connect(peer.url)
    session?.on('warning', (warning) => warnings.push(warning))
    session?.on('message', (message) => {
      messages.push(message)
      session?.terminate()
    })
    expect((await end).error).toBeUndefined()
    expect(messages).toEqual([{ type: 'SpeechStarted', timestamp: 12 }])
    expect(warnings.map(({ code }) => code)).toEqual(['INVALID_MESSAGE', 'INVALID_MESSAGE', 'SERVER_WARNING'])
    expect(warnings[2]).toMatchObject({ message: '*** is slow', serverCode: 7 })
  })

  it('counts as complete when the connection breaks after the Termination', async () => {
    peer = await begins((socket) => {
      socket.on('message', () => socket.send(termination, () => socket.terminate()))
    })
    const end = connect(peer.url)
    await once(session as Session, 'begin')
    session?.terminate()
    expect((await end).error).toBeUndefined()
  })
})

describe('pings', () => {
  it('stand behind every twentieth frame, so that their answers tell what has been read', async () => {
    const order: string[] = []
    peer = await begins((socket) => {
      let frames = 0
      socket.on('message', () => (frames += 1))
      socket.on('ping', (data) => order.push(`${String(data)} after ${frames}`))
    }, {})
    void connect(peer.url)
    await once(session as Session, 'begin')
    for (let count = 0; count < 50; count += 1) expect(await send(frame)).toBe(true)
    await vi.waitFor(() => expect(order).toHaveLength(3))
    expect(order).toEqual(['1 after 1', '21 after 21', '41 after 41'])
  })
})

describe('back-pressure', () => {
  it('holds the sender back, with a warning, while the server reads nothing', async () => {
    let release: (() => void) | undefined
    let heard = 0
    peer = await begins((socket) => {
      socket.pause()
      release = () => socket.resume()
      socket.on('message', (data) => (heard += (data as Buffer).length))
    }, {})
    void connect(peer.url)
    await once(session as Session, 'begin')
    const warned = once(session as Session, 'warning')
    const big = Buffer.alloc(100_000)
    let sent = 0
    let stop = false
    const sending = (async () => {
      while (!stop) {
        if (await send(big)) sent += big.length
      }
    })()
    expect((await warned)[0]).toMatchObject({ code: 'CONGESTED' })
    const stuckAt = sent
    await new Promise((resolve) => setImmediate(resolve))
    expect(sent).toBe(stuckAt)
    stop = true
    release?.()
    await sending
    await vi.waitFor(() => expect(heard).toBe(sent))
  })
})

describe('a peer that stops reading', () => {
  it('is sent no more than about a second of audio, though the kernel would take minutes', async () => {
    let halt: (() => void) | undefined
    let resume: (() => void) | undefined
    let heard = 0
    peer = await begins((socket) => {
      halt = () => socket.pause()
      resume = () => socket.resume()
      socket.on('message', () => (heard += 1))
    }, {})
    void connect(peer.url)
    await once(session as Session, 'begin')
    // Enough for the first answers to pings.
    for (let count = 0; count < 60; count += 1) await send(frame)
    await vi.waitFor(() => expect(heard).toBe(60))
    halt?.()
    const warned = once(session as Session, 'warning')
    let sent = 60
    let stop = false
    const sending = (async () => {
      while (!stop) if (await send(frame)) sent += 1
    })()
    expect((await warned)[0]).toMatchObject({ code: 'CONGESTED' })
    // A second, half a second between pings, and the round trip; the frame in hand is counted when it goes.
    expect(sent - 60).toBeLessThan(60)
    const stuckAt = sent
    stop = true
    resume?.()
    await sending
    expect(sent).toBe(stuckAt + 1)
    await vi.waitFor(() => expect(heard).toBe(sent))
  })

  it('goes on where a server takes its time before it reads at all, and then reads slowly', async () => {
    let begin: (() => void) | undefined
    let heard = 0
    peer = await begins((socket) => {
      socket.pause()
      begin = () => socket.resume()
      socket.on('message', () => {
        heard += 1
        if (heard % 400 > 0) return
        socket.pause()
        setTimeout(() => socket.resume(), 800)
      })
    }, fast)
    const end = connect(peer.url, { stallTimeout: 1600 })
    let error: unknown
    void end.then((outcome) => (error = outcome.error))
    await once(session as Session, 'begin')
    const small = Buffer.alloc(60)
    // More than a socket has of pings whose answers are waited for.
    for (let sent = 0; sent < 3000; sent += 1) expect(await send(small)).toBe(true)
    begin?.()
    for (let sent = 0; sent < 50; sent += 1) expect(await send(small)).toBe(true)
    await vi.waitFor(() => expect(heard).toBe(3050), { timeout: 30_000, interval: 100 })
    expect(error).toBeUndefined()
  })

  it('is sent no audio behind a Terminate when it reads on', async () => {
    const received: string[] = []
    let remote: WebSocket | undefined
    peer = await begins((socket) => {
      remote = socket
      socket.on('message', (data, binary) => {
        received.push(binary ? 'audio' : (data as Buffer).toString())
        if (binary) return
        // The answer comes after anything that the client sends when it learns that its audio was read.
        socket.ping()
        socket.once('pong', () => socket.send(termination, () => socket.close(1000)))
      })
    }, {})
    const end = connect(peer.url)
    await once(session as Session, 'begin')
    for (let count = 0; count < 60; count += 1) await send(frame)
    await vi.waitFor(() => expect(received).toHaveLength(60))
    remote?.pause()
    const warned = once(session as Session, 'warning')
    let sent = 60
    const sending = (async () => {
      while (await send(frame)) sent += 1
    })()
    expect((await warned)[0]).toMatchObject({ code: 'CONGESTED' })
    session?.terminate()
    remote?.resume()
    await sending
    expect(await end).toHaveProperty('termination')
    expect(received).toEqual([...Array<string>(sent).fill('audio'), '{"type":"Terminate"}'])
  })
})

describe('a session that fails', () => {
  it.each([
    [1008, 'Unauthorized Connection: Invalid API key', 'UNAUTHORIZED', false],
    [1008, 'Too many concurrent sessions', 'TOO_MANY_SESSIONS', true],
    [3005, 'Session Cancelled: An error occurred', 'SERVER_ERROR', true],
    [3006, "Invalid 'max_speakers'", 'INVALID_REQUEST', false],
    [3007, 'Input Duration Error', 'AUDIO_REJECTED', false],
    [3008, 'Session Expired: Maximum session duration exceeded', 'SESSION_EXPIRED', true],
  ])('keeps the text of an Error frame for the close %i that follows', async (closeCode, text, code, retryable) => {
    peer = await begins((socket) => {
      socket.send(JSON.stringify({ type: 'Error', error_code: closeCode, error: text }))
      socket.close(closeCode, 'See Error message for details')
    })
    const { error } = await connect(peer.url)
    expect(error).toMatchObject({ code, retryable, closeCode, serverMessage: text })
    expect(error?.message).toContain(text)
  })

  it('knows an Error before Begin: an accepted socket is not an accepted session', async () => {
    peer = await socketPeer((socket) => {
      socket.send('{"type":"Error","error_code":1008,"error":"Unauthorized Connection: key k-secret is not known"}')
      socket.close(1008)
    })
    const { error } = await connect(peer.url)
    expect(error).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringContaining('before the session began') })
    expect(error?.message).not.toContain('k-secret')
    expect(error?.message).toContain('Check the API key')
  })

  it('does not wait for a close that never follows an Error frame', async () => {
    peer = await begins((socket) => socket.send('{"type":"Error","error_code":3005,"error":"Session Cancelled"}'))
    expect((await connect(peer.url)).error).toMatchObject({ code: 'SERVER_ERROR' })
  })

  it.each([
    ['an Error', '{"type":"Error","error_code":3005,"error":"Session Cancelled"}', 'SERVER_ERROR'],
    ['a Termination', termination, 'CONNECTION_LOST'],
  ])('does not wait for one who says %s again and again, and never closes', async (_name, text, code) => {
    peer = await socketPeer((socket) => {
      const again = setInterval(() => socket.send(text), 500)
      socket.once('close', () => clearInterval(again))
    })
    expect((await connect(peer.url)).error).toMatchObject({ code })
  })

  it('takes no Begin behind an Error for a session', async () => {
    peer = await socketPeer((socket) => {
      socket.send('{"type":"Error","error_code":3005,"error":"Session Cancelled"}')
      socket.send(begin())
    })
    const end = connect(peer.url)
    session?.once('begin', () => session?.terminate())
    expect((await end).error).toMatchObject({
      code: 'SERVER_ERROR',
      message: expect.stringContaining('before the session'),
    })
  })

  it.each([
    ['a close without a word', (socket: WebSocket) => socket.close(), 'CONNECTION_LOST'],
    ['close 1011', (socket: WebSocket) => socket.close(1011), 'SERVER_ERROR'],
    ['close 1000 that nobody asked for', (socket: WebSocket) => socket.close(1000), 'CONNECTION_LOST'],
    ['a Termination that nobody asked for', (socket: WebSocket) => socket.send(termination), 'CONNECTION_LOST'],
    ['a broken connection', (socket: WebSocket) => socket.terminate(), 'CONNECTION_LOST'],
    ['a message beyond all size', (socket: WebSocket) => socket.send(Buffer.alloc(5 * 1024 * 1024)), 'CONNECTION_LOST'],
  ])('reports %s', async (_name, act, code) => {
    peer = await begins(act)
    expect((await connect(peer.url)).error).toMatchObject({ code, retryable: true, name: 'SessionError' })
  })

  it('takes an unasked Termination at the time limit for what it is', async () => {
    peer = await socketPeer((socket) => {
      socket.send(begin({ expires_at: Math.floor(Date.now() / 1000) }))
      socket.send(termination)
    })
    expect((await connect(peer.url)).error).toMatchObject({ code: 'SESSION_EXPIRED', retryable: true })
  })

  it('gives up a server that sends no Begin', async () => {
    peer = await socketPeer(() => {})
    expect((await connect(peer.url, { connectTimeout: 150 })).error).toMatchObject({
      code: 'CONNECT_TIMEOUT',
      retryable: true,
    })
  })

  it('gives up a server that never answers the upgrade', async () => {
    peer = await socketPeer(
      () => {},
      (server) =>
        server.on('upgrade', (_request, socket) => {
          socket.on('end', () => socket.destroy())
          socket.resume()
        }),
    )
    expect((await connect(peer.url, { connectTimeout: 150 })).error).toMatchObject({ code: 'CONNECT_TIMEOUT' })
  })

  it.each([
    [401, 'UNAUTHORIZED', false],
    [404, 'CONNECT_FAILED', false],
    [429, 'CONNECT_FAILED', true],
    [503, 'CONNECT_FAILED', true],
  ])('reads the reason of an HTTP %i from its body', async (status, code, retryable) => {
    peer = await socketPeer(
      () => {},
      (server) =>
        server.on('upgrade', (_request, socket) => {
          const body = '{"error":"no k-secret here"}'
          socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
        }),
    )
    const { error } = await connect(peer.url)
    expect(error).toMatchObject({ code, retryable, httpStatus: status, serverMessage: '{"error":"no *** here"}' })
  })

  it('says what is wrong where nothing listens', async () => {
    const gone = await socketPeer(() => {})
    await gone.close()
    const { error } = await connect(gone.url)
    expect(error).toMatchObject({
      code: 'CONNECT_FAILED',
      retryable: true,
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it('gives up waiting for a Termination that does not come', async () => {
    peer = await begins()
    const end = connect(peer.url, { terminationTimeout: 150 })
    await once(session as Session, 'begin')
    session?.terminate()
    expect((await end).error).toMatchObject({ code: 'TERMINATION_MISSING' })
  })

  it('does not take close 1000 after Terminate for a Termination', async () => {
    peer = await begins((socket) => socket.on('message', () => socket.close(1000)))
    const end = connect(peer.url)
    await once(session as Session, 'begin')
    session?.terminate()
    expect((await end).error).toMatchObject({ code: 'TERMINATION_MISSING' })
  })

  it.each([
    ['turns', (socket: WebSocket) => socket.send(turn(1, 'x'.repeat(1_000_000)))],
    ['messages that mean nothing', (socket: WebSocket) => socket.send(`"${'x'.repeat(1_000_000)}"`)],
    ['pings', (socket: WebSocket) => Array.from({ length: 8000 }, () => socket.ping(Buffer.alloc(125)))],
    ['answers to pings', (socket: WebSocket) => Array.from({ length: 8000 }, () => socket.pong(Buffer.alloc(125)))],
  ])('ends where a server floods it with %s', async (_name, flood) => {
    let bytes = 0
    peer = await begins((socket) => {
      const timer = setInterval(() => {
        flood(socket)
        bytes += 1_000_000
      }, 1)
      socket.on('close', () => clearInterval(timer))
    })
    // However slow this machine is, nothing else may end it.
    const patient = { heartbeatTimeout: 60_000, stallTimeout: 60_000, pingInterval: 60_000 }
    const { error } = await connect(peer.url, patient)
    expect(error).toMatchObject({ code: 'SERVER_FLOOD', retryable: false })
    expect(bytes).toBeGreaterThan(8_000_000)
  })

  it('ends where a server sends thousands of messages that cannot be read, each of them a warning', async () => {
    peer = await begins((socket) => Array.from({ length: 5000 }, () => socket.send('nothing')))
    const end = connect(peer.url)
    let warnings = 0
    session?.on('warning', () => (warnings += 1))
    expect((await end).error).toMatchObject({ code: 'SERVER_FLOOD', retryable: false })
    expect(warnings).toBeLessThan(5000)
  })

  it('answers pings, but does not pile up answers that a peer does not read', async () => {
    let answers = 0
    peer = await begins((socket) => {
      socket.on('pong', () => (answers += 1))
      socket.ping('one')
    })
    void connect(peer.url)
    await vi.waitFor(() => expect(answers).toBe(1))
  })

  it.each([
    ['heartbeats', () => '{"type":"Heartbeat","total_audio_received_ms":1,"total_duration_ms":1}'],
    ['other messages', () => '{"type":"SpeechStarted","timestamp":1}'],
    ['the same words again', () => turn(1, 'hello')],
  ])('does not let %s prolong the wait for the Termination', async (_name, chatter) => {
    let sent = 0
    peer = await begins((socket) => {
      socket.on('message', () => {
        const timer = setInterval(() => {
          sent += 1
          socket.send(chatter())
        }, 100)
        socket.on('close', () => clearInterval(timer))
      })
    })
    const end = connect(peer.url, { terminationTimeout: 1000 })
    await once(session as Session, 'begin')
    session?.terminate()
    expect((await end).error).toMatchObject({ code: 'TERMINATION_MISSING' })
    // Ten a second; what prolongs the wait may do so for ten seconds.
    expect(sent).toBeLessThan(50)
  })

  it('lets new words prolong the wait for the Termination, but not for ever', async () => {
    let words = 0
    peer = await begins((socket) => {
      socket.on('message', () => {
        const timer = setInterval(() => socket.send(turn(1, `word ${(words += 1)}`)), 30)
        socket.on('close', () => clearInterval(timer))
      })
    })
    const end = connect(peer.url, { terminationTimeout: 150 })
    await once(session as Session, 'begin')
    session?.terminate()
    expect((await end).error).toMatchObject({ code: 'TERMINATION_MISSING' })
    expect(words).toBeGreaterThan(10)
  })

  it('notices a peer that no longer answers pings', async () => {
    let unfreeze: (() => void) | undefined
    peer = await begins((socket) => {
      socket.pause()
      unfreeze = () => socket.resume()
    })
    const { error } = await connect(peer.url, { pingInterval: 50 })
    expect(error).toMatchObject({ code: 'SESSION_STALLED', retryable: true })
    unfreeze?.()
  })

  it('gives up a peer that answers pings but reads no audio', async () => {
    let unfreeze: (() => void) | undefined
    peer = await begins((socket) => {
      socket.pause()
      unfreeze = () => socket.resume()
    })
    const end = connect(peer.url, { stallTimeout: 100 })
    await once(session as Session, 'begin')
    const big = Buffer.alloc(1_000_000)
    while (await send(big)) continue
    expect((await end).error).toMatchObject({ code: 'SESSION_STALLED', retryable: true })
    unfreeze?.()
  })

  it('gives up a peer that answers pings but sends no heartbeats any more', async () => {
    peer = await begins(() => {}, fast)
    expect((await connect(peer.url, { heartbeatTimeout: 100 })).error).toMatchObject({ code: 'SESSION_STALLED' })
  })

  it('gives up one that sends none from Begin on, where it is known to send them', async () => {
    peer = await begins(() => {}, {})
    const end = connect(peer.url, { heartbeatTimeout: 100, beats: true })
    expect((await end).error).toMatchObject({ code: 'SESSION_STALLED', retryable: true })
  })

  it('reads what came while this process stood still, as by Ctrl-Z, before it gives up a peer', async () => {
    const heartbeatTimeout = 1000
    peer = await begins((socket) => {
      socket.on('message', () => {
        socket.send('{"type":"Heartbeat","total_audio_received_ms":1,"total_duration_ms":1}')
        standStill(heartbeatTimeout + 200)
      })
    }, fast)
    const end = connect(peer.url, { heartbeatTimeout })
    session?.once('message', () => void session?.destroy())
    await once(session as Session, 'begin')
    await send(frame)
    expect((await end).error).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  it('awaits the heartbeat of a server in this process, whose timer was to be due before its own', async () => {
    const beat = '{"type":"Heartbeat","total_audio_received_ms":1,"total_duration_ms":1}'
    const target = { url: 'memory:', headers: {}, secrets: [] }
    const accept = (client: MemoryClient): MemoryServer => {
      client.send(begin(fast))
      const beats = setInterval(() => client.send(beat), 600)
      return { receive: () => {}, abandon: () => clearInterval(beats) }
    }
    session = new Session(
      target,
      { ...options, heartbeatTimeout: 1000 },
      (listener) => new MemoryTransport(accept, listener),
    )
    const end = once(session, 'end') as Promise<SessionEnd[]>
    await once(session, 'message')
    standStill(1500)
    await once(session, 'message')
    void session.destroy()
    expect((await end)[0]!.error).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  it('reads the end that came while this process stood still before it is missed', async () => {
    peer = await begins((socket) => {
      socket.on('message', () => {
        socket.send(termination, () => socket.close(1000, 'Session Ended'))
        standStill(700)
      })
    }, fast)
    const end = connect(peer.url, { terminationTimeout: 500 })
    await once(session as Session, 'begin')
    session?.terminate()
    expect(await end).toMatchObject({ termination: { audio_duration_seconds: 1 } })
  })

  it('does not expect heartbeats where none are asked for, at first or any more', async () => {
    const beat = '{"type":"Heartbeat","total_audio_received_ms":1,"total_duration_ms":1}'
    let answers = 0
    peer = await begins((socket) => {
      socket.on('message', () => socket.send(beat))
      socket.on('ping', () => (answers += 1))
    }, fast)
    const options = { heartbeatTimeout: 100, pingInterval: 1000 }
    const never = connect(`${peer.url}?session_heartbeat=false&x=1`, options)
    await vi.waitFor(() => expect(answers).toBeGreaterThan(0), 10_000)
    await session?.destroy()
    expect((await never).error).toMatchObject({ code: 'CONNECTION_LOST' })
    const noMore = connect(peer.url, options)
    await once(session as Session, 'begin')
    // A heartbeat that was on its way is no promise of more.
    session?.sendMessage({ type: 'UpdateConfiguration', session_heartbeat: false })
    answers = 0
    await vi.waitFor(() => expect(answers).toBeGreaterThan(0), 10_000)
    await session?.destroy()
    expect((await noMore).error).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  it('does not expect heartbeats of a server that has never sent one', async () => {
    peer = await begins(() => {}, {})
    const end = connect(peer.url, { heartbeatTimeout: 20, pingInterval: 60 })
    await once(session as Session, 'begin')
    session?.terminate()
    await session?.destroy()
    expect((await end).error).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  it('names the address without its query', async () => {
    peer = await begins((socket) => socket.close(3005))
    const { error } = await connect(`${peer.url}?token=t-1&sample_rate=16000`)
    expect(error?.message.startsWith(`${peer.url}: `)).toBe(true)
    expect(error?.message).not.toContain('t-1')
  })
})

describe('destroy()', () => {
  it.each(['while connecting', 'once begun', 'while terminating'])('leaves nothing %s', async (when) => {
    peer = when === 'while connecting' ? await socketPeer(() => {}) : await begins()
    const end = connect(peer.url)
    if (when !== 'while connecting') await once(session as Session, 'begin')
    if (when === 'while terminating') session?.terminate()
    await session?.destroy()
    expect((await end).error).toMatchObject({ code: 'CONNECTION_LOST' })
    await session?.destroy()
  })

  it('releases a sender that waits', async () => {
    let goOn: (() => void) | undefined
    peer = await begins((socket) => {
      socket.pause()
      goOn = () => socket.terminate()
    }, {})
    void connect(peer.url)
    await once(session as Session, 'begin')
    // More than the kernels take while the peer reads nothing.
    const waiting = new Promise((resolve) => session?.send(Buffer.alloc(50_000_000), resolve))
    await session?.destroy()
    await expect(waiting).resolves.toBe(false)
    goOn?.()
  })
})

const NOW = 1_800_000_000_400
const HOUR = 3_600_000

/** What a server whose clock is `ahead` ms ahead says in a handshake a tenth of a second ago. */
function says(ahead: number) {
  const came = NOW - 100
  return { date: Math.floor((came + ahead) / 1000) * 1000, came }
}

describe('sessionLife()', () => {
  it('is exact where both clocks agree', () => {
    expect(sessionLife(NOW + 3 * HOUR, says(0), NOW)).toBe(3 * HOUR)
    expect(sessionLife(NOW + 2000, says(0), NOW)).toBe(2000)
  })

  it.each([-12 * HOUR, -100_000, -3 * HOUR, 5000, 100_000, 30 * 24 * HOUR])(
    'goes by the clock of the server where that is %i ms ahead',
    (ahead) => {
      const life = sessionLife(NOW + ahead + 3 * HOUR, says(ahead), NOW)!
      expect(life).toBeLessThanOrEqual(3 * HOUR)
      expect(life).toBeGreaterThanOrEqual(3 * HOUR - 2000)
    },
  )

  it('is not known where the server names an expiry that has passed by its own clock, or none', () => {
    expect(sessionLife(NOW - 100_000, says(0), NOW)).toBeUndefined()
    expect(sessionLife(NOW + 100_000, says(200_000), NOW)).toBeUndefined()
    expect(sessionLife(0, says(0), NOW)).toBeUndefined()
    expect(sessionLife(0, undefined, NOW)).toBeUndefined()
  })

  it.each([-3 * HOUR, -100_000, 0, 2000, 59_000])(
    'is not known where the server tells no time and the expiry is %i ms away, which no session is',
    (away) => {
      expect(sessionLife(NOW + away, undefined, NOW)).toBeUndefined()
    },
  )

  it('is what is left, at most three hours, where the server tells no time', () => {
    expect(sessionLife(NOW + 60_000, undefined, NOW)).toBe(60_000)
    expect(sessionLife(NOW + 2 * HOUR, undefined, NOW)).toBe(2 * HOUR)
    expect(sessionLife(NOW + 9 * HOUR, undefined, NOW)).toBe(3 * HOUR)
  })
})
