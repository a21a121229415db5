import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { parseRtspUrl } from '../../../src/sources/address.ts'
import { RtspAuthentication } from '../../../src/sources/rtsp/authentication.ts'
import { headerOf, type RtspMessage, RtspReader, writeMessage } from '../../../src/sources/rtsp/protocol.ts'
import { RtspRelay } from '../../../src/sources/rtsp/relay.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step()
})

/** A camera that does what `answer` says to each request, and remembers them. */
async function camera(answer: (request: RtspMessage, socket: Socket) => void) {
  const requests: RtspMessage[] = []
  const server: Server = createServer((socket) => {
    const reader = new RtspReader()
    socket.on('error', () => {})
    socket.setNoDelay(true)
    undo.push(() => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      for (const piece of reader.push(chunk)) {
        if ('frame' in piece) continue
        requests.push(piece.message)
        answer(piece.message, socket)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.push(() => server.close())
  const { port } = server.address() as { port: number }
  return { requests, port, url: `rtsp://127.0.0.1:${port}/live?x=1` }
}

/** A client of a relay to a camera, and all that it gets. */
async function client(url: string, transport: 'tcp' | 'udp' = 'tcp', addresses?: readonly string[]) {
  const address = parseRtspUrl(url)
  const authentication = new RtspAuthentication(address.credentials)
  const relay = await RtspRelay.open({ address, authentication, tls: {}, addresses, transport })
  undo.push(() => relay.close())
  const own = relay.url
  const socket = connect(Number(new URL(own.replace('rtsp', 'http')).port), '127.0.0.1')
  undo.push(() => socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  let number = 40
  return {
    relay,
    own,
    gone,
    socket,
    text: () => Buffer.concat(chunks).toString('latin1'),
    ask: (method: string, path = '', ...headers: (readonly [string, string])[]) => {
      number += 1
      socket.write(
        writeMessage({
          start: `${method} ${own}${path} RTSP/1.0`,
          headers: [['CSeq', String(number)], ...headers],
          body: Buffer.alloc(0),
        }),
      )
    },
  }
}

const say = (request: RtspMessage | undefined, status: string, more = '', body = ''): string =>
  `RTSP/1.0 ${status}\r\nCSeq: ${request === undefined ? 1 : headerOf(request, 'cseq')}\r\n${more}${body === '' ? '' : `Content-Length: ${body.length}\r\n`}\r\n${body}`
const elsewhere = 'rtsp://10.0.0.1/secret'

describe('a relay', () => {
  it('asks for the address of the camera, and tells FFmpeg only what it needs', async () => {
    const sdp = 'm=audio 0 RTP/AVP 0\r\n'
    const { url, requests, port } = await camera((request, socket) =>
      socket.write(
        say(
          request,
          '200 \x1b[31mFine',
          `Location: ${elsewhere}\r\nWWW-Authenticate: Basic realm="a"\r\nX-A: b\r\nSession: 7\x1b;timeout=9\r\nContent-Type: application/sdp\r\n`,
          sdp,
        ),
      ),
    )
    const { ask, text, relay } = await client(url)
    ask('DESCRIBE', '/track1', ['Accept', 'application/sdp'])
    await expect.poll(text).toContain('m=audio')
    expect(requests[0]?.start).toBe(`DESCRIBE rtsp://127.0.0.1:${port}/live?x=1/track1 RTSP/1.0`)
    expect(headerOf(requests[0]!, 'accept')).toBe('application/sdp')
    expect(text()).toBe(
      `RTSP/1.0 200 OK\r\nCSeq: 41\r\nsession: 7 ;timeout=9\r\ncontent-type: application/sdp\r\nContent-Length: ${sdp.length}\r\n\r\n${sdp}`,
    )
    expect([relay.status, relay.lacksAudio]).toEqual([200, false])
  })

  it('connects to those addresses alone that it is given, and to the next where one does not answer', async () => {
    const { url, requests } = await camera((request, socket) => socket.write(say(request, '200 OK')))
    // A name that no name server knows.
    const named = url.replace('127.0.0.1', 'camera.invalid')
    const { ask, text } = await client(named, 'tcp', ['::1', '127.0.0.1'])
    ask('OPTIONS')
    await expect.poll(text).toContain('200 OK')
    expect(requests[0]?.start).toBe(`OPTIONS ${named} RTSP/1.0`)
    const other = await client(named, 'tcp', ['::1'])
    other.ask('OPTIONS')
    await other.gone
    expect(other.relay.error).toMatchObject({
      code: expect.stringMatching(/^(?:ECONNREFUSED|EADDRNOTAVAIL)$/) as string,
    })
    expect(requests).toHaveLength(1)
  })

  it('tells FFmpeg of no track by which one talks to the camera', async () => {
    const sdp = 'v=0\r\nm=audio 0 RTP/AVP 8\r\na=sendonly\r\nm=audio 0 RTP/AVP 0\r\na=recvonly\r\n'
    const { url } = await camera((request, socket) => socket.write(say(request, '200 OK', '', sdp)))
    const { ask, text } = await client(url)
    ask('DESCRIBE')
    await expect.poll(text).toMatch(/Content-Length: 38\r\n\r\nv=0\r\nm=audio 0 RTP\/AVP 0\r\na=recvonly\r\n$/)
  })

  it.each([
    ['', ''],
    ['/cam/', 'content-base: rtsp://127.0.0.1:PORT/cam/\r\n'],
    ['rtsp://10.0.0.1/live/', 'content-base: rtsp://10.0.0.1/live/\r\n'],
  ])('tells only a base that FFmpeg can ask with: %j', async (base, told) => {
    const { url, port } = await camera((request, socket) =>
      socket.write(say(request, '200 OK', `Content-Base: ${base}\r\n`, 'm=audio 0 RTP/AVP 0\r\n')),
    )
    const { ask, text } = await client(url)
    ask('DESCRIBE')
    await expect.poll(text).toContain('m=audio')
    const [head = ''] = text().toLowerCase().split('content-length')
    expect(head.replace(/^.*\r\ncseq: \d+\r\n/, '')).toBe(told.replace('PORT', String(port)))
  })

  it.each([
    ['302 Moved', '302'],
    ['301 Moved', '301'],
    ['399 x', '399'],
  ])('follows nowhere: %s, wherever the answer is cut', async (status, code) => {
    const answer = say(undefined, status, `Location: ${elsewhere}\r\n`)
    for (let at = 0; at <= answer.length; at += 3) {
      const { url } = await camera((request, socket) => {
        const own = answer.replace('CSeq: 1', `CSeq: ${headerOf(request, 'cseq')}`)
        socket.write(own.slice(0, at))
        setImmediate(() => socket.write(own.slice(at)))
      })
      const { ask, gone, text, relay } = await client(url)
      ask('DESCRIBE')
      await gone
      expect([text(), String(relay.status)]).toEqual(['', code])
    }
  })

  const redirect = (request: RtspMessage, version = 'RTSP/1.0'): string =>
    say(request, '302 Moved', `Location: ${elsewhere}\r\n`).replace('RTSP/1.0', version)
  it.each([
    [
      'in one packet with the answer before',
      (r: RtspMessage) => say(r, '200 OK') + redirect(r).replace(/CSeq: \d+/, 'CSeq: 9'),
    ],
    ['without a number', (r: RtspMessage) => redirect(r).replace(/CSeq: \d+\r\n/, '')],
    ['of another version', (r: RtspMessage) => redirect(r, 'RTSP/2.0')],
    ['of a version with several digits', (r: RtspMessage) => redirect(r, 'RTSP/10.12')],
    ['in lower case', (r: RtspMessage) => redirect(r, 'rtsp/1.0')],
    ['with more spaces', (r: RtspMessage) => redirect(r, 'RTSP/1.0   ')],
    ['after empty lines', (r: RtspMessage) => `\r\n\r\n${redirect(r)}`],
    ['with bare line ends', (r: RtspMessage) => redirect(r).replaceAll('\r', '')],
    ['after a packet', (r: RtspMessage) => `$\0\0\x02ab${redirect(r)}`],
    ['as a request', () => `REDIRECT rtsp://a RTSP/1.0\r\nCSeq: 1\r\nLocation: ${elsewhere}\r\n\r\n`],
    ['after much else', (r: RtspMessage) => 'RTSP/1.0 100 Continue\r\n\r\n'.repeat(4000) + redirect(r)],
  ])('follows nowhere: %s', async (_how, answer) => {
    const { url } = await camera((request, socket) => socket.write(answer(request)))
    const { ask, gone, text, relay } = await client(url)
    ask('OPTIONS')
    await gone
    expect(relay.status).toBe(302)
    expect(text()).not.toContain('10.0.0.1')
  })

  it.each(['302 answer', 'REDIRECT request'])('follows nowhere while it plays: %s', async (how) => {
    const { url } = await camera((request, socket) => {
      if (request.start.startsWith('PLAY')) socket.write(`${say(request, '200 OK')}$\0\0\x02ab`)
      else if (how === '302 answer') socket.write(redirect(request))
      else socket.write(`REDIRECT * RTSP/1.0\r\nCSeq: 1\r\nLocation: ${elsewhere}\r\n\r\n`)
    })
    const { ask, gone, text, relay } = await client(url)
    ask('PLAY')
    await expect.poll(text).toContain('$\0\0\x02ab')
    ask('GET_PARAMETER')
    await gone
    expect([relay.status, text().includes('10.0.0.1')]).toEqual([302, false])
  })

  it.each(['RTP/AVP/TCP;unicast;interleaved=2-3;source=10.0.0.1;destination=10.0.0.2', 'RTP/AVP/TCP;unicast'])(
    'tells FFmpeg the channels only: %s',
    async (transport) => {
      const { url } = await camera((request, socket) =>
        socket.write(say(request, '200 OK', `Transport: ${transport}\r\n`)),
      )
      const { ask, text } = await client(url)
      ask('SETUP', '', ['Transport', 'RTP/AVP/TCP;unicast;interleaved=0-1'])
      await expect.poll(text).toMatch(/\r\n\r\n/)
      expect(/Transport: (.*)\r/.exec(text())?.[1]).toBe(
        `RTP/AVP/TCP;unicast;interleaved=${transport.includes('2-3') ? '2-3' : '0-1'}`,
      )
    },
  )

  it.each([
    'RTP/AVP;unicast;client_port=1-2;server_port=3-4;source=10.0.0.1',
    'RTP/AVP;multicast;destination=224.1.1.1',
    '',
  ])('takes packets on no way that it did not ask for: %j', async (transport) => {
    const { url } = await camera((request, socket) =>
      socket.write(say(request, '200 OK', `Transport: ${transport}\r\n`)),
    )
    const { ask, text, relay } = await client(url)
    ask('SETUP', '', ['Transport', 'RTP/AVP/TCP;unicast;interleaved=0-1'])
    await expect.poll(text).toMatch(/^RTSP\/1.0 461/)
    expect(relay.status).toBe(461)
  })

  it('drops packets before the camera plays, and what answers nothing', async () => {
    const { url } = await camera((request, socket) => {
      const play = request.start.startsWith('PLAY')
      socket.write(
        `$\0\0\x02ab${say(request, '200 OK').replace(/CSeq: \d+/, 'CSeq: 77')}hello\r\n\r\n${say(request, '200 OK')}`,
      )
      if (play) socket.write('$\0\0\x02cd')
    })
    const { ask, text } = await client(url)
    ask('OPTIONS')
    ask('PLAY')
    await expect.poll(text).toContain('$\0\0\x02cd')
    expect(text()).toBe('RTSP/1.0 200 OK\r\nCSeq: 41\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: 42\r\n\r\n$\0\0\x02cd')
  })

  it('answers what a camera asks itself', async () => {
    const { url, requests } = await camera((request, socket) => {
      if (!request.start.startsWith('RTSP'))
        socket.write('OPTIONS * RTSP/1.0\r\nCSeq: 5\r\n\r\nANNOUNCE * RTSP/1.0\r\nCSeq: 6\r\n\r\n')
    })
    const { ask, text } = await client(url)
    ask('OPTIONS')
    await expect.poll(() => requests.length).toBe(3)
    expect(requests.slice(1)).toMatchObject([
      { start: 'RTSP/1.0 200 OK', headers: [['cseq', '5']] },
      { start: 'RTSP/1.0 501 Not Implemented', headers: [['cseq', '6']] },
    ])
    expect(text()).toBe('')
  })

  it.each([
    ['a long body', 'RTSP/1.0 200 OK\r\nContent-Length: 2000000000\r\n\r\n', 'a'],
    ['headers without end', 'RTSP/1.0 200 OK\r\n', `X-A: ${'a'.repeat(4000)}\r\n`],
    ['a line without end', '', 'a'],
    ['packets before it plays', '', `$\0\x0f\xa0${'a'.repeat(4000)}`],
    ['interim answers', '', 'RTSP/1.0 100 Continue\r\n\r\n'],
    ['answers to nothing', '', 'RTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\n'],
    ['requests', '', 'OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n'],
  ])('ends %s', async (_what, begin, more) => {
    let sent = 0
    const { url } = await camera((request, socket) => {
      if (request.start.startsWith('RTSP')) return
      const block = Buffer.from(more.repeat(Math.ceil(65_536 / more.length)), 'latin1')
      const go = (): void => {
        while (!socket.destroyed && (sent += block.length) > 0 && socket.write(block));
        socket.once('drain', go)
      }
      socket.write(begin)
      go()
    })
    const { ask, gone, relay, text } = await client(url)
    ask('DESCRIBE')
    await gone
    expect(relay.error).toMatchObject({ code: 'INPUT_TOO_LARGE' })
    expect(text()).toBe('')
  })

  it('ends packets without any sound in them', async () => {
    const { url } = await camera((request, socket) => {
      socket.write(say(request, '200 OK'))
      const block = Buffer.alloc(65_504)
      block.set([0x24, 0, 0xff, 0xdc])
      const go = (): void => {
        while (!socket.destroyed && socket.write(block));
        socket.once('drain', go)
      }
      go()
    })
    const { ask, gone, relay } = await client(url)
    ask('PLAY')
    await gone
    expect(relay.error).toMatchObject({
      code: 'INPUT_TOO_LARGE',
      message: expect.stringContaining('without any sound'),
    })
  })

  it('lets nobody in who does not know its key', async () => {
    const { url, requests } = await camera((request, socket) => socket.write(say(request, '200 OK')))
    const { own, ask, text } = await client(url)
    const other = connect(Number(new URL(own.replace('rtsp', 'http')).port), '127.0.0.1')
    other.write('OPTIONS rtsp://127.0.0.1/x RTSP/1.0\r\nCSeq: 1\r\n\r\n')
    await once(other, 'close')
    expect(requests).toEqual([])
    ask('OPTIONS')
    await expect.poll(text).toContain('200 OK')
  })
})

describe('a relay to a camera that wants a password', () => {
  const md5 = (...parts: string[]): string => createHash('md5').update(parts.join(':')).digest('hex')

  it('proves who it is, in FFmpeg’s stead, and again where a nonce is too old', async () => {
    let nonce = 0
    const proofs: string[] = []
    const { url, requests } = await camera((request, socket) => {
      const proof = headerOf(request, 'authorization') ?? ''
      const [method = '', uri = ''] = request.start.split(' ')
      const field = (name: string): string => new RegExp(`${name}="?([^",]*)`).exec(proof)?.[1] ?? ''
      const expected = md5(
        md5('admin', 'cam', 'p@ss'),
        String(nonce),
        field('nc'),
        field('cnonce'),
        'auth',
        md5(method, uri),
      )
      proofs.push(proof)
      if (proof !== '' && field('response') === expected && field('username') === 'admin') {
        // Every nonce is good for two requests.
        if (field('nc') === '00000002') nonce += 1
        return socket.write(say(request, '200 OK'))
      }
      return socket.write(
        say(
          request,
          '401 No',
          `WWW-Authenticate: Digest realm="cam", nonce="${nonce}", qop="auth"${nonce > 1 ? ', stale=true' : ''}\r\n`,
        ),
      )
    })
    const { ask, text } = await client(url.replace('//', '//admin:p%40ss@'))
    for (let request = 1; request <= 6; request++) {
      ask('OPTIONS')
      await expect.poll(text).toMatch(new RegExp(`CSeq: ${40 + request}\\r`))
    }
    expect(text()).not.toMatch(/401|Authenticate/)
    expect(requests).toHaveLength(6 + 3)
    expect(proofs.filter((proof) => proof === '')).toHaveLength(1)
    expect(new Set(requests.map((request) => headerOf(request, 'cseq'))).size).toBe(9)
  })

  it.each([
    ['Basic realm="a"', 2],
    ['Digest realm="a", nonce="n"', 2],
    ['Digest realm="a", nonce="n", stale=true', 4],
    ['Negotiate', 1],
  ])('gives up where %s refuses the password', async (offer, count) => {
    const { url, requests } = await camera((request, socket) =>
      socket.write(say(request, '401 No', `WWW-Authenticate: ${offer}\r\n`)),
    )
    const { ask, text, relay } = await client(url.replace('//', '//admin:wrong@'))
    ask('DESCRIBE')
    await expect.poll(text).toBe('RTSP/1.0 401 No\r\nCSeq: 41\r\n\r\n')
    expect([relay.status, requests.length]).toEqual([401, count])
  })
})
