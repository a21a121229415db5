import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { RtspFault } from '../../src/testing/rtsp-connection.ts'
import {
  type RtspFaultPlan,
  rtspFaultServer,
  type RtspFaultServer,
  type RtspFaultServerOptions,
} from '../../src/testing/rtsp-fault-server.ts'

let server: RtspFaultServer | undefined
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await server?.close()
})

async function open(plan: RtspFaultPlan, options: RtspFaultServerOptions = {}): Promise<Socket> {
  server = await rtspFaultServer(plan, options)
  const socket = connect(server.port, '127.0.0.1')
  sockets.push(socket)
  await once(socket, 'connect')
  return socket
}

async function ask(socket: Socket, method: string, headers = ''): Promise<string> {
  socket.write(`${method} ${server!.url} RTSP/1.0\r\nCSeq: 7\r\n${headers}\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  return answer.toString('latin1')
}

describe('rtspFaultServer', () => {
  it('describes itself, and plays', async () => {
    const pcm = Buffer.alloc(32_000, 1)
    const socket = await open({ fault: 'none' }, { pcm, loop: true })
    expect(await ask(socket, 'DESCRIBE')).toMatch(/^RTSP\/1\.0 200 OK\r\nCSeq: 7\r\n[^]*a=rtpmap:97 L16\/16000\/1/)
    expect(await ask(socket, 'SETUP', 'Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n')).toContain(
      'interleaved=0-1',
    )
    expect(await ask(socket, 'PLAY')).toContain('200 OK')
    const [packet] = (await once(socket, 'data')) as [Buffer]
    expect([packet[0], packet.readUInt16BE(2), packet.readUInt16BE(6), packet[20]]).toEqual([0x24, 652, 0, 1])
    expect(server!.connections[0]).toMatchObject({ transport: 'tcp', methods: ['DESCRIBE', 'SETUP', 'PLAY'] })
    expect(server!.open).toBe(1)
    expect(await Promise.all([once(socket, 'close'), ask(socket, 'TEARDOWN')])).toBeDefined()
  })

  it.each([
    [{ fault: 'status', status: 503 }, 'RTSP/1.0 503'],
    [{ fault: 'status', status: 404 }, 'RTSP/1.0 404'],
    [{ fault: 'unauthorized' }, 'RTSP/1.0 401'],
  ] as [RtspFault, string][])('answers as it is told: %o', async (fault, answer) => {
    const socket = await open(fault)
    expect(await ask(socket, 'OPTIONS')).toContain('200 OK')
    expect(await ask(socket, 'DESCRIBE', 'Authorization: Basic YTpi\r\n')).toContain(answer)
  })

  it('asks for credentials, and takes no others', async () => {
    const socket = await open({ fault: 'none' }, { credentials: 'a:b' })
    expect(await ask(socket, 'DESCRIBE')).toContain('WWW-Authenticate: Basic')
    expect(await ask(socket, 'DESCRIBE', 'Authorization: Basic YTpj\r\n')).toContain('401')
    expect(await ask(socket, 'DESCRIBE', 'Authorization: Basic YTpi\r\n')).toContain('200')
  })

  it('goes down and comes up again on the same port, while its clock goes on', async () => {
    const socket = await open({ fault: 'none' })
    const { port, clipMs } = server!
    const gone = once(socket, 'close')
    await server!.close()
    await gone
    const refused = connect(port, '127.0.0.1')
    expect(((await once(refused, 'error')) as [{ code: string }])[0].code).toBe('ECONNREFUSED')
    await server!.listen()
    expect(server!.port).toBe(port)
    expect(server!.clipMs).toBeGreaterThan(clipMs)
  })

  it('refuses transports it does not have', async () => {
    const socket = await open({ fault: 'none' }, { transports: ['tcp'] })
    expect(await ask(socket, 'SETUP', 'Transport: RTP/AVP;unicast;client_port=5000-5001\r\n')).toContain('461')
  })

  it('survives what no client should send, and half a sample at the end of its clip', async () => {
    const socket = await open({ fault: 'none' }, { pcm: Buffer.alloc(3201), loop: true })
    for (const transport of ['RTP/AVP;unicast', 'RTP/AVP;unicast;client_port=70000-70001']) {
      expect(await ask(socket, 'SETUP', `Transport: ${transport}\r\n`)).toContain('461')
    }
    expect(await ask(socket, 'SETUP', 'Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n')).toContain('200')
    expect(await ask(socket, 'PLAY')).toContain('200')
    await expect.poll(() => server!.connections[0]!.playedTo).toBeGreaterThan(300)
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(Buffer.alloc(3_000_000, 'x'))
    socket.resume()
    await closed
  })

  it.each([
    [{ fault: 'sulk' }, {}, 'fault, when given, must be'],
    [{ fault: 'drop', afterMs: -1 }, {}, 'afterMs, when given, must be'],
    [{ fault: 'none' }, { codec: 'mp3' }, 'codec, when given, must be'],
    [{ fault: 'none' }, { pcm: 'x' }, 'pcm, when given, must be a Buffer'],
    [{ fault: 'none' }, { speed: 2 }, 'rtspFaultServer() has no option speed'],
    [
      { loop: true },
      {},
      "plan, when given, must be a fault as { fault: 'drop' }, a list of faults, or a function; options",
    ],
  ])('refuses %o with %o', async (fault, options, message) => {
    await expect(rtspFaultServer(fault as RtspFault, options as RtspFaultServerOptions)).rejects.toThrow(message)
  })

  it('finds requests between packets, however the bytes are cut', async () => {
    const packet = Buffer.from([0x24, 1, 0, 4, 0x0d, 0x0a, 0x0d, 0x0a])
    const request = Buffer.from('GET_PARAMETER rtsp://a/b RTSP/1.0\r\nCSeq: 3\r\nContent-Length: 2\r\n\r\nxy')
    const socket = await open({ fault: 'none' })
    socket.setNoDelay(true)
    for (const byte of Buffer.concat([packet, request, packet, request])) socket.write(Buffer.from([byte]))
    let answers = ''
    for await (const chunk of socket) {
      answers += String(chunk)
      if (answers.split('CSeq: 3').length === 3) break
    }
    expect(server!.connections[0]?.methods).toEqual(['GET_PARAMETER', 'GET_PARAMETER'])
  })
})
