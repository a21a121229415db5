import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { nextMessage, startChild, stopChild } from './child.ts'
import { type Finding, withUnit } from './finding.ts'
import type { LatencySample } from './latency/peer.ts'
import type { BenchOptions } from './options.ts'
import { saveResults } from './results.ts'
import { spread, type Spread } from './statistics.ts'

/** Highest p99, ms. */
const LIMITS = { audio: 2, captions: 5 } as const
const PEER_CORE = 1
const SETTLE_MS = 2000

/**
 * `npm run bench -- latency`: from a chunk of audio to its frame on the wire, and from a turn on the wire to its cue in a
 * file: one stream alone, and 500 in one process.
 */
export async function benchLatency(options: BenchOptions): Promise<Finding[]> {
  const results: Record<string, { samples: number[]; audio: Spread; bare: Spread; captions: Spread }> = {}
  const findings: Finding[] = []
  // The turns of one stream come as fast as they may be told apart; those of many as people speak.
  for (const [streams, turnMs] of [
    [1, 250],
    [options.quick ? 50 : 500, 1500],
  ] as const) {
    const seconds = options.quick ? 2 : 30
    const { audio, captions } = await measure('ours', streams, turnMs, seconds)
    const bare = spread((await measure('bare', streams, turnMs, seconds)).audio)
    const label = streams === 1 ? 'one stream' : `${streams} streams`
    results[label] = {
      samples: [audio.length, captions.length],
      audio: spread(audio),
      bare,
      captions: spread(captions),
    }
    findings.push(finding(`audio in to frame on the wire, ${label}`, spread(audio), LIMITS.audio, bare))
    findings.push(finding(`turn on the wire to cue in the file, ${label}`, spread(captions), LIMITS.captions))
    console.log(`  ${label}: ${audio.length} frames, ${captions.length} cues`)
  }
  if (options.save) saveResults('latency', results)
  return findings
}

async function measure(kind: string, streams: number, turnMs: number, seconds: number): Promise<LatencySample> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const peer = await startChild<string>('latency/peer.ts', [turnMs, folder], { core: PEER_CORE })
  const client = await startChild<string>('latency/client.ts', [peer.said, streams, folder, kind])
  try {
    await delay(SETTLE_MS)
    peer.process.send('begin')
    await delay(seconds * 1000)
    const answer = nextMessage<LatencySample>(peer.process)
    peer.process.send('end')
    return await answer
  } finally {
    client.process.kill('SIGKILL')
    await stopChild(client)
    await stopChild(peer)
    rmSync(folder, { recursive: true })
  }
}

function finding(measure: string, ours: Spread, limit: number, bare?: Spread): Finding {
  const shown = ({ p50, p99 }: Spread): string => `${withUnit(p50, 'ms')}, p99 ${withUnit(p99, 'ms')}`
  return {
    measure,
    ours: shown(ours),
    ...(bare !== undefined && { against: `bare socket: ${shown(bare)}` }),
    target: `p99 at most ${limit} ms`,
    good: ours.p99 <= limit,
  }
}
