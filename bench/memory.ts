import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChild, startChild, stopChild } from './child.ts'
import type { BenchOptions, Finding } from './report.ts'
import type { GrowthSample } from './memory/client.ts'

/** Share by which memory may grow. */
const ALLOWED = 0.1

/**
 * `npm run bench -- memory`: memory over a million words that go through a session into an SRT and a JSONL file, from the
 * first of them to the last. A session's turns are kept until the one after it is over, in case the server corrects their
 * speakers, so that memory goes up and down by as much; the most at the beginning is compared with the most at the end.
 */
export async function benchMemory(options: BenchOptions): Promise<Finding[]> {
  const words = options.quick ? 60_000 : 1_000_000
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const peer = await startChild<string>('memory/peer.ts', [options.quick ? 1 : 3])
  try {
    const samples = await runChild<GrowthSample[]>('memory/client.ts', [peer.said, words, folder])
    for (const { words, rssMb, heapMb } of samples) {
      console.log(`  ${words} words: ${rssMb.toFixed(1)} MB, heap ${heapMb.toFixed(2)} MB`)
    }
    return [growthOf(samples, words)]
  } finally {
    await stopChild(peer)
    rmSync(folder, { recursive: true })
  }
}

function growthOf(samples: readonly GrowthSample[], words: number): Finding {
  if (samples.length < 10) throw new Error('words are missing')
  const most = (some: readonly GrowthSample[], of: 'rssMb' | 'heapMb'): number =>
    Math.max(...some.map((sample) => sample[of]))
  const [first, last] = [samples.slice(0, 3), samples.slice(-3)]
  const ratio = most(last, 'rssMb') / most(first, 'rssMb')
  return {
    measure: `memory at the end of ${words.toLocaleString('en-US')} words, over that after a tenth to three`,
    ours: `${most(last, 'rssMb').toFixed(0)} MB, heap ${most(last, 'heapMb').toFixed(1)} MB`,
    against: `${most(first, 'rssMb').toFixed(0)} MB, heap ${most(first, 'heapMb').toFixed(1)} MB`,
    ratio,
    target: `ratio at most ${1 + ALLOWED}`,
    good: ratio <= 1 + ALLOWED,
  }
}
