import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { nextMessage, now, startChild, stopChild } from './child.ts'
import { type BenchOptions, type Finding, withUnit } from './report.ts'
import type { ServerSample } from './latency/server.ts'
import type { SeenTurn } from './latency/watcher.ts'
import { spread, type Spread } from './statistics.ts'

/** Highest p99, ms. */
const LIMITS = { audio: 2, captions: 5 } as const
/** The core of the server and of what looks at the files. */
const PEER_CORE = 1
const QUICK_SETTLE_MS = 2000
/** By then the library has as much audio as it keeps to send again, and asks the system for no more memory. */
const SETTLE_MS = 35_000

/** Latencies, all in ms. */
interface LatencySample {
  /** From a chunk given to a stream to its frame at the server. */
  audio: number[]
  /** From a turn on the wire, which shows that the one before it is over, to that one's cue in its file. */
  captions: number[]
}

/**
 * `npm run bench -- latency`: from a chunk of audio to its frame on the wire, and from a turn on the wire to its cue in a
 * file: one stream alone, and 500 in one process; beside bare sockets and files.
 */
export async function benchLatency(options: BenchOptions): Promise<Finding[]> {
  const findings: Finding[] = []
  // The turns of one stream come as fast as they may be told apart; those of many as people speak.
  for (const [streams, turnMs] of [
    [1, 250],
    [options.quick ? 50 : 500, 1500],
  ] as const) {
    const samples = {
      ours: await measure('ours', streams, turnMs, options.quick),
      bare: await measure('bare', streams, turnMs, options.quick),
    }
    const [ours, bare] = [samples.ours, samples.bare].map(({ audio, captions }) => ({
      audio: spread(audio),
      captions: spread(captions),
    })) as [Record<keyof LatencySample, Spread>, Record<keyof LatencySample, Spread>]
    const label = streams === 1 ? 'one stream' : `${streams} streams`
    const counts = [samples.ours.audio.length, samples.ours.captions.length]
    findings.push(
      finding(`audio in to frame on the wire, ${label}`, LIMITS.audio, ours.audio, bare.audio),
      finding(`turn on the wire to cue in the file, ${label}`, LIMITS.captions, ours.captions, bare.captions),
    )
    console.log(`  ${label}: ${counts[0]} frames, ${counts[1]} cues`)
  }
  return findings
}

async function measure(kind: string, streams: number, turnMs: number, quick: boolean): Promise<LatencySample> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const server = await startChild<string>('latency/server.ts', [turnMs], { core: PEER_CORE })
  const watcher = await startChild<string>('latency/watcher.ts', [folder], { core: PEER_CORE })
  const client = await startChild<string>('latency/client.ts', [server.said, streams, folder, kind])
  try {
    await delay(quick || streams === 1 ? QUICK_SETTLE_MS : SETTLE_MS)
    const begin = now()
    server.process.send('begin')
    await delay(quick ? 2000 : 30_000)
    const end = now()
    const heard = nextMessage<ServerSample>(server.process)
    server.process.send('end')
    const { audio, sent } = await heard
    const looked = nextMessage<SeenTurn[]>(watcher.process)
    watcher.process.send('end')
    const captions: number[] = []
    for (const { stream, order, at } of await looked) {
      const closedAt = order % 2 === 0 ? sent[stream]?.[order + 1] : undefined
      if (closedAt !== undefined && closedAt >= begin && closedAt < end) captions.push(at - closedAt)
    }
    return { audio, captions }
  } finally {
    client.process.kill('SIGKILL')
    for (const child of [client, watcher, server]) await stopChild(child)
    rmSync(folder, { recursive: true })
  }
}

function finding(measure: string, limit: number, ours: Spread, bare: Spread): Finding {
  const shown = ({ p50, p99 }: Spread): string => `${withUnit(p50, 'ms')}, p99 ${withUnit(p99, 'ms')}`
  return {
    measure,
    ours: shown(ours),
    against: `bare socket and file: ${shown(bare)}`,
    target: `p99 at most ${limit} ms`,
    good: ours.p99 <= limit,
  }
}
