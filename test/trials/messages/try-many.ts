import fc from 'fast-check'
import { clientSockets, leftovers, openResources } from '../leftovers.ts'
import { anyCase, type Case } from './arbitrary.ts'
import { scriptedPeer, type ScriptedPeer } from './peer.ts'
import { tryCase } from './try-case.ts'

/** A case that went wrong. */
export interface Failure {
  /** Its number among those of its seed. */
  index: number
  wrong: string
  /** The least that is left of it and still goes wrong. */
  scripted: Case
}

/** How many cases, and which. */
export interface Trial {
  seed: number
  cases: number
  /** Cases that run at a time. */
  atOnce: number
  /** The first case to run; those before are drawn only. */
  from?: number
}

/** What came of a {@link Trial}. */
export interface TrialReport {
  /** How many cases ended how: with all turns, with an error of a code. */
  ends: Record<string, number>
  /** Turns that came out in all. */
  turns: number
  failures: Failure[]
  /** What was open at the end and not at the beginning. */
  leftOpen: string[]
}

/** Runs random cases; those that fail are made as short as they can be. */
export async function tryMany({ seed, cases, atOnce, from = 0 }: Trial): Promise<TrialReport> {
  const before = openResources()
  const peer = await scriptedPeer()
  const failures: Failure[] = []
  const all = fc.sample(anyCase, { seed, numRuns: cases })
  const ends: Record<string, number> = {}
  let turns = 0
  let next = from
  const work = async (): Promise<void> => {
    while (next < all.length) {
      const index = next++
      const scripted = all[index]!
      const outcome = await tryCase(peer, scripted)
      ends[outcome.end] = (ends[outcome.end] ?? 0) + 1
      turns += outcome.turns
      if (outcome.wrong !== undefined) failures.push({ index, wrong: outcome.wrong, scripted })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const leftOpen = await clientSockets(Number(new URL(peer.url).port))
  for (const failure of failures.slice(0, 3)) Object.assign(failure, await shorten(peer, failure))
  await peer.close()
  leftOpen.push(...(await leftovers(before)))
  return { ends, turns, failures, leftOpen }
}

/** Leaves out whatever a case fails without. */
async function shorten(peer: ScriptedPeer, failure: Failure): Promise<Pick<Failure, 'wrong' | 'scripted'>> {
  let { scripted, wrong } = failure
  for (let shorter = true; shorter;) {
    shorter = false
    for (const candidate of shorterOnes(scripted)) {
      const { wrong: stillWrong } = await tryCase(peer, candidate)
      if (stillWrong === undefined) continue
      scripted = candidate
      wrong = stillWrong
      shorter = true
      break
    }
  }
  return { scripted, wrong }
}

function* shorterOnes(scripted: Case): Generator<Case> {
  const { scripts } = scripted
  for (let at = 0; at < scripts.length && scripts.length > 1; at++) {
    yield { ...scripted, scripts: scripts.toSpliced(at, 1) }
  }
  for (const [at, script] of scripts.entries()) {
    for (let step = 0; step < script.steps.length; step++) {
      yield { ...scripted, scripts: scripts.with(at, { ...script, steps: script.steps.toSpliced(step, 1) }) }
    }
  }
}
