/**
 * The value below which a share of `values` lies: the smallest one that at least that share does not exceed.
 *
 * @param share - from 0 to 1; 0.5 is the median, 0.99 the 99th percentile.
 * @returns NaN where there are no values.
 */
export function percentile(values: Iterable<number>, share: number): number {
  const sorted = Float64Array.from(values).toSorted()
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN
}

/** The median and the 99th percentile, rounded to hundredths. */
export interface Spread {
  p50: number
  p99: number
}

/** The {@link Spread} of `values`. */
export function spread(values: Iterable<number>): Spread {
  const all = [...values]
  return { p50: round(percentile(all, 0.5)), p99: round(percentile(all, 0.99)) }
}

/** `value` to so many places after the point. */
export function round(value: number, places = 2): number {
  return Math.round(value * 10 ** places) / 10 ** places
}

/**
 * How late each of the sends of one stream was, beside a schedule of one every `interval` ms. The schedule is the one of
 * that pace by which the earliest of them was in time, so that it needs no knowledge of when the stream began.
 */
export function lateness(times: ArrayLike<number>, interval: number): number[] {
  const offsets = Array.from(times, (time, index) => time - index * interval)
  const earliest = offsets.reduce((least, offset) => Math.min(least, offset), Infinity)
  return offsets.map((offset) => offset - earliest)
}
