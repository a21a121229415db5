import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { serve } from '../../src/server/index.ts'
import { toneAudio, toneEngine, type ToneWord } from '../../src/testing/index.ts'
import { seededRandom } from '../helpers/random.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { wordsIn } from '../batch/recordings.ts'
import { asking, startCommand } from '../cli/command.ts'
import { type Line, linesOf, wordsOf, writeTalk } from './talk.ts'

/** What went wrong, each as a line; and how often what was killed. */
export interface Killed {
  kills: number
  /** Of these, how many while a checkpoint was there. */
  resumed: number
  runs: number
  faults: string[]
}

/** How much faster than it plays the engine hears a recording: slowly enough to be killed in the middle. */
const SPEED = 60

/** Starts the command, and kills it with all its processes after `ms`; returns its exit code where it ended before. */
async function killedAfter(ms: number, argv: readonly string[]): Promise<{ code: number | null; err: string }> {
  const run = startCommand(argv, {}, { detached: true })
  const timer = new AbortController()
  await Promise.race([delay(ms, undefined, { signal: timer.signal }).catch(() => {}), run.ended])
  timer.abort()
  if (run.child.exitCode === null && run.child.signalCode === null) process.kill(-(run.child.pid ?? 0), 'SIGKILL')
  return { code: await run.ended, err: run.err }
}

/** An engine that hears tones at a speed. */
export function steadyEngine(speed: number): ReturnType<typeof toneEngine> {
  const engine = toneEngine()
  return Object.assign(Object.create(engine) as typeof engine, {
    open: async (...given: Parameters<typeof engine.open>) => {
      const session = await engine.open(...given)
      const began = performance.now()
      let heardMs = 0
      const write = async (samples: Int16Array): Promise<void> => {
        heardMs += samples.length / 16
        const ahead = heardMs / speed - (performance.now() - began)
        if (ahead > 5) await delay(ahead)
        await session.write(samples)
      }
      return Object.assign(Object.create(session) as typeof session, { write })
    },
  })
}

/** Kills the command over recordings `kills` times, and judges the outputs of each that came to its end. */
export async function killOverFiles(folder: string, kills: number, seed: number): Promise<Killed> {
  const random = seededRandom(seed)
  const result: Killed = { kills: 0, resumed: 0, runs: 0, faults: [] }
  await using server = await serve({ engine: steadyEngine(SPEED), apiKeys: ['any-key'] })
  const key = asking(server.url, folder)
  while (result.kills < kills) {
    const number = result.runs
    const words = toneScript({ seed: seed + number, duration: 400_000, speakers: 2, turnWords: [1, 12] })
    const talk = path.join(folder, `${number}.wav`)
    writeTalk(talk, words)
    const at = (ending: string): string => path.join(folder, `${number}.${ending}`)
    const argv = [talk, '-o', at('srt'), '-o', at('jsonl'), '--resume', '--no-voices', ...key]
    let wasKilled = false
    for (;;) {
      const isThere = existsSync(at('srt.checkpoint'))
      const ms = result.kills < kills ? 300 + random() * 4000 : 600_000
      const { code, err } = await killedAfter(ms, argv)
      if (code !== null) {
        // The one before may have been killed when it had finished, and was about to exit: its outputs are judged all the same.
        const isFinished = wasKilled && code === 2 && err.includes('there is nothing to resume')
        if (code !== 0 && !isFinished) result.faults.push(`talk ${number} ended with ${code}: ${err}`)
        break
      }
      wasKilled = true
      result.kills += 1
      if (isThere) result.resumed += 1
    }
    result.runs += 1
    result.faults.push(...faultsOfTalk(at, words).map((fault) => `talk ${number}: ${fault}`))
    if (existsSync(at('srt.checkpoint'))) result.faults.push(`talk ${number}: the checkpoint is still there`)
  }
  return result
}

export function faultsOfTalk(at: (ending: string) => string, words: readonly ToneWord[]): string[] {
  const faults: string[] = []
  // Speakers have letters in order of appearance.
  const letters = new Map<number, string>()
  for (const { speaker } of words) {
    if (!letters.has(speaker)) letters.set(speaker, String.fromCodePoint(65 + letters.size))
  }
  const wanted = words.map(({ word, start, speaker }) => ({
    word,
    start,
    end: start + 240,
    speaker: letters.get(speaker),
  }))
  const heard = wordsOf(at('jsonl'))
  if (heard.length !== wanted.length) faults.push(`${heard.length} words in place of ${wanted.length}`)
  const other = heard.find((word, index) => JSON.stringify(word) !== JSON.stringify(wanted[index]))
  if (other !== undefined) faults.push(`the first word that is not as it was said: ${JSON.stringify(other)}`)
  const orders = linesOf(at('jsonl')).flatMap(({ type, order, revision }) =>
    type === 'turn' && revision === 0 ? [order] : [],
  )
  if (orders.some((order, index) => order !== index)) faults.push(`orders ${orders.join(' ')}`)
  if (String(wordsIn(at('srt'))) !== String(words.map(({ word }) => word)))
    faults.push('the words in the SRT are others')
  return faults
}

/** A header of AU audio without an end: 16 bits, 16 kHz, mono. */
function endlessHeader(): Buffer {
  const header = Buffer.alloc(28)
  header.write('.snd')
  for (const [at, value] of [28, 0xffff_ffff, 3, 16_000, 1].entries()) header.writeUInt32BE(value, 4 + at * 4)
  return header
}

