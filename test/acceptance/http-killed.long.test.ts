import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { httpFaultServer, type HttpFaultServer } from 'diarize-stream/testing'
import { createHls, type HlsMedia } from '../sources/hls/media.ts'
import { createMedia, type Media } from '../helpers/media.ts'

const reader = fileURLToPath(new URL('http-killed-reader.mjs', import.meta.url))

let media: Media
let hls: HlsMedia
beforeAll(async () => {
  media = await createMedia()
  hls = await createHls()
})
afterAll(() => media.remove())

/** The FFmpeg that a process has started. */
function childOf(parent: number): number {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number)
  const found = children.find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('ffmpeg'))
  if (found === undefined) throw new Error('there is no FFmpeg')
  return found
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const notLinux = process.platform !== 'linux'
if (notLinux) console.warn('skipped: FFmpeg after kill -9 of Node (looks into /proc)')

describe.skipIf(notLinux)('after kill -9 of Node', () => {
  it.each(['radio', 'live HLS'])('FFmpeg is gone, and the connection: %s', async (kind) => {
    const names = Array.from({ length: 6 }, (_, at) => `#EXTINF:1.0,\n/ts${at}.ts`)
    const playlist = ['#EXTM3U', '#EXT-X-TARGETDURATION:1', ...names, ''].join('\n')
    let asked = 0
    const live = (path: string): Buffer | string | undefined => {
      if (path !== '/live.m3u8') return hls.files[path]
      const first = asked++
      return playlist.replace('#EXT-X-TARGETDURATION:1', `#EXT-X-TARGETDURATION:0.5\n#EXT-X-MEDIA-SEQUENCE:${first}`)
    }
    const radio = await readFile(media.mp3)
    const server: HttpFaultServer =
      kind === 'radio'
        ? await httpFaultServer(radio, [], { headers: { 'icy-name': 'x' }, endless: true, bytesPerSecond: 64_000 })
        : await httpFaultServer(live)
    const node: ChildProcess = spawn(process.execPath, [reader, server.url('/live.m3u8')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(node.stdout ?? node, 'data')
    const ffmpeg = childOf(node.pid ?? 0)
    node.kill('SIGKILL')
    await vi.waitUntil(() => !isRunning(ffmpeg), { timeout: 10_000 })
    await vi.waitUntil(() => server.open === 0, { timeout: 10_000 })
    expect(isRunning(ffmpeg)).toBe(false)
    await server.close()
  })
})
