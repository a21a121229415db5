import { tryMany } from './messages/try-many.ts'
import type { BenchOptions } from './options.ts'
import { saveResults } from './results.ts'

/** Cases between two lines of output. */
const PORTION = 500

/**
 * `npm run bench -- messages`: random orders of messages and junk; each must end in turns or in one typed error, and
 * nothing may be thrown where nobody can catch it.
 */
export async function benchMessages(options: BenchOptions): Promise<boolean> {
  const cases = options.quick ? 500 : 10_000
  const first = options.seed ?? 1
  const escaped: string[] = []
  const note = (error: unknown): void => {
    escaped.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  process.on('uncaughtException', note).on('unhandledRejection', note)
  const failures: unknown[] = []
  const allEnds = new Map<string, number>()
  let allTurns = 0
  const started = performance.now()
  const portions = options.seed === undefined ? Math.ceil(cases / PORTION) : 1
  for (let portion = 0; portion < portions; portion++) {
    const seed = first + portion
    const { ends, turns, failures: found, leftOpen } = await tryMany({ seed, cases: PORTION, atOnce: 32 })
    console.log(`seed ${seed}: ${PORTION} cases, ${found.length} wrong, ${leftOpen.length} left open`)
    for (const { index, wrong, scripted } of found.slice(0, 3)) {
      console.log(`  ! case ${index}: ${wrong}\n    ${JSON.stringify(scripted)}`)
    }
    failures.push(...found, ...leftOpen)
    allTurns += turns
    for (const [end, count] of Object.entries(ends)) allEnds.set(end, (allEnds.get(end) ?? 0) + count)
  }
  process.off('uncaughtException', note).off('unhandledRejection', note)
  const wallMs = Math.round(performance.now() - started)
  console.log(
    `${portions * PORTION} cases in ${(wallMs / 1000).toFixed(0)} s, ${failures.length} wrong, ${escaped.length} escaped`,
  )
  const shown = [...allEnds].toSorted((a, b) => b[1] - a[1]).map(([end, count]) => `${end} ${count}`)
  console.log(`${allTurns} turns; ends: ${shown.join(', ')}`)
  for (const error of escaped.slice(0, 5)) console.log(`  ! ${error}`)
  if (options.save) saveResults('messages', { first, cases: portions * PORTION, wallMs, failures, escaped })
  return failures.length === 0 && escaped.length === 0
}
