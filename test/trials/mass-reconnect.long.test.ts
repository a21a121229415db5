import { once } from 'node:events'
import { expect, it } from 'vitest'
import { diarize, run, type SessionRecord, type Warning } from '../../src/index.ts'
import { resolveServerOptions } from '../../src/server/options.ts'
import { StreamingServer } from '../../src/server/server.ts'
import { useMeter } from '../../src/stream/session-meter.ts'
import { toneEngine, type ToneWord } from '../../src/testing/index.ts'
import { Collector } from './collector.ts'
import { type Delivery, judge, type Stretch } from './judge.ts'
import { leftovers, openResources } from './leftovers.ts'
import { ToneSource } from './tone-source.ts'

const STREAMS = 200
const PER_MINUTE = 20
/** A minute of this test, ms. */
const MINUTE = 3000
/** Most audio that a live stream keeps while it has no session, ms. */
const REPLAY_MS = 8000

const script = (duration: number): ToneWord[] =>
  Array.from({ length: Math.floor((duration - 600) / 500) }, (_, word) => ({
    word,
    speaker: 0,
    start: 200 + word * 500,
  }))

/** One stream, and all that it said. */
class Stream {
  readonly sessions: SessionRecord[] = []
  readonly gaps: Stretch[] = []
  readonly warnings: Warning[] = []
  readonly done: Promise<unknown>
  /** Resolves when its session has been lost. */
  readonly cut: Promise<unknown>
  readonly live: boolean
  readonly #sink = new Collector()
  readonly #words: ToneWord[]

  constructor(url: string, live: boolean, duration: number, began: () => void) {
    this.live = live
    this.#words = script(duration)
    const chain = diarize({
      url,
      apiKey: 'one-key',
      live,
      // By it the server tells who opens a session.
      parameters: { keytermsPrompt: [live ? 'live' : 'finished'] },
      // A file must still be there when the cut comes.
      pace: live ? 'auto' : 'realtime',
      reconnect: { delay: 100 },
      timeouts: { connect: 60_000, heartbeat: 60_000, ping: 60_000 },
      replay: { max: REPLAY_MS, context: 1000 },
    })
    chain.on('session', (session) => {
      if (this.sessions.at(-1)?.sessionId === session.sessionId) return
      this.sessions.push(session)
      began()
    })
    this.cut = once(chain, 'reconnecting')
    chain.on('gap', (gap) => this.gaps.push(gap))
    chain.on('warning', (warning) => this.warnings.push(warning))
    const source = new ToneSource({ words: this.#words, duration, stamped: false, ...(live && { liveSpeed: 1 }) })
    this.done = run([source, chain, this.#sink])
  }

  /** Words that were delivered, and lie in a gap all the same. */
  wordsInGaps(): string[] {
    const words = this.#sink.turns().flatMap((turn) => turn.words)
    const missing = (start: number, end: number): boolean => this.gaps.some((gap) => start < gap.end && end > gap.start)
    return words.filter(({ start, end }) => missing(start, end)).map(({ text }) => text)
  }

  verdict() {
    const delivery: Delivery = {
      turns: this.#sink.turns(),
      sessions: this.sessions,
      gaps: this.gaps,
      uncertain: new Set(),
      blindWords: 0,
    }
    return { ...judge(this.#words, delivery), complaints: this.#sink.complaints }
  }
}

it('brings 200 streams back that were cut at once, against a server that takes 20 a minute', async () => {
  const before = openResources()
  const common = { engine: toneEngine(), maxSessions: 1000 }
  const first = new StreamingServer(resolveServerOptions(common))
  await first.listen()
  const { url, port } = first
  // The meter that all of them share, by a faster clock.
  const watch = useMeter(`127.0.0.1:${port}`, 'one-key', { live: false }, MINUTE)

  let begun = 0
  const duration = 60_000
  const streams = Array.from(
    { length: STREAMS },
    (_, index) => new Stream(url, index % 2 === 1, duration, () => (begun += 1)),
  )
  await expect.poll(() => begun, { timeout: 60_000, interval: 100 }).toBe(STREAMS)
  // What began a minute ago does not count any more.
  await new Promise((resolve) => setTimeout(resolve, MINUTE))

  const limited = resolveServerOptions({ ...common, port, maxSessionsPerMinutePerKey: PER_MINUTE })
  const second = new StreamingServer({ ...limited, minute: MINUTE })
  const refusals: { code: number; reason: string }[] = []
  second.on('refused', (refusal) => refusals.push(refusal))
  const cutAt = performance.now()
  const order: (string | undefined)[] = []
  second.on('session', ({ parameters }) => order.push(parameters.keytermsPrompt?.[0]))
  await first.close()
  // An outage: it is over once all have tried again in vain.
  await Promise.all(streams.map(({ cut }) => cut))
  await second.listen()
  await expect.poll(() => order.length, { timeout: 120_000, interval: 100 }).toBeGreaterThanOrEqual(STREAMS)
  const took = performance.now() - cutAt
  await Promise.all(streams.map(({ done }) => done))
  await second.close()
  watch.release()

  // Live ones first: the others came when no live one waited any more, be it that the last of them were still under way.
  expect(order.slice(0, STREAMS / 2).filter((kind) => kind === 'finished').length).toBeLessThanOrEqual(5)
  // At first as many as were under way at once, then those by which the limit is tried out.
  expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set([1008]))
  expect(refusals.length).toBeLessThan(50)

  const verdicts = streams.map((stream) => stream.verdict())
  const sum = (name: 'lost' | 'doubled' | 'disordered' | 'invented' | 'inGaps'): number =>
    verdicts.reduce((total, verdict) => total + verdict[name], 0)
  const faults = {
    lost: sum('lost'),
    doubled: sum('doubled'),
    disordered: sum('disordered'),
    invented: sum('invented'),
  }
  expect({ ...faults, examples: verdicts.flatMap(({ examples, complaints }) => [...examples, ...complaints]) }).toEqual(
    {
      lost: 0,
      doubled: 0,
      disordered: 0,
      invented: 0,
      examples: [],
    },
  )
  // Who could wait lost nothing; of who could not, what fell out of the replay is told, and nothing else.
  expect(streams.filter(({ live, gaps }) => !live && gaps.length > 0).length).toBe(0)
  expect(streams.flatMap((stream) => stream.wordsInGaps())).toEqual([])
  const late = streams.filter(({ warnings }) => warnings.some(({ code }) => code === 'SESSION_QUEUED'))
  expect(late.length).toBeGreaterThan(STREAMS / 2)
  const gapped = streams.filter(({ gaps }) => gaps.length > 0).length
  console.info(
    `${STREAMS} streams back in ${(took / MINUTE).toFixed(1)} minutes of ${MINUTE} ms, ${refusals.length} refusals, ` +
      `${late.length} told that they wait, ${gapped} live ones with gaps that hold ${sum('inGaps')} words`,
  )
  expect(await leftovers(before)).toEqual([])
}, 400_000)
