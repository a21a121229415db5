import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpSourceOptions } from '../../../src/sources/http/options.ts'
import { publicOnly } from '../../../src/sources/address.ts'
import { type HttpFaultPlan, type HttpFaultServer } from '../../../src/testing/http-fault-server.ts'
import { createMedia, type Media } from '../../helpers/media.ts'
import { shapeOf } from '../../helpers/wav-shape.ts'
import { quick, read, useServers } from './helpers.ts'

let media: Media
let wav: Buffer
const serve = useServers()

beforeAll(async () => {
  media = await createMedia()
  wav = await readFile(media.wav)
})
afterAll(() => media.remove())

/** The code of the error that reading an address ends with. */
async function codeOf(url: string, options: HttpSourceOptions = {}): Promise<unknown> {
  try {
    await read(url, { ...quick, retries: 0, ...options })
    return 'none'
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

const redirectTo = (location: string): HttpFaultPlan => [{ fault: 'redirect', location }]

it('says of a web page that it is one', async () => {
  const server = await serve(Buffer.from('<!doctype html><title>Episode 12</title>'))
  const page = expect.stringMatching(/is a web page .* not audio; give the address of a file or stream/)
  await expect(read(server.url('/episode'))).rejects.toMatchObject({ code: 'INPUT_NOT_MEDIA', message: page })
})

describe('redirects', () => {
  it.each([
    'file:///etc/passwd',
    'ftp://127.0.0.1/a.wav',
    'gopher://127.0.0.1:6379/_INFO',
    'data:audio/wav;base64,UklGRg==',
    'concat:a|b',
    'rtsp://127.0.0.1/',
    'javascript:alert(1)',
    'http://',
  ])('to %s are refused', async (location) => {
    const server = await serve(wav, redirectTo(location))
    expect(await codeOf(server.url('/a'))).toBe('ADDRESS_REFUSED')
    expect(server.requests.length).toBe(1)
  })

  it('to a trick that is no address lead to a path of the same server', async () => {
    const server = await serve({ '/a': wav }, redirectTo('subfile,,start,0,end,100,,:/etc/passwd'))
    expect(await codeOf(server.url('/a'))).toBe('INPUT_NOT_FOUND')
    expect(server.requests[1]?.path).toBe('/subfile,,start,0,end,100,,:/etc/passwd')
  })

  it('are followed, relative ones too', async () => {
    const plan = [
      { fault: 'redirect', location: '/b?c=d', status: 307 },
      { fault: 'redirect', location: 'x' },
    ] as const
    const server = await serve({ '/x': wav, '/a': wav, '/b': wav }, plan)
    expect(shapeOf((await read(server.url('/a'))).bytes).samples).toBe(88_200)
    expect(server.requests.map(({ path }) => path)).toEqual(['/a', '/b?c=d', '/x'])
  })

  it('are followed as they are written: in UTF-8, or any other bytes', async () => {
    const utf8 = Buffer.from('/grüße', 'utf8').toString('latin1')
    const plan = [utf8, '/grü%C3%9F'].map((location) => ({ fault: 'redirect', location }) as const)
    const server = await serve(wav, plan)
    await read(server.url('/a'))
    expect(server.requests.map(({ path }) => path)).toEqual(['/a', '/gr%C3%BC%C3%9Fe', '/gr%FC%C3%9F'])
  })

  it('are followed ten times at most', async () => {
    const server = await serve(wav, { fault: 'redirect' })
    expect(await codeOf(server.url('/a'))).toBe('ADDRESS_REFUSED')
    expect(server.requests.length).toBe(11)
  })

  it('take neither headers nor credentials to another host', async () => {
    const other = await serve(wav)
    const server = await serve(wav, redirectTo(other.url('/b')))
    const address = server.url('/a').replace('//', '//alice:geheim@')
    await read(address, { headers: { 'x-key': 'geheim', cookie: 'a=b' } })
    expect(server.requests[0]?.headers).toMatchObject({ 'x-key': 'geheim', cookie: 'a=b' })
    expect(server.requests[0]?.headers).toHaveProperty('authorization')
    for (const name of ['x-key', 'cookie', 'authorization']) {
      expect(other.requests[0]?.headers).not.toHaveProperty(name)
    }
  })

  it('and playlists get back the cookies that they have set, other hosts do not', async () => {
    const other = await serve(wav)
    const server: HttpFaultServer = await serve(
      (path) => {
        if (path !== '/list.m3u8') return wav
        const entries = [server.url('/c'), other.url('/d')].map((url) => `#EXTINF:1,\n${url}`)
        return `#EXTM3U\n#EXT-X-TARGETDURATION:1\n${entries.join('\n#EXT-X-DISCONTINUITY\n')}\n#EXT-X-ENDLIST\n`
      },
      [{ fault: 'redirect', location: '/list.m3u8' }],
      { headers: { 'set-cookie': 'token=new; Path=/; Domain=127.0.0.1' } },
    )
    await read(server.url('/a'), { headers: { Cookie: 'token=old; mine=1' } })
    expect(server.requests.map(({ path, headers }) => [path, headers.cookie])).toEqual([
      ['/a', 'token=old; mine=1'],
      ['/list.m3u8', 'token=old; mine=1'],
      ['/c', 'token=new; mine=1'],
    ])
    expect(other.requests.map(({ headers }) => headers.cookie)).toEqual([undefined])
  })

  it('take user and password on to the same host, as an entry of a playlist does', async () => {
    const other = await serve(wav)
    const server: HttpFaultServer = await serve(
      (path) => {
        if (path !== '/list.m3u8') return wav
        const entries = [server.url('/c'), other.url('/d')].map((url) => `#EXTINF:1,\n${url}`)
        return `#EXTM3U\n#EXT-X-TARGETDURATION:1\n${entries.join('\n#EXT-X-DISCONTINUITY\n')}\n#EXT-X-ENDLIST\n`
      },
      (_index, path) => (path === '/a' ? { fault: 'redirect', location: server.url('/b') } : { fault: 'none' }),
    )
    const login = `Basic ${Buffer.from('alice:geheim').toString('base64')}`
    for (const path of ['/a', '/list.m3u8']) await read(server.url(path).replace('//', '//alice:geheim@'))
    expect(server.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual(
      ['/a', '/b', '/list.m3u8', '/c'].map((path) => [path, login]),
    )
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined])
  })

  it('show no secret of where they lead to', async () => {
    const server = await serve(wav, redirectTo('http://bob:geheim@127.0.0.1:1/a?token=geheim'))
    await expect(read(server.url(), { retries: 0 })).rejects.not.toThrow(/geheim|bob/)
  })
})

describe('allowUrl', () => {
  it('is asked for the address, with the IP addresses of its host, and for every redirect', async () => {
    const other = await serve(wav)
    const target = other.url('/b')
    const server = await serve(wav, redirectTo(target))
    const asked: unknown[] = []
    const allowUrl = (url: URL, addresses: readonly string[]): boolean => {
      asked.push([url.href, addresses])
      return true
    }
    await read(server.url('/a'), { allowUrl })
    expect(asked).toEqual([
      [server.url('/a'), ['127.0.0.1']],
      [target, ['127.0.0.1']],
    ])
  })

  it('stops a redirect to a private address before anything is sent there', async () => {
    const inside = await serve(wav)
    const server = await serve(wav, redirectTo(inside.url('/latest/meta-data')))
    expect(await codeOf(server.url('/a'), { allowUrl: (url) => url.port === String(server.port) })).toBe(
      'ADDRESS_REFUSED',
    )
    expect(inside.requests).toEqual([])
  })

  it('is asked for playlists, segments and keys', async () => {
    const asked: string[] = []
    const text =
      '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-KEY:METHOD=AES-128,URI="key"\n#EXTINF:1,\ns.ts\n#EXT-X-ENDLIST\n'
    const main = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nmedia.m3u8\n'
    const server = await serve({ '/main.m3u8': main, '/media.m3u8': text, '/key': 'k'.repeat(16), '/s.ts': wav })
    for (const refused of ['/main.m3u8', '/media.m3u8', '/key', '/s.ts']) {
      expect(
        await codeOf(server.url('/main.m3u8'), {
          allowUrl: async (url) => {
            asked.push(url.pathname)
            return url.pathname !== refused
          },
        }),
      ).toBe('ADDRESS_REFUSED')
      expect(asked.at(-1)).toBe(refused)
    }
    expect(server.requests.map(({ path }) => path)).not.toContain('/s.ts')
  })

  it.each([
    ['throws', () => Promise.reject(new Error('no'))],
    ['gives what is not true', () => 'yes' as unknown as boolean],
  ])('refuses where it %s', async (_what, allowUrl) => {
    const server = await serve(wav)
    expect(await codeOf(server.url(), { allowUrl })).toBe('ADDRESS_REFUSED')
    expect(server.requests).toEqual([])
  })

  it('sees the host that is really asked', async () => {
    const hosts: string[] = []
    const allowUrl = (url: URL): boolean => hosts.push(url.hostname) < 0
    for (const address of ['http://good.example@127.0.0.1/', 'http://2130706433/', 'http://0x7f.1/', 'http://127.1/']) {
      expect(await codeOf(address, { allowUrl })).toBe('ADDRESS_REFUSED')
    }
    expect(hosts).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1', '127.0.0.1'])
  })

  it.each([
    'http://127.0.0.1:1/',
    'http://localhost:1/',
    'http://[::1]:1/',
    'http://[::ffff:127.0.0.1]:1/',
    'http://169.254.169.254/',
  ])('publicOnly refuses %s', async (address) => {
    expect(await codeOf(address, { allowUrl: publicOnly })).toBe('ADDRESS_REFUSED')
  })
})

describe('content that names other content', () => {
  const media = (entry: string): string => `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${entry}\n#EXT-X-ENDLIST\n`

  it.each([
    'file:///etc/passwd',
    'FILE:/etc/passwd',
    'subfile:,,start,0,end,100,,:/etc/passwd',
    'concat:http://127.0.0.1/a|file:///etc/passwd',
    'crypto+file:///etc/passwd',
    'data:audio/wav;base64,UklGRg==',
    'gopher://127.0.0.1/',
    'pipe:0',
  ])('a playlist cannot lead to %s', async (entry) => {
    const main = (uri: string): string => `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${uri}\n`
    const key = `#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="${entry}"\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n`
    const map = `#EXTM3U\n#EXT-X-MAP:URI="${entry}"\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n`
    const station = `#EXTM3U\n#EXTINF:-1,radio\n${entry}\n`
    for (const text of [media(entry), main(entry), key, map, station]) {
      const server = await serve({ '/p.m3u8': text, '/a.ts': wav })
      expect(await codeOf(server.url('/p.m3u8'))).toBe('ADDRESS_REFUSED')
      expect(server.requests.length).toBe(1)
    }
  })

  it.each([
    ['ffconcat', `ffconcat version 1.0\nfile '/etc/passwd'\n`],
    ['a playlist in a segment', media('file:///etc/passwd')],
    [
      'a session description',
      'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n',
    ],
    [
      'a DASH manifest',
      '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>/etc/</BaseURL></MPD>',
    ],
  ])('FFmpeg opens nothing for %s', async (_what, content) => {
    const server = await serve({ '/p.m3u8': media('s.ts'), '/s.ts': content })
    expect(await codeOf(server.url('/s.ts'))).toBe(
      content.startsWith('#EXTM3U') ? 'ADDRESS_REFUSED' : 'INPUT_NOT_MEDIA',
    )
    expect(await codeOf(server.url('/p.m3u8'))).toBe('INPUT_NOT_MEDIA')
  })

  it('a playlist may be sixteen million bytes, no more', async () => {
    const server = await serve(Buffer.concat([Buffer.from('#EXTM3U\n'), Buffer.alloc(17_000_000, '#\n')]))
    expect(await codeOf(server.url('/p.m3u8'))).toBe('INPUT_TOO_LARGE')
  })

  it('a playlist of many lines is read in linear time', async () => {
    const lines = '#EXTINF:1,\na.ts\n'.repeat(300_000)
    const server = await serve({ '/p.m3u8': `#EXTM3U\n#EXT-X-TARGETDURATION:1\n${lines}#EXT-X-ENDLIST\n` })
    expect(await codeOf(server.url('/p.m3u8'))).toBe('INPUT_NOT_FOUND')
  })
})

describe('servers that wear one out', () => {
  it('by headers without end', async () => {
    const server = await serve(wav, { fault: 'endlessHeaders' })
    expect(await codeOf(server.url())).toBe('INPUT_UNREADABLE')
  })

  it('by no answer', async () => {
    const server = await serve(wav, { fault: 'hang' })
    expect(await codeOf(server.url(), { connectTimeout: 100 })).toBe('INPUT_STALLED')
  })

  it('by a body that stands still', async () => {
    const server = await serve(wav, { fault: 'stall', afterBytes: 100 })
    expect(await codeOf(server.url(), { stallTimeout: 100 })).toBe('INPUT_STALLED')
  })

  it('by a body that trickles: a signal bounds the time', async () => {
    const server = await serve(wav, { fault: 'slow', bytesPerSecond: 20 })
    const signal = AbortSignal.timeout(300)
    await expect(read(server.url(), { signal })).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('by a body without end', async () => {
    const server = await serve(wav, { fault: 'endlessBody' })
    const failure = read(server.url(), { maxBytes: 3_000_000, retries: 0 })
    await expect(failure).rejects.toMatchObject({ code: expect.stringMatching(/^INPUT_(?:TOO_LARGE|NOT_MEDIA)$/) })
  })

  it('by an MP4 whose index never comes', async () => {
    const head = Buffer.from('00000018667479706d703432000000006d70343269736f6d', 'hex')
    const data = Buffer.concat([head, Buffer.from('000000016d64617400000fffffffffff', 'hex'), Buffer.alloc(4_000_000)])
    const server = await serve(data, [], { endless: true })
    expect(await codeOf(server.url(), { maxBytes: 20_000_000 })).toBe('INPUT_TOO_LARGE')
  })

  it('by what is compressed', async () => {
    const server = await serve(wav, { fault: 'compressed' })
    expect(await codeOf(server.url())).toBe('INPUT_UNREADABLE')
  })

  it('by telling to come back much later', async () => {
    const server = await serve({ '/a': wav }, [{ fault: 'status', status: 503 }], {
      headers: { 'retry-after': '86400' },
    })
    expect(shapeOf((await read(server.url('/a'))).bytes).samples).toBe(88_200)
  })
})
