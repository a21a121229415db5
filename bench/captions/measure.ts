import { layoutSettings } from '../../src/captions/layout/options.ts'
import { CueLayout, layoutCues } from '../../src/captions/layout/layout.ts'
import { formatSrtCue } from '../../src/captions/formats/srt.ts'
import { formatVttCue, vttHeader } from '../../src/captions/formats/vtt.ts'
import { type Cue, type Segment, srtSink, type Turn } from '../../src/index.ts'
import { percentile } from '../statistics.ts'
import { inventedSpeech } from './speech.ts'
import { AssemblyAiConverter, srt } from '@deepgram/captions'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { finished } from 'node:stream/promises'
import { type NodeList, stringifySync } from 'subtitle'

/** How fast words were laid out. */
export interface LayoutSpeed {
  words: number
  cues: number
  /** Words per second of processor time, so that neighbours do not count; median of the rounds. */
  wordsPerSecond: number
}

/** Lays out `words` invented words turn by turn, `rounds` times; only the layout is timed. */
export function measureLayout(words: number, rounds: number, seed: number): LayoutSpeed {
  const turns = [...inventedSpeech({ seed, words })]
  const results = Array.from({ length: rounds }, () => layOut(turns))
  for (const { words: out } of results) if (out !== words) throw new Error(`${words} words went in, ${out} came out`)
  const ms = percentile(
    results.map((result) => result.ms),
    0.5,
  )
  return { words, cues: results[0]?.cues ?? 0, wordsPerSecond: Math.round((1000 * words) / ms) }
}

function layOut(turns: readonly (readonly Segment[])[]): { ms: number; words: number; cues: number } {
  let words = 0
  let cues = 0
  const count = (made: readonly { words: readonly unknown[] }[]) => {
    cues += made.length
    for (const cue of made) words += cue.words.length
  }
  const before = process.cpuUsage()
  const layout = new CueLayout(layoutSettings())
  for (const turn of turns) count(layout.add(turn))
  count(layout.close(Infinity))
  const { user, system } = process.cpuUsage(before)
  return { ms: (user + system) / 1000, words, cues }
}

/** How fast cues were written as text, by us and by the npm package `subtitle`. */
export interface WritingSpeed {
  format: 'SRT' | 'WebVTT'
  cues: number
  /** Cues a second; medians of interleaved rounds. */
  ours: number
  theirs: number
  /** `ours` over `theirs`. */
  ratio: number
}

/** Writes the cues of `words` invented words, first by one and then by the other, `rounds` times. */
export function measureWriting(words: number, rounds: number, seed: number): WritingSpeed[] {
  const cues = layoutCues([...inventedSpeech({ seed, words })]).map((cue, i): Cue => ({ index: i + 1, ...cue }))
  const list: NodeList = cues.map(({ start, end, lines }) => ({
    type: 'cue',
    data: { start, end, text: lines.join('\n') },
  }))
  return [
    compare('SRT', cues.length, rounds, {
      ours: () => writeAll(cues, formatSrtCue),
      theirs: () => Buffer.from(stringifySync(list, { format: 'SRT' })),
    }),
    compare('WebVTT', cues.length, rounds, {
      ours: () => writeAll(cues, formatVttCue, vttHeader),
      theirs: () => Buffer.from(stringifySync(list, { format: 'WebVTT' })),
    }),
  ]
}

/** How fast captions were made of words, text included, by us and by `srt()` of the npm package `@deepgram/captions`. */
export interface CaptioningSpeed {
  words: number
  /** Words a second; medians of interleaved rounds. */
  ours: number
  theirs: number
  /** `ours` over `theirs`. */
  ratio: number
}

/** Lays out and writes `words` invented words as SRT, by one and by the other; theirs cuts after every eighth word. */
export function measureCaptioning(words: number, rounds: number, seed: number): CaptioningSpeed {
  const turns = [...inventedSpeech({ seed, words })]
  const utterances = turns.map((turn) => ({ words: turn.flatMap((segment) => segment.words) }))
  const { ours, theirs, ratio } = compare('SRT', words, rounds, {
    ours: () =>
      writeAll(
        layoutCues(turns).map((cue, i): Cue => ({ index: i + 1, ...cue })),
        formatSrtCue,
      ),
    theirs: () => Buffer.from(srt(new AssemblyAiConverter({ utterances }))),
  })
  return { words, ours, theirs, ratio }
}

/** Characters after which a portion is handed on. */
const PORTION = 65_536

/** The bytes of all cues, made in portions, as a stream would. */
function writeAll(cues: readonly Cue[], format: (cue: Cue) => string, header = ''): Buffer {
  const portions: Buffer[] = []
  let text = header
  for (const cue of cues) {
    text += format(cue)
    if (text.length < PORTION) continue
    portions.push(Buffer.from(text))
    text = ''
  }
  portions.push(Buffer.from(text))
  return Buffer.concat(portions)
}

function compare(
  format: 'SRT' | 'WebVTT',
  cues: number,
  rounds: number,
  writers: { ours: () => Buffer; theirs: () => Buffer },
): WritingSpeed {
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    ours.push(time(writers.ours))
    theirs.push(time(writers.theirs))
  }
  const perSecond = (times: number[]) => Math.round((1000 * cues) / percentile(times, 0.5))
  const [our, their] = [perSecond(ours), perSecond(theirs)]
  return { format, cues, ours: our, theirs: their, ratio: our / their }
}

function time(write: () => Buffer): number {
  const started = performance.now()
  write()
  return performance.now() - started
}

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
