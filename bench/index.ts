import { benchCamera } from './camera.ts'
import { benchCaptions } from './captions.ts'
import { benchChannels } from './channels.ts'
import { benchEngine } from './engine.ts'
import { benchDecode } from './decode.ts'
import { benchFaults } from './faults/command.ts'
import { allGood, findingsOf, type Outcome, showTable } from './finding.ts'
import { benchGrowth } from './growth.ts'
import { benchLatency } from './latency.ts'
import { benchMemory } from './memory.ts'
import { benchMessages } from './messages.ts'
import { readOptions, type BenchOptions } from './options.ts'
import { record } from './report.ts'
import { benchRollover } from './rollover.ts'
import { runAll } from './run-all.ts'
import { benchSockets } from './sockets.ts'
import { benchStart } from './start.ts'

const benchmarks: Readonly<Record<string, (options: BenchOptions) => Promise<Outcome>>> = {
  decode: benchDecode,
  sockets: benchSockets,
  latency: benchLatency,
  memory: benchMemory,
  growth: benchGrowth,
  captions: benchCaptions,
  faults: benchFaults,
  rollover: benchRollover,
  messages: benchMessages,
  camera: benchCamera,
  channels: benchChannels,
  engine: benchEngine,
  start: benchStart,
}
const names = Object.keys(benchmarks)

/** Those that work on files named on the command line. */
const TAKES_FILES = ['captions']

const [first = '', ...rest] = process.argv.slice(2)
const name = first.startsWith('-') ? '' : first
const benchmark = benchmarks[name]
if (benchmark !== undefined) {
  const options = readOptions(rest, TAKES_FILES.includes(name))
  const findings = findingsOf(await benchmark(options))
  console.log(`\n${showTable({ [name]: findings })}`)
  if (options.save) record(name, findings, names)
  process.send?.(findings)
  process.exitCode = allGood(findings) ? 0 : 1
} else if (name === '') {
  const options = readOptions(process.argv.slice(2))
  process.exitCode = (await runAll(names, options)) ? 0 : 1
} else {
  console.error(`usage: npm run bench -- [${names.join(' | ')}] [--quick] [--seed N] [--save] [file ...]`)
  process.exitCode = 2
}
