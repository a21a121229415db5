import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { Readable, Writable } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { FfmpegError, InputError } from '../../../src/errors.ts'
import { type AllowUrl, parseRtspUrl } from '../../../src/sources/address.ts'
import { explainRtsp, type RtspFailure, rtspSource, type RtspSourceOptions } from '../../../src/sources/rtsp/source.ts'
import {
  type RtspFaultPlan,
  rtspFaultServer,
  type RtspFaultServer,
  type RtspFaultServerOptions,
} from '../../../src/testing/rtsp-fault-server.ts'
import { certificate } from '../../helpers/certificate.ts'
import { childProcesses, childStarted, closed, noChildLeft } from '../../helpers/processes.ts'

let camera: RtspFaultServer | undefined

afterEach(async () => {
  await camera?.close()
  camera = undefined
  await noChildLeft()
})

async function start(plan: RtspFaultPlan, options: RtspFaultServerOptions = {}): Promise<RtspFaultServer> {
  camera = await rtspFaultServer(plan, options)
  return camera
}

/** Reads a source to its end; gives its bytes of audio, its events and its error. */
async function listen(source: Readable) {
  let bytes = 0
  const events: { name: string; facts: { [fact: string]: unknown } }[] = []
  for (const name of ['gap', 'reconnecting', 'warning']) {
    source.on(name, (facts: { [fact: string]: unknown }) => events.push({ name, facts }))
  }
  let error: Error | undefined
  source.on('error', (problem) => (error = problem))
  source.on('data', (chunk: Buffer) => (bytes += chunk.length))
  await closed(source)
  return { bytes, events, error, named: (name: string) => events.filter((event) => event.name === name) }
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')

const quick: RtspSourceOptions = { retryDelay: 50, maxRetryDelay: 100 }

describe('rtspSource', () => {
  it.each([
    ['tcp', 'l16'],
    ['tcp', 'pcmu'],
    ['udp', 'l16'],
  ] as const)('listens over %s to %s, and ends in order', async (transport, codec) => {
    const { url, connections } = await start({ fault: 'none' }, { codec })
    const { bytes, events, error } = await listen(rtspSource(url, { transport, maxDuration: 500 }))
    expect(error).toBeUndefined()
    expect(events).toEqual([])
    expect(bytes).toBe(44 + 16_000)
    expect(connections.map((connection) => connection.transport)).toEqual([transport])
    await noChildLeft()
  })

  it('goes by packets of their own where the camera does nothing else, if allowed to', async () => {
    const { url, connections } = await start({ fault: 'none' }, { transports: ['udp'] })
    const { bytes, named } = await listen(rtspSource(url, { ...quick, transport: 'auto', maxDuration: 300 }))
    expect(bytes).toBe(44 + 9600)
    expect(named('reconnecting')).toHaveLength(1)
    expect(connections.at(-1)?.transport).toBe('udp')
  })

  it('says at once that the camera sends in no such way', async () => {
    const { url, connections } = await start({ fault: 'none' }, { transports: ['udp'] })
    const { error } = await listen(rtspSource(url, quick))
    expect(error).toMatchObject({ code: 'INPUT_REFUSED', status: 461, retryable: false })
    expect(connections).toHaveLength(1)
  })

  it('asks in no other way where the camera has never come so far', async () => {
    const { url, connections } = await start([{ fault: 'refuse' }, { fault: 'status', status: 503 }])
    const { bytes } = await listen(rtspSource(url, { ...quick, transport: 'auto', maxDuration: 100 }))
    expect(bytes).toBe(44 + 3200)
    expect(connections.at(-1)?.transport).toBe('tcp')
  })

  it('asks in no other way where the camera has sent in the first before', async () => {
    const { url, connections } = await start([
      { fault: 'drop', afterMs: 200 },
      { fault: 'drop', afterMs: 0 },
      { fault: 'none' },
    ])
    const { bytes } = await listen(rtspSource(url, { ...quick, gaps: 'skip', transport: 'auto', maxDuration: 400 }))
    expect(bytes).toBe(44 + 12_800)
    expect(connections.map((connection) => connection.transport)).toEqual(['tcp', 'tcp', 'tcp'])
  })

  it.each([
    ['is heard', 'hunter2', { bytes: 44 + 3200, error: undefined }],
    [
      'is told that its password is wrong',
      'hunter3',
      { bytes: 0, error: { code: 'INPUT_REFUSED', status: 401, retryable: false } },
    ],
  ])('of a camera that closes after each 401, %s', async (_what, password, result) => {
    const { url } = await start({ fault: 'none' })
    let nonces = 0
    // In front of a camera that asks for nothing.
    const door = createServer((client) => {
      let isOpen = false
      client.on('error', () => {})
      client.on('data', (chunk: Buffer) => {
        const text = chunk.toString('latin1')
        const [, number = ''] = /CSeq: (\d+)/.exec(text) ?? []
        const [, response] = /response="(\w+)"/.exec(text) ?? []
        const [, nonce = ''] = /nonce="(\w+)"/.exec(text) ?? []
        const [method = '', uri = ''] = text.split(' ')
        const right = md5(`${md5('admin:cam:hunter2')}:${nonce}:${md5(`${method}:${uri}`)}`)
        if (isOpen || response === right) {
          if (!isOpen) {
            isOpen = true
            camera.on('error', () => client.destroy())
            camera.pipe(client)
          }
          return void camera.write(chunk)
        }
        nonces += 1
        const challenge = `WWW-Authenticate: Digest realm="cam", nonce="n${nonces}"\r\n`
        client.end(`RTSP/1.0 401 No\r\nCSeq: ${number}\r\n${challenge}\r\n`)
        return undefined
      })
      const camera = connect(Number(new URL(url.replace('rtsp', 'http')).port), '127.0.0.1')
      client.once('close', () => camera.destroy())
    }).listen(0, '127.0.0.1')
    await once(door, 'listening')
    const { port } = door.address() as { port: number }
    const address = `rtsp://admin:${password}@127.0.0.1:${port}/live`
    const { bytes, error } = await listen(rtspSource(address, { ...quick, retries: 9, maxDuration: 100 }))
    door.close()
    expect({ bytes, error }).toMatchObject(result)
  })

  it('comes back after a drop, and tells of the gap', async () => {
    const { url, connections } = await start([{ fault: 'drop', afterMs: 400 }])
    const { bytes, named, error } = await listen(rtspSource(url, { ...quick, maxDuration: 2500 }))
    expect(error).toBeUndefined()
    expect(bytes).toBe(44 + 80_000)
    expect(connections.length).toBe(2)
    expect(named('reconnecting').map(({ facts }) => facts['attempt'])).toEqual([1])
    expect(named('reconnecting')[0]?.facts['error']).toMatchObject({ code: 'INPUT_LOST', retryable: true })
    expect(named('gap')[0]?.facts['start']).toBe(400)
  })

  it('notices a camera that falls silent', async () => {
    const { url } = await start([{ fault: 'stall', afterMs: 400 }])
    const { named } = await listen(rtspSource(url, { ...quick, stallTimeout: 600, maxDuration: 3000 }))
    expect(named('reconnecting')[0]?.facts['error']).toMatchObject({ code: 'INPUT_STALLED' })
    expect(named('gap')[0]?.facts['start']).toBe(400)
  })

  it('goes on trying through refusals, 503 and silence, until all is well', async () => {
    const plan: RtspFaultPlan = [{ fault: 'refuse' }, { fault: 'status', status: 503 }, { fault: 'mute' }]
    const { url, connections } = await start(plan)
    const { bytes, named } = await listen(rtspSource(url, { ...quick, connectTimeout: 1500, maxDuration: 200 }))
    expect(bytes).toBe(44 + 6400)
    expect(connections).toHaveLength(4)
    const codes = named('reconnecting').map(({ facts }) => (facts['error'] as { code: string }).code)
    expect(codes).toEqual(['INPUT_LOST', 'INPUT_REFUSED', 'INPUT_STALLED'])
  })

  it('gives up at once where the password is wrong, and shows it nowhere', async () => {
    const { url } = await start({ fault: 'unauthorized' })
    const address = url.replace('//', '//admin:hunter2@')
    const { error } = await listen(rtspSource(address))
    expect(error).toMatchObject({ code: 'INPUT_REFUSED', status: 401, retryable: false })
    const cause = error?.cause as Error
    const told = [error?.message, cause.message, JSON.stringify(error), JSON.stringify(cause)].join()
    expect(told).not.toContain('hunter2')
    // FFmpeg was never told that there is one.
    expect(told).not.toContain('@')
  })

  it('gives up over packets of their own, too', async () => {
    const { url } = await start({ fault: 'status', status: 404 })
    const { error } = await listen(rtspSource(url, { transport: 'udp' }))
    expect(error).toMatchObject({ code: 'INPUT_REFUSED', status: 404 })
  })

  it('gives user and password where they are asked for', async () => {
    const { url } = await start({ fault: 'none' }, { credentials: 'admin:p@ss/word' })
    const { bytes } = await listen(rtspSource(url.replace('//', '//admin:p%40ss%2Fword@'), { maxDuration: 100 }))
    expect(bytes).toBe(44 + 3200)
  })

  it('goes nowhere else where it is sent to', async () => {
    const { url } = await start({ fault: 'status', status: 302 })
    const { error } = await listen(rtspSource(url))
    expect(error).toMatchObject({ code: 'INPUT_REFUSED', status: 302 })
  })

  it.skipIf(process.platform !== 'linux').each(['tcp', 'udp'] as const)(
    'shows password, address and keys in no list of processes, over %s',
    async (transport) => {
      vi.stubEnv('ASSEMBLYAI_API_KEY', 'key-of-a-user')
      vi.stubEnv('HF_TOKEN', 'token-of-a-user')
      try {
        const { url } = await start({ fault: 'none' }, { credentials: 'admin:hunter2' })
        const address = `${url.replace('//', '//admin:hunter2@')}/user=admin_password=hunter3_channel=1.sdp`
        const source = rtspSource(address, { transport })
        source.resume()
        await once(source, 'data')
        const [child] = childProcesses()
        const read = (name: string): string => readFileSync(`/proc/${child?.pid ?? 0}/${name}`, 'latin1')
        expect(read('cmdline')).toContain('allowed_media_types')
        expect(read('cmdline')).not.toMatch(/hunter|admin|live/)
        expect(read('environ')).not.toMatch(/key-of-a-user|token-of-a-user/)
        source.destroy()
        await closed(source)
      } finally {
        vi.unstubAllEnvs()
      }
    },
  )

  it('says why there is no connection, and how often it tried', async () => {
    const server = await start({ fault: 'none' })
    const { url } = server
    await server.close()
    const { error, named } = await listen(rtspSource(url, { ...quick, retries: 2 }))
    expect(error).toMatchObject({ code: 'INPUT_UNREACHABLE', retryable: true })
    expect(error?.message).toContain('ECONNREFUSED')
    expect(named('reconnecting')).toHaveLength(2)
  })

  it('checks the certificate of an encrypted camera', async () => {
    const { key, cert } = await certificate()
    const { url } = await start({ fault: 'none' }, { tls: { key, cert } })
    expect(url).toMatch(/^rtsps:/)
    const { error } = await listen(rtspSource(url))
    expect(error).toMatchObject({ code: 'INPUT_UNREACHABLE', retryable: false })
    expect(error?.message).toMatch(
      /^the certificate of rtsps:.* is not trusted .*; name the one to trust in NODE_EXTRA_CA_CERTS, or give it as ca$/,
    )
    expect((await listen(rtspSource(url, { ca: cert, maxDuration: 100 }))).bytes).toBe(44 + 3200)
    expect((await listen(rtspSource(url, { verifyCertificate: false, maxDuration: 100 }))).bytes).toBe(44 + 3200)
  })

  it.each(['mute', 'none', 'stall'] as const)('leaves nothing behind when destroyed (%s)', async (fault) => {
    const server = await start({ fault, afterMs: 200 })
    const source = rtspSource(server.url)
    source.resume()
    if (fault === 'none') await once(source, 'data')
    else await childStarted()
    source.destroy()
    await closed(source)
    expect(childProcesses()).toEqual([])
    await Promise.all(server.connections.map((connection) => connection.closed))
  })

  it('leaves nothing behind when destroyed while it opens, and while it waits', async () => {
    const { url } = await start({ fault: 'refuse' })
    const opening = rtspSource(url)
    opening.resume()
    await new Promise((resolve) => setImmediate(resolve))
    opening.destroy()
    await closed(opening)
    const waiting = rtspSource(url, { retryDelay: 60_000 })
    waiting.resume()
    await once(waiting, 'reconnecting')
    waiting.destroy()
    await closed(waiting)
    expect(childProcesses()).toEqual([])
  })

  it('is aborted by a signal', async () => {
    const { url } = await start({ fault: 'none' })
    const controller = new AbortController()
    const source = rtspSource(url, { signal: controller.signal })
    source.once('data', () => controller.abort())
    expect((await listen(source)).error).toMatchObject({ name: 'AbortError' })
  })

  it('holds a reader that takes its time to no stall', async () => {
    const { url } = await start({ fault: 'none' })
    const source = rtspSource(url, { stallTimeout: 500, maxDuration: 3000 })
    const events: string[] = []
    source.on('reconnecting', () => events.push('reconnecting'))
    let waited = false
    const slow = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, next) {
        const ms = waited ? 0 : 1200
        waited = true
        setTimeout(next, ms)
      },
    })
    source.pipe(slow)
    await once(slow, 'finish')
    expect(events).toEqual([])
  })

  it.each([
    ['http://camera/live', "url, when given, must be an rtsp: or rtsps: address with a host; got 'http://camera/live'"],
    ['rtsp://', "url, when given, must be an rtsp: or rtsps: address with a host; got 'rtsp://'"],
    ['file:///etc/passwd', 'url, when given, must be'],
    ['-i', 'url, when given, must be'],
    ['http://a:hunter2@b', "got 'http://***@b'"],
  ])('refuses the address %s', (address, message) => {
    expect(() => rtspSource(address)).toThrow(message)
  })

  it('refuses options that do not fit', () => {
    expect(() => rtspSource('rtsp://a', { transport: 'sctp' as 'tcp' })).toThrow('transport, when given, must be')
    expect(() => rtspSource('rtsps://a', { transport: 'udp' })).toThrow("'tcp' for an rtsps: address")
    const unchecked = { ca: 'a certificate', verifyCertificate: false }
    const message = 'ca and verifyCertificate: false exclude each other; give one of them'
    expect(() => rtspSource('rtsps://a', unchecked)).toThrow(message)
    expect(() => rtspSource('rtsps://a', { ca: '' })).toThrow('ca, when given, must be a string of 1 to')
    expect(() => rtspSource('rtsp://a', { timeout: 3 } as RtspSourceOptions)).toThrow(
      'rtspSource() has no option timeout',
    )
    expect(() => rtspSource('rtsp://a', { audioTrack: -1 })).toThrow('audioTrack')
  })
})

