import { diarize, run } from '../../../src/index.ts'
import { faultServer, toneEngine, type Fault, type FaultConnection, type ToneWord } from '../../../src/testing/index.ts'
import { Collector } from '../collector.ts'
import { dialogue } from '../dialogue.ts'
import { drawFault } from '../faults/plan.ts'
import { leftovers, openResources } from '../leftovers.ts'
import { Random } from '../random.ts'
import { ChannelSource } from './channel-source.ts'

/** What a run over several channels is to be. */
export interface HourOptions {
  seed: number
  channels: number
  /** Milliseconds of audio. */
  duration: number
  /** Connections that get a fault; those after them get a good server. */
  faults: number
}

/** What came of it. */
export interface HourReport {
  words: number
  sessions: number
  reconnects: number
  /** Turns that came after one that started later. */
  overtaken: number
  /** Most ms by which one did. */
  latestMs: number
  wallMs: number
  /** Everything that is not as it must be. */
  violations: string[]
}

/** Numbers of words of one channel; more than it can say. */
const NUMBERS = 1_000_000

/** Times in ms, short enough that a fault costs tenths of a second. */
const hasty = {
  timeouts: { connect: 400, termination: 600, ping: 200, stall: 600, heartbeat: 6000 },
  reconnect: { delay: 5, maxDelay: 100, attempts: 1000, beforeExpiry: 400 },
} as const

/** Says known words on every channel, and sees that each comes out on its channel, in order, once. */
export async function runHour({ seed, channels, duration, faults }: HourOptions): Promise<HourReport> {
  const before = openResources()
  const started = performance.now()
  const random = new Random(seed)
  const names = Array.from({ length: channels }, (_, channel) => `Channel ${channel + 1}`)
  const scripts = names.map((_, channel) => script(seed + channel, duration, channel))
  const cuts = new Map<Fault, number>()
  let drawn = 0
  let begun = 0
  const server = await faultServer(
    () => {
      // Before the first session a client gives up soon.
      if (begun < channels || drawn++ >= faults) return { fault: 'none' }
      const planned = drawFault(random, { tooMany: 0, expire: 0.1, end: 0.05, breaks: true })
      cuts.set(planned.fault, planned.cutAfterMs ?? random.spread(5000, 60_000))
      return planned.fault
    },
    { engine: toneEngine() },
  )
  const timers = new Set<NodeJS.Timeout>()
  server.on('connection', (connection) => {
    begun += 1
    const { fault } = connection as FaultConnection & { readonly fault: Fault }
    // The first sessions are cut too, or there would be no faults at all.
    const limit = cuts.get(fault) ?? (faults > 0 && begun <= channels ? 10_000 * begun : Infinity)
    if (limit === Infinity) return
    const timer = setInterval(() => {
      if (connection.closeCode === undefined && connection.receivedMs < limit) return
      clearInterval(timer)
      timers.delete(timer)
      ;(connection as FaultConnection & { drop(): void }).drop()
    }, 2)
    timers.add(timer)
  })

  const violations: string[] = []
  const sessions = new Set<string>()
  const collector = new Collector()
  const stage = diarize({ url: server.url, channels: names, pace: 'unpaced', ...hasty })
  stage.on('session', ({ sessionId }) => sessions.add(sessionId))
  stage.on('gap', ({ channel, start, end }) => violations.push(`gap on ${channel} from ${start} to ${end} ms`))
  let reconnects = 0
  try {
    const signal = AbortSignal.timeout(60_000 + duration / 10)
    reconnects = (await run(new ChannelSource(scripts, duration), stage, collector, { signal })).reconnects
  } catch (error) {
    violations.push(`fails: ${(error as Error).message}`)
  }
  for (const timer of timers) clearInterval(timer)
  await server.close()
  for (const left of await leftovers(before)) violations.push(`leaves a ${left} open`)
  const turns = collector.turns()
  violations.push(...collector.complaints)
  for (const [channel, name] of names.entries()) {
    const heard = turns.filter((turn) => turn.channel === name).flatMap(({ words }) => words)
    violations.push(...differences(name, scripts[channel]!, heard))
  }
  const wallMs = Math.round(performance.now() - started)
  const words = scripts.reduce((sum, { length }) => sum + length, 0)
  return { words, sessions: sessions.size, reconnects, ...disorder(turns), wallMs, violations }
}

function script(seed: number, duration: number, channel: number): ToneWord[] {
  const words = [...dialogue({ seed, duration, speakers: 1 })]
  return words.map(({ word, ...rest }) => ({ ...rest, word: word + channel * NUMBERS }))
}

/** The first few differences between what was said on a channel and what came of it. */
function differences(
  name: string,
  said: readonly ToneWord[],
  heard: readonly { text: string; start: number }[],
): string[] {
  const wanted = said.map(({ word, start }) => `w${word} at ${start} ms`)
  const came = heard.map(({ text, start }) => `${text} at ${start} ms`)
  const at = wanted.findIndex((word, index) => word !== came[index])
  if (at < 0 && wanted.length === came.length) return []
  const place = at < 0 ? wanted.length : at
  return [
    `${name}: ${wanted.length} words said, ${came.length} heard`,
    `${name}: word ${place} is ${came[place] ?? 'missing'}, not ${wanted[place] ?? 'the end'}`,
  ]
}

function disorder(turns: readonly { start: number }[]): Pick<HourReport, 'overtaken' | 'latestMs'> {
  let latest = 0
  let overtaken = 0
  let latestMs = 0
  for (const { start } of turns) {
    if (start < latest) overtaken += 1
    latestMs = Math.max(latestMs, latest - start)
    latest = Math.max(latest, start)
  }
  return { overtaken, latestMs }
}
