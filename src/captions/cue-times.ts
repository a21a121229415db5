/** What is known of a cue before its times on the screen are. */
export interface SpokenSpan {
  /** First millisecond of its first word. */
  start: number
  /** Last millisecond of its words. */
  end: number
}

/** Times of cues, in milliseconds. */
export interface CueTimingOptions {
  /** A cue is held at least this long where the next one leaves room. */
  minDuration: number
  /** No cue is shown longer. */
  maxDuration: number
}

/** Least gap between two cues that follow each other closely. */
export const GAP_MS = 83
/** Gaps shorter than this are closed to {@link GAP_MS}. */
const CHAIN_MS = 500
/** How long a cue may stay after its last word. */
const TAIL_MS = 500
/** Least time on the screen of a cue that had to wait for the one before it. */
const DELAYED_MIN_MS = 300

/**
 * Times on the screen for the cues of one turn: in order, without overlap, each longer than nothing, none before the
 * end of the one before it.
 *
 * The last cue cannot wait for the turn after it, so it ends with its last word, or at the least duration; the next
 * turn's first cue then starts no earlier than that.
 *
 * @param earliest - end of the last cue of the turn before.
 */
export function cueTimes(spans: readonly SpokenSpan[], options: CueTimingOptions, earliest: number): SpokenSpan[] {
  const times: SpokenSpan[] = []
  let floor = earliest
  for (const [i, span] of spans.entries()) {
    const start = Math.max(span.start, floor)
    const spoken = Math.max(span.end, start + 1)
    const next = spans[i + 1]?.start
    const wished =
      next === undefined
        ? Math.max(spoken, span.start + options.minDuration, start + Math.min(DELAYED_MIN_MS, options.minDuration))
        : endBefore(next, start, spoken, options.minDuration)
    const end = Math.max(start + 1, Math.min(wished, start + options.maxDuration))
    times.push({ start, end })
    floor = end
  }
  return times
}

function endBefore(next: number, start: number, spoken: number, minDuration: number): number {
  if (next - spoken >= CHAIN_MS) {
    const tail = Math.min(spoken + TAIL_MS, next - CHAIN_MS)
    return Math.max(tail, Math.min(start + minDuration, next - GAP_MS))
  }
  return next - GAP_MS > start ? next - GAP_MS : Math.min(spoken, next)
}
