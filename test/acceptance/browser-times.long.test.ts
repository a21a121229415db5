import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium } from 'playwright-core'
import { expect, it } from 'vitest'
import { findChromium } from '../helpers/chromium.ts'
import { onsets, tones } from '../helpers/onsets.ts'
import { type Container, containers, make, mediaFolder } from './containers.ts'

const executablePath = findChromium()
if (executablePath === undefined) console.warn('skipped: times as a browser has them, since no Chromium was found')

const { at } = mediaFolder()

/** Tells when tones begin, by the clock of the sound that is played. */
const worklet = `registerProcessor('onsets', class extends AudioWorkletProcessor {
  process([[sound = []]]) {
    if (sound.some((sample) => Math.abs(sample) > 0.03)) {
      if (!(currentFrame - this.last < sampleRate / 10)) this.port.postMessage(currentTime)
      this.last = currentFrame
    }
    return true
  }
})`

/** Plays a file to its end; gives the times of the element at which tones begin, in ms. */
const play = `async (address) => {
  const context = new AudioContext()
  await context.audioWorklet.addModule('/worklet.js')
  const element = document.body.appendChild(document.createElement('video'))
  element.src = address
  const node = new AudioWorkletNode(context, 'onsets')
  const heard = []
  node.port.onmessage = ({ data }) => heard.push(data)
  context.createMediaElementSource(element).connect(node).connect(context.destination)
  const ended = new Promise((resolve, reject) => {
    element.onended = resolve
    element.onerror = () => reject(new Error(element.error.message))
  })
  await element.play()
  // Both clocks run as one from when the sound begins to come.
  const ahead = []
  const looking = setInterval(() => ahead.push(element.currentTime - context.currentTime), 10)
  await ended
  clearInterval(looking)
  ahead.sort((one, other) => one - other)
  return heard.map((time) => Math.round(1000 * (time + ahead[ahead.length >> 1])))
}`

async function send(response: ServerResponse, file: string, range = ''): Promise<void> {
  const { size } = await stat(file)
  const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(range) ?? []
  const [start, end] = [Number(from), to === '' ? size - 1 : Number(to)]
  const headers = { 'accept-ranges': 'bytes', 'content-length': end - start + 1 }
  response.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${end}/${size}` })
  createReadStream(file, { start, end }).pipe(response)
}

const h264 = { ...containers['mp4']!, picture: ['-c:v', 'libx264', '-pix_fmt', 'yuv420p'] }
const late: Container[] = [h264, { ...h264, more: containers['fragmented mp4']!.more! }, containers['webm']!]

it.skipIf(executablePath === undefined)(
  'sound is where a browser plays it: MP4, WebM, MP3 and WAV, also where it begins late, or before the picture',
  { timeout: 60_000 },
  async () => {
    const files: string[] = []
    for (const name of ['mp3', 'wav', 'ogg']) files.push(await make(at(name), containers[name]!, 3, tones(3, [1, 2])))
    for (const [index, container] of late.entries()) {
      files.push(await make(at(`late ${index}`), container, 4, ['-itsoffset', '1', ...tones(3, [1, 2])]))
      files.push(await make(at(`early ${index}`), container, 3, tones(3, [1, 2]), ['-itsoffset', '0.5']))
    }
    const server = createServer(({ url = '', headers }, response) => {
      const file = files[Number(/^\/(\d+)$/.exec(url)?.[1])]
      if (file !== undefined) return void send(response, file, headers.range)
      response.setHeader('content-type', url === '/worklet.js' ? 'text/javascript' : 'text/html')
      response.end(url === '/worklet.js' ? worklet : '<!doctype html><body></body>')
    })
    await new Promise<void>((resolve) => void server.listen(0, 'localhost', resolve))
    // Without its sandbox it also runs as the superuser; it opens nothing but what is made here.
    const args = ['--no-sandbox', '--autoplay-policy=no-user-gesture-required']
    const browser = await chromium.launch({ executablePath: executablePath ?? '', args })
    try {
      const page = await browser.newPage()
      await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`)
      const addresses = JSON.stringify(files.map((_, index) => `/${index}`))
      const played = await page.evaluate<number[][]>(`Promise.all(${addresses}.map(${play}))`)
      const off = []
      for (const [index, file] of files.entries()) {
        const { found } = await onsets(file, false)
        expect(found).toHaveLength(2)
        expect(played[index]).toHaveLength(2)
        off.push(...found.map((ms, tone) => ms - played[index]![tone]!))
      }
      console.log(`off by ${off.join(', ')} ms`)
      expect(Math.max(...off.map(Math.abs))).toBeLessThanOrEqual(50)
    } finally {
      await browser.close()
      server.close()
      server.closeAllConnections()
    }
  },
)
