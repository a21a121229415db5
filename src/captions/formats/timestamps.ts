/** The last millisecond that is written, 31,688 years on: every reader still counts it exactly. */
const LAST_MS = 1e15

/** A time that can be written: whole, from 0 to {@link LAST_MS}; 0 for what is no number. */
function wholeTime(ms: number): number {
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, Math.round(ms)), LAST_MS)
}

/** Numbers from 0 on with as many digits at least: making them anew takes most of the time of writing a cue. */
const padded = (count: number, digits: number) =>
  Array.from({ length: count }, (_, value) => String(value).padStart(digits, '0'))
const TWO_DIGITS = padded(100, 2)
const THREE_DIGITS = padded(1000, 3)

/** `HH:MM:SS` and milliseconds, by integer arithmetic; hours take more digits where they need them. */
function clock(ms: number, decimalMark: string): string {
  const whole = wholeTime(ms)
  const seconds = Math.floor(whole / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const hh = TWO_DIGITS[hours] ?? String(hours)
  const mm = TWO_DIGITS[minutes - hours * 60]
  const ss = TWO_DIGITS[seconds - minutes * 60]
  return `${hh}:${mm}:${ss}${decimalMark}${THREE_DIGITS[whole - seconds * 1000]}`
}

/** The times of a cue as a caption file may hold them: whole milliseconds, an end after the start. */
export function captionTimes(cue: { start: number; end: number }): { start: number; end: number } {
  const start = Math.min(wholeTime(cue.start), LAST_MS - 1)
  return { start, end: Math.max(start + 1, wholeTime(cue.end)) }
}

/** A time as SubRip writes it: `00:01:02,345`. */
export function srtTimestamp(ms: number): string {
  return clock(ms, ',')
}

/** A time as WebVTT writes it: `00:01:02.345`. */
export function vttTimestamp(ms: number): string {
  return clock(ms, '.')
}

/** A time as SBV writes it: `0:01:02.345`. */
export function sbvTimestamp(ms: number): string {
  return vttTimestamp(ms).replace(/^0/, '')
}

/** Hundredths of a second as ASS writes them: `0:01:02.34`. */
export function assTimestamp(centiseconds: number): string {
  return sbvTimestamp(centiseconds * 10).slice(0, -1)
}

/** Hundredths of a second as LRC writes them: `01:02.34`, with as many minutes as there are. */
export function lrcTimestamp(centiseconds: number): string {
  const minutes = Math.floor(centiseconds / 6000)
  return `${TWO_DIGITS[minutes] ?? minutes}${assTimestamp(centiseconds).slice(-':00.00'.length)}`
}

/** Times as whole milliseconds; those beyond the last cannot be meant. None is before `earliest`, the end not before the start. */
export function wholeTimes(times: { start: number; end: number }, earliest = 0): { start: number; end: number } {
  const whole = (ms: number, least: number) => (Math.abs(ms) <= LAST_MS ? Math.max(least, Math.round(ms)) : least)
  const start = whole(times.start, earliest)
  return { start, end: whole(times.end, start) }
}
