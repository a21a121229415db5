/** Whether all is tried, as `npm run test:long` does, and not only what `npm test` has time for. */
export const inFull = process.env['LONG_RUNS'] === 'yes'

/**
 * How often a property is tried: `all` times {@link inFull}; else a tenth of them, though never fewer than 10.
 */
export function runs(all: number): number {
  return inFull ? all : Math.min(all, Math.max(10, Math.ceil(all / 10)))
}

/** The rows of a table that are tried: `all` {@link inFull}; else `count` of them, the first and the last among them. */
export function some<Row>(all: readonly Row[], count: number): Row[] {
  if (inFull || count >= all.length) return [...all]
  return Array.from({ length: count }, (_, at) => all[Math.round((at * (all.length - 1)) / (count - 1))] as Row)
}
