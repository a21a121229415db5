import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { finished } from 'node:stream/promises'
import { srtSink, type Turn } from '../../src/index.ts'

/** What it takes to correct a file of many turns. */
export interface RewritingStall {
  turns: number
  revised: number
  /** The longest time that the event loop stood still while the file was corrected, in milliseconds. */
  stallMs: number
  /** Processor time of it, in milliseconds. */
  cpuMs: number
}

const WORDS = 20

/** Writes `turns` turns as SRT, then revises `revised` of them, and measures the end, when the file is corrected. */
export async function measureRewriting(turns: number, revised: number): Promise<RewritingStall> {
  const directory = mkdtempSync(path.join(tmpdir(), 'diarize-stream-bench-'))
  try {
    const sink = srtSink(path.join(directory, 'out.srt'))
    const write = (turn: Turn) => new Promise((resolve) => sink.write(turn, resolve))
    for (let order = 0; order < turns; order++) await write(makeTurn(order, 0, 'A'))
    for (let order = 5; order < 5 + revised; order++) await write(makeTurn(order, 1, 'B'))
    const watch = watchEventLoop()
    const before = process.cpuUsage()
    sink.end()
    await finished(sink)
    const { user, system } = process.cpuUsage(before)
    return { turns, revised, stallMs: await watch(), cpuMs: (user + system) / 1000 }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Notes how long the event loop takes from one turn to the next, until the longest is asked for. */
function watchEventLoop(): () => Promise<number> {
  let last = performance.now()
  let longest = 0
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  const again = () => {
    look()
    next = setImmediate(again)
  }
  let next = setImmediate(again)
  return async () => {
    await new Promise((resolve) => setImmediate(resolve))
    clearImmediate(next)
    look()
    return longest
  }
}

function makeTurn(order: number, revision: number, speaker: string): Turn {
  const words = Array.from({ length: WORDS }, (_, i) => {
    const start = order * 6000 + i * 250
    const text = `word${i % 7}${i === WORDS - 1 ? '.' : ''}`
    return { text, start, end: start + 200, confidence: 1, speaker, final: true }
  })
  return {
    sessionId: 'session-1',
    order,
    revision,
    endOfTurn: true,
    formatted: true,
    transcript: words.map(({ text }) => text).join(' '),
    speaker,
    words,
    start: order * 6000,
    end: words.at(-1)?.end ?? 0,
  }
}