/** A station that is on the air whoever listens. */
export async function station(
  words: readonly ToneWord[],
  headers: Readonly<Record<string, string>> = { 'icy-name': 'Test' },
): Promise<{ url: string; close: () => Promise<unknown> }> {
  const onAir = performance.now()
  const position = (): number => Math.round(performance.now() - onAir)
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'audio/basic', connection: 'close', ...headers })
    response.write(endlessHeader())
    let sent = position()
    const timer = setInterval(() => {
      const until = position()
      response.write(toneAudio(words, { from: sent, to: until }).swap16())
      sent = until
    }, 20)
    response.on('close', () => clearInterval(timer)).on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): Promise<unknown> => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/radio`, close }
}

/** How far a word may be from its place by the clock, of a machine that is busy, in ms. */
const TRUE_WITHIN_MS = 1500

/**
 * Kills the command over a station `kills` times, ends it by Ctrl-C, and judges the outputs.
 *
 * @param rotate - after which time a part of them is followed by the next; one file each without.
 */
export async function killOverStation(
  folder: string,
  kills: number,
  seed: number,
  rotate?: string,
): Promise<Killed & { gaps: number; parts: number }> {
  const random = seededRandom(seed)
  const words = toneScript({
    seed,
    duration: 20_000 + kills * 20_000,
    speakers: 2,
    turnWords: [1, 6],
    turnGap: [700, 900],
  })
  const radio = await station(words)
  await using server = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
  const at = (ending: string): string => path.join(folder, `radio.${ending}`)
  const key = asking(server.url, folder)
  const output = (ending: string): string =>
    rotate === undefined ? at(ending) : path.join(folder, `radio-{number}.${ending}`)
  const rotation = rotate === undefined ? [] : ['--rotate', rotate]
  const outputs = ['-o', output('srt'), '-o', output('jsonl'), ...rotation]
  const argv = [radio.url, ...outputs, '--resume', '--no-voices', ...key]
  const result = { kills: 0, resumed: 0, runs: 1, faults: [] as string[], gaps: 0 }
  while (result.kills < kills) {
    if (existsSync(`${output('srt')}.checkpoint`)) result.resumed += 1
    const { code, err } = await killedAfter(500 + random() * 7000, argv)
    if (code !== null) result.faults.push(`it ended with ${code}: ${err}`)
    result.kills += 1
  }
  const last = startCommand(argv)
  await last.wrote('going on from')
  await delay(8000)
  last.child.kill('SIGINT')
  const code = await last.ended
  if (code !== (kills === 0 ? 130 : 5)) result.faults.push(`the last run ended with ${code}: ${last.err}`)
  await radio.close()
  const parts = rotate === undefined ? 1 : join(folder, at, result.faults)
  const { faults, gaps } = faultsOfRadio(at, words)
  result.faults.push(...faults)
  return { ...result, gaps: gaps.length, parts }
}

/** Puts the parts of all outputs one behind the other; returns how many there are. */
function join(folder: string, at: (ending: string) => string, faults: string[]): number {
  const counts = ['srt', 'jsonl'].map((ending) => {
    const parts = readdirSync(folder).filter((name) => name.startsWith('radio-') && name.endsWith(`.${ending}`))
    const numbers = parts.toSorted().map((name) => Number(/\d+/.exec(name)?.[0]))
    const texts = parts.toSorted().map((name) => readFileSync(path.join(folder, name), 'utf8'))
    // Each is whole by itself: captions are numbered from 1, and lines of JSON end.
    const isWhole = (text: string): boolean => (ending === 'srt' ? text.startsWith('1\n') : text.endsWith('}\n'))
    for (const [index, text] of texts.entries())
      if (!isWhole(text)) faults.push(`part ${index + 1} of ${ending}: ${text.slice(0, 80)}`)
    if (numbers.some((number, index) => number !== index + 1)) faults.push(`parts ${numbers.join(' ')} of ${ending}`)
    writeFileSync(at(ending), texts.join('\n'))
    return parts.length
  })
  return Math.max(...counts)
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}

export function faultsOfRadio(
  at: (ending: string) => string,
  words: readonly ToneWord[],
): { faults: string[]; gaps: Line[] } {
  const faults: string[] = []
  const heard = wordsOf(at('jsonl'))
  const gaps = linesOf(at('jsonl')).filter(({ type }) => type === 'gap')
  const first = heard[0]
  if (first?.word === undefined) return { faults: ['nothing was heard'], gaps }
  // Of most words: some may stand where a machine that was busy at first took them to be.
  const offset = median(heard.map(({ word = -1, start }) => start - (words[word]?.start ?? 0)))
  let before = -1
  for (const { word = -1, start } of heard) {
    if (word <= before) faults.push(`word ${word} comes after ${before}`)
    const off = start - (words[word]?.start ?? Infinity) - offset
    if (Math.abs(off) > TRUE_WITHIN_MS) faults.push(`word ${word} is ${off} ms from its place`)
    before = word
  }
  const has = new Set(heard.map(({ word }) => word))
  for (const { word, start } of words.slice(first.word, before)) {
    const place = start + offset
    const isMissed = gaps.some((gap) => place > gap.start - TRUE_WITHIN_MS && place < gap.end + TRUE_WITHIN_MS)
    if (!has.has(word) && !isMissed) faults.push(`word ${word}, at ${place} ms, is missing, and no gap says so`)
  }
  for (const { startedAt = '', endedAt = '', start, end } of gaps) {
    const span = Date.parse(endedAt) - Date.parse(startedAt)
    if (Math.abs(span - (end - start)) > 2) faults.push(`a gap from ${start} to ${end} ms has ${span} ms of the clock`)
  }
  const captions = wordsIn(at('srt'))
  if (String(captions) !== String(heard.map(({ word }) => word))) {
    faults.push(`the SRT has other words: ${captions.length} and ${heard.length}`)
  }
  return { faults, gaps }
}
