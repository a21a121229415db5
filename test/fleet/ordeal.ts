import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openFleet } from '../../src/fleet/index.ts'
import { serve } from '../../src/server/index.ts'
import { type ToneWord } from '../../src/testing/index.ts'
import { seededRandom } from '../helpers/random.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { faultsOfRadio, faultsOfTalk, station, steadyEngine } from '../checkpoint/killing.ts'
import { writeTalk } from '../checkpoint/talk.ts'
import type { TestStore } from '../helpers/stores.ts'
import { startWorker, tell, WORKER_KEY, type WorkerProcess } from './worker-process.ts'

/** What is done to a worker, or to the store. */
export type Disturbance = 'kill' | 'block' | 'restart' | 'freeze' | 'drain'

export interface OrdealOptions {
  folder: string
  store: TestStore
  files: number
  stations: number
  processes: number
  /** What happens, one after the other, and how long after one the next, in ms. */
  disturbances: readonly Disturbance[]
  every: number
  /** Lock time of the workers, in s. */
  lockTime: number
  /** How long the network of a worker is frozen, in ms. */
  frozenFor: number
  seed: number
  /** Longest gap of a station that is no fault, in ms; on a machine that is busy with something else none is. */
  longestGap: number
}

export interface Ordeal {
  faults: string[]
  disturbed: number
  /** Jobs that were begun, handed over, and lost to others, as workers tell. */
  begun: number
  moved: number
  lost: number
  /** Gaps of all stations, and the longest, in ms. */
  gaps: number
  longestGap: number
  seconds: number
}

/** How much faster than it plays a recording is heard. */
const SPEED = 20

/** Has recordings and stations captioned by some processes, while things are done to them, and judges what comes of it. */
export async function ordeal(options: OrdealOptions): Promise<Ordeal> {
  const { folder, store, files, stations, processes, disturbances, every, lockTime, frozenFor, seed } = options
  const random = seededRandom(seed)
  const result: Ordeal = { faults: [], disturbed: 0, begun: 0, moved: 0, lost: 0, gaps: 0, longestGap: 0, seconds: 0 }
  const began = performance.now()
  await using server = await serve({ engine: steadyEngine(SPEED), apiKeys: [WORKER_KEY], maxSessions: 1000 })
  const concurrency = Math.ceil((stations + files / 2) / processes) + 1
  const waves = files / (processes * concurrency - stations)
  const length = (0.6 * SPEED * every * disturbances.length) / Math.max(1, waves)
  const talks = Array.from({ length: files }, (_, number) => {
    const words = toneScript({ seed: seed + number, duration: length, speakers: 2, turnWords: [1, 12] })
    const file = path.join(folder, `talk${number}.wav`)
    writeTalk(file, words)
    return { file, words }
  })
  const duration = every * disturbances.length + 600_000
  const radios = await Promise.all(
    Array.from({ length: stations }, async (_, number) => {
      const spoken = { speakers: 2, turnWords: [1, 6] as [number, number], turnGap: [700, 900] as [number, number] }
      const words = toneScript({ seed: seed + 1000 + number, duration, ...spoken })
      return { words, ...(await station(words)) }
    }),
  )
  const fleet = await openFleet({ store: store.url })
  const workers: WorkerProcess[] = []
  const start = async (): Promise<void> => {
    const worker = await startWorker({ folder, store, name: `worker-${workers.length}`, concurrency, lockTime })
    workers.push(worker)
    worker.events.on('event', ({ type, code, message }) => {
      if (type === 'begin') result.begun += 1
      if (type === 'moved') result.moved += 1
      if (type === 'lost') result.lost += 1
      if (type === 'failed') result.faults.push(`a job failed: ${code} ${message}`)
    })
  }
  const alive = (): WorkerProcess[] =>
    workers.filter(({ child }) => child.exitCode === null && child.signalCode === null)
  const disturb = async (how: Disturbance): Promise<void> => {
    const busy = alive().filter(({ jobs }) => jobs.size > 0)
    const worker = busy[Math.floor(random() * busy.length)] ?? alive()[0]!
    result.disturbed += 1
    tell(`${new Date().toISOString()} ${how} ${worker.name}`)
    if (how === 'kill') {
      worker.child.kill('SIGKILL')
      await start()
    } else if (how === 'block') worker.child.kill('SIGUSR2')
    else if (how === 'restart') await store.restart()
    else if (how === 'freeze') {
      worker.proxy.freeze(true)
      void delay(frozenFor).then(() => worker.proxy.freeze(false))
    } else {
      worker.child.kill('SIGTERM')
      await start()
    }
  }
  try {
    const hearing = { url: server.url, voices: false }
    const formats = ['jsonl', 'srt'] as const
    const output = path.join(folder, '{name}.{format}')
    await fleet.add(
      talks.map(({ file }) => file),
      { hearing, formats, output },
    )
    for (const [number, { url }] of radios.entries()) {
      const name = `radio${number}`
      // Half of them have files of their own for each slice, the others one for all.
      const own = path.join(folder, number % 2 === 0 ? '{name}-{number}.{format}' : '{name}.{format}')
      await fleet.add([{ input: url, name }], { hearing, formats, output: own, live: true, slice: 10_000 })
    }
    for (let count = 0; count < processes; count++) await start()
    await untilBegun(result, 1)
    for (const how of disturbances) {
      await delay(every)
      await disturb(how)
    }
    const until = performance.now() + 60_000 + lockTime * 20_000
    while (talks.some(({ file }) => !existsSync(file.replace('.wav', '.srt')))) {
      if (performance.now() > until) {
        result.faults.push(`not all was done: ${JSON.stringify((await fleet.status()).counts)}`)
        break
      }
      await delay(100)
    }
    await delay(lockTime * 1000 + 3000)
    for (const { child } of alive()) child.kill('SIGTERM')
    await Promise.all(alive().map(({ child }) => once(child, 'exit')))
  } finally {
    for (const { child, proxy } of workers) {
      child.kill('SIGKILL')
      await proxy.close()
    }
    await fleet.close()
    await Promise.all(radios.map(({ close }) => close()))
  }
  for (const [number, { file, words }] of talks.entries()) {
    const at = (ending: string): string => file.replace('.wav', `.${ending}`)
    if (!existsSync(at('jsonl')) || !existsSync(at('srt'))) continue
    const faults = faultsOfTalk(at, words)
    if (faults.length > 0) keep(folder, `talk${number}.`)
    result.faults.push(...faults.map((fault) => `talk ${number}: ${fault}`))
  }
  for (const [number, { words }] of radios.entries()) judgeRadio(number, words, options, result)
  result.seconds = Math.round((performance.now() - began) / 1000)
  return result
}

