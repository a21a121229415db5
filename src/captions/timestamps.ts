/** `HH:MM:SS` and milliseconds, by integer arithmetic; hours take more digits where they need them. */
function clock(ms: number, decimalMark: string): string {
  const whole = Number.isFinite(ms) ? Math.max(0, Math.round(ms)) : 0
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  const milliseconds = String(whole % 1000).padStart(3, '0')
  return `${two(whole / 3_600_000)}:${two((whole / 60_000) % 60)}:${two((whole / 1000) % 60)}${decimalMark}${milliseconds}`
}

/** A time as SubRip writes it: `00:01:02,345`. */
export function srtTimestamp(ms: number): string {
  return clock(ms, ',')
}

/** A time as WebVTT writes it: `00:01:02.345`. */
export function vttTimestamp(ms: number): string {
  return clock(ms, '.')
}
