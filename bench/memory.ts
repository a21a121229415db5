import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { diarize, run, type Turn } from '../src/index.ts'
import { toneNumber, TONE_WORD_MS, type ToneWord } from '../src/testing/index.ts'
import { dialogue } from './dialogue.ts'
import { leftovers, openResources } from './leftovers.ts'
import type { BenchOptions } from './options.ts'
import { saveResults } from './results.ts'
import { ToneSource } from './tone-source.ts'

const HOUR = 3_600_000
// What is measured is what is kept, not what has not been swept up yet.
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
/** Share by which memory may have grown since the first hour. */
const ALLOWED = 0.1
/** Milliseconds of the clock that a session lasts: a day of audio takes many. */
const SESSION_MS = 8000

interface Sample {
  hour: number
  rssMb: number
  heapMb: number
}

/** `npm run bench -- memory`: a day of audio, and the memory of the client after its first hour and at its end. */
export async function benchMemory(options: BenchOptions): Promise<boolean> {
  const hours = options.hours ?? (options.quick ? 2 : 24)
  const seed = options.seed ?? 1
  const script = { seed, duration: hours * HOUR, speakers: 4 }
  const server = fork(fileURLToPath(new URL('memory-server.ts', import.meta.url)), [String(SESSION_MS)], {
    execArgv: process.execArgv,
  })
  const [url] = (await once(server, 'message')) as [string]
  const before = openResources()
  const check = new WordCheck(dialogue(script))
  const samples: Sample[] = []
  const complaints: string[] = []
  const started = performance.now()
  const sessions = new Set<string>()
  const stage = diarize({ url, apiKey: 'key', pace: 'unpaced', rollOverBefore: 2000 })
  stage.on('session', ({ sessionId }) => sessions.add(sessionId))
  stage.on('gap', ({ start, end }) => complaints.push(`gap from ${start} to ${end} ms`))
  stage.on('reconnecting', ({ error }) => console.log(`  reconnecting: ${error.message}`))
  stage.on('progress', ({ audioMs }) => {
    const hour = samples.length + 1
    if (audioMs < hour * HOUR || audioMs >= hours * HOUR) return
    samples.push(measure(hour))
    show(samples.at(-1)!, sessions.size, started)
  })
  await run(new ToneSource({ words: dialogue(script), duration: script.duration, stamped: false }), stage, check)
  samples.push(measure(hours))
  show(samples.at(-1)!, sessions.size, started)
  complaints.push(...check.finish())
  for (const left of await leftovers(before)) complaints.push(`leaves a ${left} open`)
  server.disconnect()
  await once(server, 'exit')

  const [first, last] = [samples[0]!, samples.at(-1)!]
  const growth = last.rssMb / first.rssMb - 1
  if (growth > ALLOWED) complaints.push(`memory has grown by ${(growth * 100).toFixed(1)} %`)
  const wallMs = Math.round(performance.now() - started)
  console.log(
    `${check.words} words, ${sessions.size} sessions, ${Math.round(script.duration / wallMs)} times real time`,
  )
  console.log(`${first.rssMb} MB after the first hour, ${last.rssMb} MB at the end: ${(growth * 100).toFixed(1)} %`)
  for (const complaint of complaints.slice(0, 20)) console.log(`  ! ${complaint}`)
  if (options.save)
    saveResults('memory', { seed, hours, wallMs, words: check.words, sessions: sessions.size, samples, complaints })
  return complaints.length === 0
}

function measure(hour: number): Sample {
  collectGarbage()
  const { rss, heapUsed } = process.memoryUsage()
  return { hour, rssMb: toMb(rss), heapMb: toMb(heapUsed) }
}

function toMb(bytes: number): number {
  return Math.round(bytes / 104_857.6) / 10
}

function show({ hour, rssMb, heapMb }: Sample, sessions: number, started: number): void {
  const wall = ((performance.now() - started) / 1000).toFixed(0)
  console.log(`hour ${hour}: ${rssMb} MB, heap ${heapMb} MB, ${sessions} sessions, ${wall} s`)
}

/** Compares the words of a stream with its script as they come, and keeps neither. */
class WordCheck extends Writable {
  words = 0
  readonly #script: Iterator<ToneWord>
  readonly #complaints: string[] = []
  #lastOrder = -1

  constructor(script: Iterator<ToneWord>) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#script = script
  }

  override _write(turn: Turn, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (turn.order > this.#lastOrder) {
      this.#lastOrder = turn.order
      for (const word of turn.words) {
        const expected = this.#next()
        this.words++
        const right =
          expected?.word === toneNumber(word.text) &&
          expected?.start === word.start &&
          word.end === word.start + TONE_WORD_MS
        if (!right)
          this.#complain(`${word.text} at ${word.start} ms instead of w${expected?.word} at ${expected?.start}`)
      }
    }
    callback()
  }

  /** What was wrong, once the stream has ended. */
  finish(): string[] {
    const rest = this.#next()
    if (rest) this.#complain(`w${rest.word} at ${rest.start} ms and what follows is lost`)
    return this.#complaints
  }

  #next(): ToneWord | undefined {
    const next = this.#script.next()
    return next.done ? undefined : next.value
  }

  #complain(what: string): void {
    if (this.#complaints.length < 20) this.#complaints.push(what)
  }
}