describe('parseRtspUrl', () => {
  it('reads all parts', () => {
    expect(parseRtspUrl('rtsps://u:p%40@[::1]:9000/a b?token=x')).toEqual({
      secure: true,
      host: '::1',
      port: 9000,
      path: '/a%20b?token=x',
      credentials: 'u:p%40',
      shown: 'rtsps://[::1]:9000/a%20b?token=***',
    })
    expect(parseRtspUrl(new URL('rtsp://camera'))).toMatchObject({ port: 554, path: '', credentials: '' })
    expect(parseRtspUrl('rtsps://camera').port).toBe(322)
  })
})

describe('allowUrl', () => {
  it.each(['tcp', 'udp'] as const)(
    'is asked before each connection over %s, and told where it would go',
    async (way) => {
      const { url } = await start({ fault: 'none' })
      const asked: unknown[] = []
      const named = url.replace('127.0.0.1', 'localhost')
      const source = rtspSource(named, {
        transport: way,
        maxDuration: 300,
        allowUrl: (address, addresses) => asked.push(address.hostname, addresses.includes('127.0.0.1')) > 0,
      })
      expect((await listen(source)).error).toBeUndefined()
      expect(asked).toEqual(['localhost', true])
    },
  )

  it.each([
    ['says no', () => false],
    ['throws', () => Promise.reject(new Error('no'))],
    ['gives something else', () => 'yes' as never],
  ] satisfies [string, AllowUrl][])(
    'refuses the camera where it %s, at once and unconnected',
    async (_how, allowUrl) => {
      const { url, connections } = await start({ fault: 'none' })
      const { error, events } = await listen(rtspSource(url, { ...quick, allowUrl }))
      expect(error).toMatchObject({ name: 'InputError', code: 'ADDRESS_REFUSED', retryable: false })
      expect([events, connections]).toEqual([[], []])
    },
  )

  it.each(['tcp', 'udp', 'auto'] as const)(
    'is not got round by a camera that sends elsewhere, over %s',
    async (transport) => {
      const hits: unknown[] = []
      const inside = createServer((socket) => hits.push(socket.destroy()))
      inside.listen(0, '127.0.0.2')
      await once(inside, 'listening')
      const target = `rtsp://127.0.0.2:${(inside.address() as { port: number }).port}`
      const sdp = `v=0\r\nc=IN IP4 127.0.0.2\r\nm=audio 9 RTP/AVP 0\r\na=control:${target}/track\r\n`
      const transports = `Transport: RTP/AVP;unicast;server_port=5000-5001;source=127.0.0.2;destination=127.0.0.2\r\n`
      for (const last of ['302 Moved', '200 OK']) {
        const hostile = createServer((socket) => {
          socket.on('error', () => {})
          socket.on('data', (chunk) => {
            const [, method = '', number = ''] = /^(\w+)[^]*CSeq: (\d+)/.exec(chunk.toString('latin1')) ?? []
            const head = (status: string): string =>
              `RTSP/1.0 ${status}\r\nCSeq: ${number}\r\nContent-Base: ${target}/\r\nLocation: ${target}\r\n`
            if (method === 'DESCRIBE')
              socket.write(
                `${head('200 OK')}Content-Type: application/sdp\r\nContent-Length: ${sdp.length}\r\n\r\n${sdp}`,
              )
            else socket.write(`${head(method === 'OPTIONS' ? '200 OK' : last)}${transports}\r\n`)
          })
        })
        hostile.listen(0, '127.0.0.1')
        await once(hostile, 'listening')
        const url = `rtsp://127.0.0.1:${(hostile.address() as { port: number }).port}/cam`
        const allowUrl: AllowUrl = (_url, addresses) => addresses.every((address) => address === '127.0.0.1')
        const { error } = await listen(
          rtspSource(url, { ...quick, transport, allowUrl, retries: 1, connectTimeout: 1000 }),
        )
        expect(error).toMatchObject({ code: expect.stringMatching(/^INPUT_(?:REFUSED|STALLED|LOST)$/) })
        hostile.close()
      }
      expect(hits).toEqual([])
      inside.close()
    },
  )

  it('must be a function', () => {
    expect(() => rtspSource('rtsp://camera', { allowUrl: true as never })).toThrow(
      'allowUrl, when given, must be a function',
    )
  })
})

