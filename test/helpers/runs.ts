/**
 * How often a property is tried: `all` times by `npm run test:long`, a fifth of them, though never fewer than 20, by
 * `npm test`, which is to be short.
 */
export function runs(all: number): number {
  return process.env['LONG_RUNS'] === 'yes' ? all : Math.min(all, Math.max(20, Math.ceil(all / 5)))
}
