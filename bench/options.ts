import { parseArgs } from 'node:util'

/** What a benchmark is asked for on the command line. */
export interface BenchOptions {
  /** A smaller amount, for a look. */
  quick: boolean
  /** Runs this seed only, and says what happens. */
  seed?: number
  /** First seed. */
  from?: number
  /** Processes at a time. */
  lanes?: number
  /** Hours of audio, of the benchmarks that count hours. */
  hours?: number
  /** Works on the material that settings are chosen by, of the benchmarks that know some. */
  tuning?: boolean
  /** Writes the results to bench/results. */
  save: boolean
  /** Files to work on, of the benchmarks that take some. */
  files?: readonly string[]
}

/** Reads the arguments after the name of the benchmark; `takesFiles` tells whether it may be given files. */
export function readOptions(args: readonly string[], takesFiles = false): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: takesFiles,
    options: {
      quick: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
      tuning: { type: 'boolean', default: false },
      seed: { type: 'string' },
      from: { type: 'string' },
      lanes: { type: 'string' },
      hours: { type: 'string' },
    },
  })
  const number = (name: 'seed' | 'from' | 'lanes' | 'hours'): Record<string, number> => {
    const text = values[name]
    if (text === undefined) return {}
    if (!/^\d+(\.\d+)?$/.test(text)) throw new Error(`--${name} takes a number; got ${text}`)
    return { [name]: Number(text) }
  }
  const { quick, save, tuning } = values
  return {
    quick,
    save,
    tuning,
    ...number('seed'),
    ...number('from'),
    ...number('lanes'),
    ...number('hours'),
    ...(takesFiles && { files: positionals }),
  }
}
