import { expect, it } from 'vitest'
import { execFileSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { diarize, frame, resample, rtspSource, run, type SourceGap, type Word } from '../../src/index.ts'
import { serve } from '../../src/server/index.ts'
import {
  rtspFaultServer,
  type RtspFaultServer,
  TONE_WORD_MS,
  toneAudio,
  toneEngine,
  toneNumber,
} from '../../src/testing/index.ts'
import { seededRandom } from '../helpers/random.ts'
import { Collector } from './collector.ts'
import { leftovers, openResources } from './leftovers.ts'

const WORD_EVERY_MS = 400
/** What may lie between the truth and what the stream says, in ms. */
const TRUE_WITHIN = 100
/** Audio on its way through FFmpeg when the connection breaks, in ms. */
const ON_ITS_WAY = 300

it('every word that a camera sent comes out, once and at its time, however often it loses its power or hangs', async () => {
  const [duration, outages, seed] = [120_000, 6, 1]
  const before = openResources()
  const words = Array.from({ length: Math.ceil(duration / WORD_EVERY_MS) }, (_, word) => {
    return { word, speaker: Math.floor(word / 20) % 3, start: 50 + word * WORD_EVERY_MS }
  })
  const camera = await rtspFaultServer({ fault: 'none' }, { pcm: toneAudio(words) })
  const server = await serve({ engine: toneEngine(), authentication: false })
  const collector = new Collector()
  const gaps: SourceGap[] = []
  const complaints: string[] = []
  let mostProcesses = 0
  const counting = setInterval(() => (mostProcesses = Math.max(mostProcesses, ffmpegCount())), 1000)
  const source = rtspSource(camera.url, { maxDuration: duration, stallTimeout: 2000, retryDelay: 200 })
  source.on('gap', (gap: SourceGap) => gaps.push(gap))
  const trouble = makeTrouble(camera, duration, outages, seed)
  const stage = diarize({ url: server.url })
  stage.on('reconnecting', ({ error }) => complaints.push(`the session broke: ${error.message}`))
  await run(source, resample(), frame(), stage, collector)
  await trouble
  clearInterval(counting)
  const played = camera.connections.flatMap(({ playedFrom, playedTo }) =>
    playedFrom === undefined || playedTo === undefined ? [] : [{ from: playedFrom, to: playedTo }],
  )
  await Promise.all([camera.close(), server.close()])
  const began = played[0]?.from ?? 0
  const heard = collector.turns().flatMap((turn) => turn.words)
  checkWords(heard, words, played, began, complaints)
  checkGaps(gaps, played, began, complaints)
  expect(complaints).toEqual([])
  expect(mostProcesses).toBe(1)
  expect(ffmpegCount()).toBe(0)
  expect(await leftovers(before)).toEqual([])
}, 300_000)

/** Outages at random moments, some of a loss of power and some of a camera that hangs. */
async function makeTrouble(camera: RtspFaultServer, duration: number, outages: number, seed: number): Promise<void> {
  const random = seededRandom(seed)
  const each = duration / (outages + 1)
  for (let outage = 1; outage <= outages; outage++) {
    const at = each * (outage - 0.25 + random() * 0.5)
    await delay(Math.max(0, at - camera.clipMs))
    if (random() < 0.3) {
      for (const connection of camera.connections) connection.stall()
      continue
    }
    await camera.close()
    await delay(200 + random() * 5000)
    await camera.listen()
  }
}

interface Played {
  from: number
  to: number
}

function checkWords(
  heard: readonly Word[],
  words: readonly { start: number }[],
  played: readonly Played[],
  began: number,
  complaints: string[],
): void {
  const seen = new Set<number>()
  for (const { text, start } of heard) {
    const number = toneNumber(text) ?? -1
    const spoken = words[number]
    if (spoken === undefined) complaints.push(`${text} was never said`)
    if (seen.has(number)) complaints.push(`${text} comes twice`)
    seen.add(number)
    const off = Math.abs(start - ((spoken?.start ?? 0) - began))
    if (off > TRUE_WITHIN) complaints.push(`${text} is ${Math.round(off)} ms off`)
  }
  for (const [number, { start }] of words.entries()) {
    const sent = played.some(({ from, to }) => start >= from && start + TONE_WORD_MS + ON_ITS_WAY <= to)
    if (sent && !seen.has(number)) complaints.push(`w${number} was sent, but not heard`)
  }
}

function checkGaps(gaps: readonly SourceGap[], played: readonly Played[], began: number, complaints: string[]): void {
  const truth = played.slice(1).map(({ from }, index) => ({ start: played[index]!.to - began, end: from - began }))
  if (truth.length !== gaps.length) complaints.push(`${gaps.length} gaps instead of ${truth.length}`)
  for (const [index, gap] of gaps.entries()) {
    const was = truth[index]
    if (was === undefined) continue
    const off = Math.max(Math.abs(gap.start - was.start), Math.abs(gap.end - was.end))
    if (off > TRUE_WITHIN) complaints.push(`gap ${index} is ${Math.round(off)} ms off: ${gap.start} to ${gap.end}`)
  }
}

/** Processes of FFmpeg below this one. */
function ffmpegCount(): number {
  const table = execFileSync('ps', ['-A', '-o', 'ppid=,stat=,args='], { encoding: 'utf8' })
  const ours = new RegExp(`^\\s*${process.pid}\\s+[^Z]\\S*\\s.*ffmpeg.*rtsp`)
  return table.split('\n').filter((line) => ours.test(line)).length
}
