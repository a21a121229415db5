import { runSeed, type RunReport } from './run.ts'

/*
 * One process of the benchmark: runs the seeds it is sent, one after another, so that what a run leaves behind shows.
 */

/** What a lane answers: a report, or what broke the run. */
export type LaneAnswer = { report: RunReport } | { seed: number; failure: string }

process.on('message', (seed: number) => {
  const answer = (what: LaneAnswer): void => void process.send?.(what)
  const broken = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    // A process that something escaped from is not to be trusted with another run.
    process.send?.({ seed, failure: text } satisfies LaneAnswer, () => process.exit(1))
  }
  process.removeAllListeners('uncaughtException').on('uncaughtException', broken)
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', broken)
  runSeed(seed).then((report) => answer({ report }), broken)
})
process.on('disconnect', () => process.exit(0))
