import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LaneAnswer } from './lane.ts'

const lanePath = fileURLToPath(new URL('lane.ts', import.meta.url))

/** Longest time in ms that a lane may be silent about a run. */
const PATIENCE_MS = 240_000

/**
 * Runs seeds in several processes at once, and calls `done` for each as it ends. `next` gives the seed of the next run,
 * or `undefined` when there are to be no more.
 */
export async function runLanes(
  count: number,
  next: () => number | undefined,
  done: (answer: LaneAnswer) => void,
): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => runLane(next, done)))
}

async function runLane(next: () => number | undefined, done: (answer: LaneAnswer) => void): Promise<void> {
  let lane: ChildProcess | undefined
  for (let seed = next(); seed !== undefined; seed = next()) {
    lane ??= fork(lanePath, { execArgv: process.execArgv })
    const answer = await askLane(lane, seed)
    done(answer)
    if ('failure' in answer) {
      lane.kill('SIGKILL')
      lane = undefined
    }
  }
  if (!lane) return
  const gone = new Promise((resolve) => lane?.once('exit', resolve))
  lane.disconnect()
  await gone
}

function askLane(lane: ChildProcess, seed: number): Promise<LaneAnswer> {
  return new Promise((resolve) => {
    const finish = (answer: LaneAnswer): void => {
      clearTimeout(limit)
      lane.off('message', finish)
      lane.off('exit', died)
      resolve(answer)
    }
    const died = (code: number | null): void => finish({ seed, failure: `its process ended with ${code}` })
    const limit = setTimeout(() => finish({ seed, failure: 'its process does not answer' }), PATIENCE_MS)
    lane.on('message', finish)
    lane.on('exit', died)
    lane.send(seed)
  })
}