async function untilBegun(result: Ordeal, count: number): Promise<void> {
  while (result.begun < count) await delay(20)
}

/** What a file holds; nothing where it is a link to what was never made. */
function readWhole(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

/** With `FLEET_KEEP`, a folder, one can look at what is wrong. */
function keep(folder: string, begin: string): void {
  const { FLEET_KEEP } = process.env
  if (FLEET_KEEP === undefined) return
  mkdirSync(FLEET_KEEP, { recursive: true })
  for (const name of readdirSync(folder).filter((file) => file.startsWith(begin)))
    copyFileSync(path.join(folder, name), path.join(FLEET_KEEP, name))
}

/** Puts the files of all slices of a station behind one another, and judges them as one. */
function judgeRadio(number: number, words: readonly ToneWord[], options: OrdealOptions, result: Ordeal): void {
  const { folder, longestGap } = options
  const at = (ending: string): string => path.join(folder, `whole${number}.${ending}`)
  for (const ending of ['jsonl', 'srt']) {
    const own = new RegExp(`^radio${number}(?:-(\\d+))?\\.${ending}(?:\\.part)?$`)
    const parts = readdirSync(folder)
      .filter((name) => own.test(name))
      .toSorted()
    writeFileSync(at(ending), parts.map((name) => readWhole(path.join(folder, name))).join(''))
  }
  const { faults, gaps } = faultsOfRadio(at, words)
  if (faults.length > 0) keep(folder, `whole${number}.`)
  result.faults.push(...faults.map((fault) => `radio ${number}: ${fault}`))
  for (const { start, end, startedAt = '', endedAt = '' } of gaps) {
    result.gaps += 1
    tell(`radio ${number}: gap ${startedAt} to ${endedAt}, ${start} to ${end}, ${end - start} ms`)
    result.longestGap = Math.max(result.longestGap, end - start)
    if (end - start > longestGap) result.faults.push(`radio ${number}: a gap of ${end - start} ms`)
  }
}
