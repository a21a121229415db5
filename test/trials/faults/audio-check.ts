import type { Turn } from '../../../src/index.ts'
import type { StampReader } from '../stamps.ts'
import type { Stretch } from '../judge.ts'

/** What the audio of a run is judged by. */
export interface AudioFacts {
  /** What each session of the engine was given. */
  heard: readonly StampReader[]
  /** Where the sessions that began say that they begin. */
  offsets: readonly number[]
  gaps: readonly Stretch[]
  gapsAllowed: boolean
  /** Milliseconds of the stream. */
  duration: number
  turns: readonly Turn[]
  /** Whether the client may put silence between. */
  live: boolean
}

/** The tail of a stream is filled up to a whole frame. */
const FRAME_MS = 50
/** Silence this long before a gap need not have been kept. */
const SETTLED_MS = 30_000

/** What is wrong with the audio the sessions were given, and with the gaps that were reported. */
export function checkAudio(facts: AudioFacts): string[] {
  const { heard, gaps, gapsAllowed, live } = facts
  const wrong: string[] = []
  heard.forEach(({ heard: stretches, silenceMs, tornMs }, index) => {
    if (tornMs > 0) wrong.push(`engine session ${index} got ${tornMs} ms of audio that are not of the stream`)
    if (!live && silenceMs > FRAME_MS) wrong.push(`engine session ${index} got ${silenceMs} ms of added silence`)
    if (stretches.length > 1) {
      const shown = stretches.slice(0, 4).map(({ from, to }) => `${from}-${to}`)
      wrong.push(`engine session ${index} got torn audio: ms ${shown.join(', ')}`)
    }
  })
  const beginnings = new Set(heard.flatMap(({ heard: [first] }) => (first ? [first.from] : [])))
  const mute = heard.filter(({ heard: { length } }) => length === 0).length
  const strange = facts.offsets.filter((offset) => !beginnings.has(offset))
  if (strange.length > mute) wrong.push(`sessions say that they begin at ${strange.join(', ')} ms, but none does`)
  if (gaps.length > 0 && !gapsAllowed) wrong.push(`${gaps.length} gaps where the source could wait`)
  for (const gap of gaps) wrong.push(...checkGap(gap, facts, beginnings))
  for (const { start, end } of neverHeard(facts)) {
    if (gaps.some((gap) => gap.start <= start && gap.end >= end)) continue
    wrong.push(`no session was given ms ${start} to ${end}, and no gap says so`)
  }
  return wrong
}

/**
 * A gap is what a session would have had to hear again and no session did: it begins where the last word before it ends
 * (or where, after a long silence, there was nothing left to be heard), and ends where the next session begins.
 */
function checkGap({ start, end }: Stretch, { turns, gaps }: AudioFacts, beginnings: ReadonlySet<number>): string[] {
  const wrong: string[] = []
  const shown = `the gap from ${start} to ${end} ms`
  if (!(start < end)) wrong.push(`${shown} holds nothing`)
  if (!beginnings.has(end)) wrong.push(`${shown} ends where no session begins`)
  const words = turns.flatMap((turn) => turn.words)
  const inside = words.find((word) => word.start < end && word.end > start)
  if (inside) wrong.push(`${shown} holds ${inside.text}, which was delivered`)
  const before = Math.max(0, ...[...words, ...gaps].map((known) => known.end).filter((ms) => ms <= start))
  if (start !== before && start - before < SETTLED_MS) wrong.push(`${shown} begins after ${before} ms, where it should`)
  return wrong
}

/** The stretches of the stream that no session was given. */
export function neverHeard({ heard, duration }: Pick<AudioFacts, 'heard' | 'duration'>): Stretch[] {
  const stretches = heard.flatMap(({ heard: all }) => all).toSorted((a, b) => a.from - b.from)
  const missing: Stretch[] = []
  let reached = 0
  for (const { from, to } of [...stretches, { from: duration, to: duration }]) {
    if (from > reached) missing.push({ start: reached, end: from })
    reached = Math.max(reached, to)
  }
  return missing
}
