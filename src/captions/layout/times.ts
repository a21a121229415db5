import type { LayoutSettings } from './options.ts'

export interface SpokenSpan {
  start: number
  end: number
  width: number
  words: number
}

export type TimingSettings = Pick<
  LayoutSettings,
  | 'minDuration'
  | 'minDurationPerWord'
  | 'maxDuration'
  | 'targetReadingSpeed'
  | 'maxReadingSpeed'
  | 'minGap'
  | 'chainBelow'
  | 'tail'
>

/** Shorter than this a cue is never, even where the next one should have begun: it would only flash. */
const LEAST_MS = 300

/**
 * When a cue is on the screen, in whole milliseconds. It begins with its first word, or `minGap` after the cue before
 * where that is still shown. It stays up to `tail` after its last word, longer where it needs more to be read, and ends
 * `minGap` before the next one begins. A gap of less than `chainBelow` is closed to `minGap`.
 *
 * A cue whose words the next speaker talks over is kept until it can be read at `maxReadingSpeed`, though not past its
 * words; the next one then has to wait.
 *
 * @param next - first millisecond of the next cue's words; `Infinity` where nothing follows; `undefined` where it is
 * not known: the cue then stays after its last word only as long as it needs to be read, or has its least duration.
 * @param previousEnd - end of the cue before.
 */
export function cueTimes(
  span: SpokenSpan,
  next: number | undefined,
  previousEnd: number | undefined,
  settings: TimingSettings,
): { start: number; end: number } {
  const { minDuration, maxDuration, minGap, chainBelow, tail } = settings
  const start = previousEnd === undefined ? span.start : Math.max(span.start, previousEnd + minGap)
  const least = start + Math.min(LEAST_MS, minDuration)
  const latest = start + maxDuration
  const within = (end: number) => Math.max(start + 1, Math.min(end, latest))
  const readingTime = Math.ceil((1000 * span.width) / settings.targetReadingSpeed)
  const wished = Math.max(minDuration, readingTime, span.words * settings.minDurationPerWord)
  if (next === undefined || Number.isNaN(next)) {
    const readable = Math.min(start + wished, span.end + tail)
    return { start, end: within(Math.max(span.end, span.start + minDuration, least, readable)) }
  }
  const limit = Math.max(next - minGap, least, next < span.end ? talkedOver(span, start, settings) : 0)
  const end = Math.min(Math.max(span.end + tail, start + wished), limit, latest)
  const gap = next - end
  return { start, end: within(gap > minGap && gap < chainBelow ? limit : end) }
}

/** Until when a cue has to stay that the next one's words interrupt. */
function talkedOver(span: SpokenSpan, start: number, settings: TimingSettings): number {
  return Math.min(span.end, start + leastReadingTime(span, settings))
}

/** How long a cue has to stay to be read at `maxReadingSpeed`. */
export function leastReadingTime({ width }: SpokenSpan, { minDuration, maxReadingSpeed }: TimingSettings): number {
  return Math.max(minDuration, Math.ceil((1000 * width) / maxReadingSpeed))
}

/** Times of a cue that another overlaps: `minGap` between both, but not before it can be read at `maxReadingSpeed`. */
export function fitBefore(
  span: SpokenSpan,
  next: number | undefined,
  previousEnd: number | undefined,
  settings: TimingSettings,
): { start: number; end: number } {
  const { minGap, minDuration } = settings
  const start = previousEnd === undefined ? span.start : Math.max(span.start, previousEnd + minGap)
  const least = start + Math.min(LEAST_MS, minDuration)
  const end = Math.max(span.end, least)
  if (next === undefined || next - minGap >= end) return { start, end }
  return { start, end: Math.max(next - minGap, least, talkedOver({ ...span, end }, start, settings)) }
}
