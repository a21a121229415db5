import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { faultServer, scriptedEngine, type Fault, type FaultName, type FaultServer } from '../../src/testing/index.ts'
import { faults } from '../../src/testing/faults.ts'
import { certificate } from '../helpers/certificate.ts'

let server: FaultServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

/** Everything a client sees, as short text: `Begin`, `final 0`, `text …`, `binary`, `error …`, `close 1000 …`. */
interface Witness {
  socket: WebSocket
  seen: string[]
  closed: Promise<void>
  until: (text: string) => Promise<void>
}

function watch(url: string, options: WebSocket.ClientOptions = {}): Witness {
  const socket = new WebSocket(url, options)
  const seen: string[] = []
  let wake = () => {}
  const note = (text: string) => {
    seen.push(text)
    wake()
  }
  socket.on('message', (data, binary) => {
    const text = Buffer.isBuffer(data) ? data.toString() : ''
    note(binary ? 'binary' : describeMessage(text))
  })
  socket.on('error', (error) => note(`error ${error.message}`))
  const closed = new Promise<void>((resolve) => {
    socket.on('close', (code, reason) => {
      note(`close ${code} ${reason.toString()}`.trim())
      resolve()
    })
  })
  const until = async (text: string) => {
    while (!seen.includes(text)) {
      if (socket.readyState === WebSocket.CLOSED) throw new Error(`closed before ${text}; saw ${seen.join()}`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { socket, seen, closed, until }
}

function describeMessage(text: string): string {
  try {
    const { type, end_of_turn: final, turn_order: order, turn_is_formatted: formatted } = JSON.parse(text)
    if (type === 'Error') return `Error ${JSON.parse(text).error_code} ${JSON.parse(text).error}`
    if (type === 'Turn') return `${final ? 'final' : 'partial'} ${order}${final && !formatted ? ' unformatted' : ''}`
    if (type === 'Novelty') return `Novelty of ${text.length} bytes`
    return typeof type === 'string' ? type : `text ${text}`
  } catch {
    return `text ${text}`
  }
}

/** A whole session of four seconds against one fault. */
async function meet(fault: Fault): Promise<Witness> {
  server = await faultServer(fault)
  const witness = watch(
    `${server.url}?speaker_labels=true&include_partial_turns=false&speech_model=whisper-rt&format_turns=true`,
  )
  await witness.until('Begin')
  for (let sent = 0; sent < 80; sent++) witness.socket.send(Buffer.alloc(1600))
  witness.socket.send('{"type":"Terminate"}')
  return witness
}

const complete = ['Begin', 'final 0', 'final 1', 'Termination', 'close 1000 Session Ended']

describe('before Begin', () => {
  it('no-upgrade never answers', async () => {
    server = await faultServer({ fault: 'no-upgrade' })
    const { socket, seen, closed } = watch(server.url, { handshakeTimeout: 200 })
    await closed
    expect(seen).toEqual(['error Opening handshake has timed out', 'close 1006'])
    expect(server.attempts).toBe(1)
    expect(server.connections).toEqual([])
    expect(socket.readyState).toBe(WebSocket.CLOSED)
  })

  it('http-error answers with a status and a body', async () => {
    server = await faultServer({ fault: 'http-error', status: 503, body: '{"error":"busy"}' })
    const socket = new WebSocket(server.url)
    const answer = await new Promise((resolve) => {
      socket.on('unexpected-response', (_request, response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString()
        })
        response.on('end', () => resolve([response.statusCode, body]))
      })
    })
    expect(answer).toEqual([503, '{"error":"busy"}'])
  })

  it('no-begin says nothing, whatever it hears', async () => {
    server = await faultServer({ fault: 'no-begin' })
    const { socket, seen, closed } = watch(server.url)
    socket.once('open', () => socket.send('{"type":"KeepAlive"}', () => socket.close(1000)))
    await closed
    expect(seen).toEqual(['close 1000'])
    expect(server.connections[0]?.messages).toEqual(['{"type":"KeepAlive"}'])
  })

  it('late-begin keeps what came before it', async () => {
    server = await faultServer({ fault: 'late-begin', delayMs: 300 })
    const { socket, seen, closed } = watch(
      `${server.url}?include_partial_turns=false&speech_model=whisper-rt&format_turns=true`,
    )
    const asked = performance.now()
    socket.once('open', () => {
      for (let sent = 0; sent < 80; sent++) socket.send(Buffer.alloc(1600))
      socket.send('{"type":"Terminate"}')
    })
    await closed
    expect(performance.now() - asked).toBeGreaterThan(290)
    expect(seen).toEqual(complete)
  })

  it.each([
    [undefined, 'Error 1008 Unauthorized Connection: Too many concurrent sessions', 1008],
    [3009, 'Error 3009 Unauthorized Connection: Too many concurrent sessions', 3009],
  ])('refuse with code %s closes instead of Begin', async (code, error, closeCode) => {
    server = await faultServer({ fault: 'refuse', ...(code === undefined ? {} : { code }) })
    const { seen, closed } = watch(server.url)
    await closed
    expect(seen).toEqual([error, `close ${closeCode} See Error message for details`])
  })
})

describe('in mid-session', () => {
  it('drop cuts the connection at its time', async () => {
    const { seen, closed } = await meet({ fault: 'drop', afterMs: 500 })
    await closed
    expect(seen.at(-1)).toBe('close 1006')
    expect(server?.connections[0]?.receivedMs).toBe(500)
    expect(server?.connections[0]?.closeCode).toBe(1006)
  })

  it('a fault can wait for finals instead of audio', async () => {
    const { seen, closed } = await meet({ fault: 'drop', afterFinals: 1 })
    await closed
    expect(seen.filter((line) => line !== 'Begin')).toEqual(['final 0', 'close 1006'])
  })

  it.each([
    [{ fault: 'error' }, 'Error 3005 Session Cancelled: An error occurred', 3005],
    [
      { fault: 'error', code: 1008, text: 'Unauthorized Connection: no money' },
      'Error 1008 Unauthorized Connection: no money',
      1008,
    ],
    [{ fault: 'error', code: 3008 }, 'Error 3008 Session Expired: Maximum session duration exceeded', 3008],
  ] as const)('%j tells why and closes with the same code', async (fault, error, code) => {
    const { seen, closed } = await meet({ ...fault, afterMs: 1000 })
    await closed
    expect(seen).toEqual(['Begin', error, `close ${code} See Error message for details`])
  })

  it('close gives no reason in an Error', async () => {
    const { seen, closed } = await meet({ fault: 'close', code: 3008, text: 'too long' })
    await closed
    expect(seen).toEqual(['Begin', 'close 3008 too long'])
  })

  it.each([1011, 1004])('close, with %i, keeps as much of a reason as there is room for', async (code) => {
    const { seen, closed } = await meet({ fault: 'close', code, text: `${'x'.repeat(122)}éé` })
    await closed
    // A client refuses the codes that may not be sent.
    expect(seen.at(-1)).toBe(code === 1011 ? `close 1011 ${'x'.repeat(122)}` : 'close 1006')
  })

  it('unasked-termination ends a session that wants to go on', async () => {
    const { seen, closed } = await meet({ fault: 'unasked-termination' })
    await closed
    expect(seen).toEqual(['Begin', 'Termination', 'close 1000 Session Ended'])
  })

  it.each([
    [{ fault: 'garbage' }, ['text this is {not JSON']],
    [{ fault: 'binary' }, ['binary']],
    [{ fault: 'oversized', bytes: 5_000_000 }, ['Novelty of 5000000 bytes']],
    [
      { fault: 'unknown-message' },
      ['Novelty of 28 bytes', 'text {"kind":"Turn"}', 'text null', 'text []', 'text "Begin"'],
    ],
  ] as const)('%j is sent once, and the session goes on', async (fault, extra) => {
    const { seen, closed } = await meet(fault)
    await closed
    expect(seen).toEqual(['Begin', ...extra, ...complete.slice(1)])
  })

  it('stall neither reads nor speaks', async () => {
    server = await faultServer({ fault: 'stall', afterMs: 100 })
    const { socket, seen, until } = watch(server.url)
    await until('Begin')
    // Far more than the buffers of the kernel hold.
    for (let sent = 0; sent < 1000; sent++) socket.send(Buffer.alloc(32_000))
    socket.send('{"type":"Terminate"}')
    // Until the kernel takes no more.
    for (let before = -1; before !== socket.bufferedAmount;) {
      before = socket.bufferedAmount
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(socket.bufferedAmount).toBeGreaterThan(1_000_000)
    expect(seen).toEqual(['Begin'])
    socket.terminate()
  })

  it('silence reads on', async () => {
    const { socket, seen, closed } = await meet({ fault: 'silence', afterMs: 100 })
    const pong = new Promise((resolve) => {
      socket.once('pong', resolve)
    })
    socket.ping()
    await pong
    expect(server?.connections[0]?.receivedMs).toBe(4000)
    expect(seen).toEqual(['Begin'])
    socket.close()
    await closed
  })
})

describe('turns and the end', () => {
  it('none does everything right', async () => {
    const { seen, closed } = await meet({ fault: 'none' })
    await closed
    expect(seen).toEqual(complete)
  })

  it('double-final sends each final twice', async () => {
    const { seen, closed } = await meet({ fault: 'double-final' })
    await closed
    expect(seen.slice(1, 5)).toEqual(['final 0 unformatted', 'final 0', 'final 1 unformatted', 'final 1'])
  })

  it('empty-final adds one without words', async () => {
    const { seen, closed } = await meet({ fault: 'empty-final' })
    await closed
    expect(seen.slice(2, 5)).toEqual(['final 1', 'final 1000', 'Termination'])
  })

  it('close-without-termination leaves it out', async () => {
    const { seen, closed } = await meet({ fault: 'close-without-termination' })
    await closed
    expect(seen).toEqual(['Begin', 'final 0', 'final 1', 'close 1000 Session Ended'])
  })

  it('no-termination leaves the client waiting', async () => {
    const { socket, seen, closed, until } = await meet({ fault: 'no-termination' })
    await until('final 1')
    const pong = new Promise((resolve) => {
      socket.once('pong', resolve)
    })
    socket.ping()
    await pong
    expect(socket.readyState).toBe(WebSocket.OPEN)
    socket.close(1000)
    await closed
    expect(seen.at(-1)).toBe('close 1000')
  })
})

describe('faultServer', () => {
  it('gives each connection its own fault, and then behaves', async () => {
    server = await faultServer([{ fault: 'refuse' }, { fault: 'close', code: 1012 }])
    const codes: number[] = []
    for (let attempt = 0; attempt < 3; attempt++) {
      const socket = new WebSocket(server.url)
      socket.on('message', () => socket.send('{"type":"Terminate"}'))
      codes.push(
        await new Promise<number>((resolve) => {
          socket.once('close', resolve)
        }),
      )
    }
    expect(codes).toEqual([1008, 1012, 1000])
    expect(server.connections.map(({ index }) => index)).toEqual([0, 1, 2])
  })

  it('reports who came with what, and who left', async () => {
    server = await faultServer({ fault: 'none' })
    const gone = new Promise<number | undefined>((resolve) => {
      server?.once('disconnect', (connection) => resolve(connection.closeCode))
    })
    const { socket, until } = watch(`${server.url}?max_speakers=2&sample_rate=nonsense`, {
      headers: { Authorization: 'my key' },
    })
    await until('Begin')
    socket.terminate()
    expect(await gone).toBe(1006)
    expect(server.connections[0]?.query.get('max_speakers')).toBe('2')
    expect(server.connections[0]?.headers.authorization).toBe('my key')
  })

  it('runs any engine and any script, also over TLS', async () => {
    const { key, cert } = await certificate()
    const engine = scriptedEngine([{ words: 'x', start: 0, end: 100 }])
    server = await faultServer({ fault: 'none' }, { engine, tls: { key, cert }, host: 'localhost' })
    const { socket, seen, closed, until } = watch(server.url, { ca: cert })
    await until('Begin')
    socket.send(Buffer.alloc(3200))
    socket.send('{"type":"Terminate"}')
    await closed
    expect(server.url).toMatch(/^wss:\/\/localhost:/)
    expect(seen).toEqual(['Begin', 'SpeechStarted', 'final 0', 'Termination', 'close 1000 Session Ended'])
  })

  it.each(Object.keys(faults) as FaultName[])('closes with %s under way and leaves no engine', async (fault) => {
    const engine = scriptedEngine([])
    const running = await faultServer({ fault }, { engine })
    const { socket, closed } = watch(running.url)
    const came = new Promise<void>((resolve) => {
      socket.once('open', resolve)
      socket.once('close', () => resolve())
      if (fault === 'no-upgrade') setImmediate(resolve)
    })
    await came
    await running.close()
    await closed
    expect(engine.sessions.every((session) => session.state === 'destroyed')).toBe(true)
  })

  it('refuses faults there are none of', async () => {
    await expect(faultServer({ fault: 'nonsense' as FaultName })).rejects.toThrow(
      /^fault, when given, must be 'none', /,
    )
    await expect(faultServer([{ fault: 'drop', after: 3 } as unknown as Fault])).rejects.toThrow(/no option after/)
    await expect(faultServer({ fault: 'drop' }, { port: -1 })).rejects.toThrow(/^port/)
    await expect(faultServer({ port: 1 } as unknown as Fault)).rejects.toThrow(/^plan, .*; got an object$/)
  })
})