const said = (stderr: string): FfmpegError => new FfmpegError('FFMPEG_FAILED', 'failed', { stderr })
const failed = (code: string): Error => Object.assign(new Error('no'), { code })
const nothing: RtspFailure = {
  shown: 'rtsp://camera/live',
  transport: 'auto',
  ffmpegError: undefined,
  status: undefined,
  relayError: undefined,
  lacksAudio: false,
  hadAudio: false,
}

it('has events that are known by name', () => {
  const source = rtspSource('rtsp://camera')
  source.on('reconnecting', ({ delay }) => delay.toFixed())
  // @ts-expect-error -- there is no such event
  source.on('reconecting', () => {})
  expect(source.listenerCount('reconnecting')).toBe(1)
  source.destroy()
})

describe('explainRtsp', () => {
  it.each([
    ['rtsp://camera', 'tcp', "try transport: 'udp' or 'auto'"],
    ['rtsp://camera', 'udp', "try transport: 'tcp' or 'auto'"],
    ['rtsps://camera', 'tcp', 'give its rtsp: address'],
  ] as const)('says what to do about the transport of %s, %s', (shown, transport, advice) => {
    expect(explainRtsp({ ...nothing, shown, transport, status: 461 }).error.message).toContain(advice)
  })

  it.each([
    ['an end', {}, 'INPUT_LOST', false],
    ['a failure of FFmpeg', { ffmpegError: said('[error] Invalid data') }, 'INPUT_LOST', false],
    ['a wrong password', { status: 401 }, 'INPUT_REFUSED', true],
    ['a wrong path', { status: 404 }, 'INPUT_REFUSED', true],
    ['a redirection', { status: 301 }, 'INPUT_REFUSED', true],
    ['a camera that starts', { status: 503 }, 'INPUT_REFUSED', false],
    ['too many clients', { status: 453 }, 'INPUT_REFUSED', false],
    ['the wrong transport', { status: 461 }, 'INPUT_REFUSED', false],
    ['the wrong transport, and no other', { status: 461, transport: 'tcp' }, 'INPUT_REFUSED', true],
    ['the other wrong transport', { status: 461, transport: 'udp' }, 'INPUT_REFUSED', true],
    ['a codec of no name', { ffmpegError: said('Decoder (codec none) not found for input stream') }, 'NO_AUDIO', true],
    ['a codec that is not built in', { ffmpegError: said('no decoder found for: g7221') }, 'NO_AUDIO', true],
    ['no connection', { relayError: failed('ECONNREFUSED') }, 'INPUT_UNREACHABLE', false],
    ['no such host', { relayError: failed('ENOTFOUND') }, 'INPUT_UNREACHABLE', false],
    ['a bad certificate', { relayError: failed('DEPTH_ZERO_SELF_SIGNED_CERT') }, 'INPUT_UNREACHABLE', true],
    ['a certificate of another', { relayError: failed('ERR_TLS_CERT_ALTNAME_INVALID') }, 'INPUT_UNREACHABLE', true],
    ['no FFmpeg', { ffmpegError: new FfmpegError('FFMPEG_NOT_FOUND', 'none') }, 'FFMPEG_NOT_FOUND', true],
    ['no microphone', { lacksAudio: true, status: 454 }, 'NO_AUDIO', true],
    ['no such track', { ffmpegError: new InputError('NO_AUDIO', 'none') }, 'NO_AUDIO', true],
  ] as [string, Partial<RtspFailure>, string, boolean][])('knows %s', (_name, facts, code, final) => {
    const before = explainRtsp({ ...nothing, ...facts })
    expect(before).toMatchObject({ final, error: { code } })
    if (code === 'FFMPEG_NOT_FOUND') return
    expect((before.error as InputError).retryable).toBe(!final)
    // A camera that has been heard may say anything while it starts again.
    expect(explainRtsp({ ...nothing, ...facts, hadAudio: true }).final).toBe(false)
  })
})
