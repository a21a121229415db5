/** Whether all is tried, as `npm run test:long` does, and not only what `npm test` has time for. */
export const inFull = process.env['LONG_RUNS'] === 'yes'

/**
 * How often a property is tried: `all` times {@link inFull}; else a fifth of them, though never fewer than 20.
 */
export function runs(all: number): number {
  return inFull ? all : Math.min(all, Math.max(20, Math.ceil(all / 5)))
}
