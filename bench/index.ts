import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { benchCaptions } from './captions.ts'
import { benchChannels } from './channels.ts'
import { benchDecode } from './decode.ts'
import { benchEngine } from './engine.ts'
import { benchEnrol } from './enrol.ts'
import { benchLatency } from './latency.ts'
import { benchMemory } from './memory.ts'
import { allGood, type BenchOptions, type Finding, record, showTable } from './report.ts'
import { benchSockets } from './sockets.ts'
import { benchStart } from './start.ts'
import { benchVoices } from './voices.ts'

const benchmarks: Readonly<Record<string, (options: BenchOptions) => Promise<readonly Finding[]>>> = {
  decode: benchDecode,
  sockets: benchSockets,
  latency: benchLatency,
  memory: benchMemory,
  captions: benchCaptions,
  channels: benchChannels,
  engine: benchEngine,
  voices: benchVoices,
  enrol: benchEnrol,
  start: benchStart,
}
const names = Object.keys(benchmarks)

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    tuning: { type: 'boolean', default: false },
  },
})
const [name, ...files] = positionals
const benchmark = benchmarks[name ?? '']
if (name === undefined) {
  process.exitCode = (await runAll()) ? 0 : 1
} else if (benchmark === undefined || (files.length > 0 && name !== 'captions')) {
  console.error(`usage: npm run bench -- [${names.join(' | ')}] [--quick] [--save]; captions takes files`)
  process.exitCode = 2
} else {
  const findings = await benchmark({ ...values, files })
  console.log(`\n${showTable({ [name]: findings })}`)
  if (values.save) record(name, findings, names)
  process.send?.(findings)
  process.exitCode = allGood(findings) ? 0 : 1
}

/**
 * Runs all benchmarks one after the other, each in a process of its own, and prints one table. A full run is recorded; a
 * quick one only where that is asked for.
 *
 * @returns whether every target is met.
 */
async function runAll(): Promise<boolean> {
  const args = [...(values.quick ? ['--quick'] : []), ...(values.save || !values.quick ? ['--save'] : [])]
  const all: Record<string, readonly Finding[]> = {}
  for (const one of names) {
    console.log(`\n--- ${one}`)
    const child = fork(fileURLToPath(import.meta.url), [one, ...args], { execArgv: process.execArgv })
    child.on('message', (message) => (all[one] = message as Finding[]))
    await once(child, 'exit')
    all[one] ??= [{ measure: 'runs to its end', ours: 'no', target: 'yes', good: false }]
  }
  console.log(`\n${showTable(all)}`)
  return Object.values(all).every(allGood)
}
