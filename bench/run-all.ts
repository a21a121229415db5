import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { allGood, type Finding, showTable } from './finding.ts'
import type { BenchOptions } from './options.ts'

/**
 * Runs all benchmarks one after the other, each in a process of its own, and prints one table. A full run is recorded;
 * a quick one only where that is asked for.
 *
 * @returns whether every target is met.
 */
export async function runAll(names: readonly string[], options: BenchOptions): Promise<boolean> {
  const args = [...(options.quick ? ['--quick'] : []), ...(options.save || !options.quick ? ['--save'] : [])]
  const all: Record<string, readonly Finding[]> = {}
  for (const name of names) {
    console.log(`\n--- ${name}`)
    all[name] = await runOne(name, args)
  }
  console.log(`\n${showTable(all)}`)
  return Object.values(all).every(allGood)
}

async function runOne(name: string, args: readonly string[]): Promise<readonly Finding[]> {
  const child = fork(fileURLToPath(new URL('index.ts', import.meta.url)), [name, ...args], {
    execArgv: process.execArgv,
  })
  let findings: readonly Finding[] | undefined
  child.on('message', (message) => (findings = message as Finding[]))
  await once(child, 'exit')
  return findings ?? [{ measure: 'runs to its end', ours: 'no', target: 'yes', good: false }]
}
