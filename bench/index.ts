import { benchCamera } from './camera.ts'
import { benchCaptions } from './captions.ts'
import { benchChannels } from './channels.ts'
import { benchFaults } from './faults/command.ts'
import { benchMemory } from './memory.ts'
import { benchMessages } from './messages.ts'
import { readOptions, type BenchOptions } from './options.ts'
import { benchRollover } from './rollover.ts'

/** Each resolves to whether all was as it must be. */
const benchmarks: Readonly<Record<string, (options: BenchOptions) => Promise<boolean>>> = {
  faults: benchFaults,
  rollover: benchRollover,
  messages: benchMessages,
  memory: benchMemory,
  captions: benchCaptions,
  camera: benchCamera,
  channels: benchChannels,
}

/** Those that work on files named on the command line. */
const TAKES_FILES = ['captions']

const [name = '', ...args] = process.argv.slice(2)
const benchmark = benchmarks[name]
if (!benchmark) {
  console.error(
    `usage: npm run bench -- ${Object.keys(benchmarks).join(' | ')} [--quick] [--seed N] [--save] [file ...]`,
  )
  process.exitCode = 2
} else {
  const good = await benchmark(readOptions(args, TAKES_FILES.includes(name)))
  console.log(good ? 'all as it must be' : 'NOT as it must be')
  process.exitCode = good ? 0 : 1
}
