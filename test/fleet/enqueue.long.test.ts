import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { main } from '../cli/command.ts'
import { stores } from '../helpers/stores.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()
/** The bar, by hand: `FLEET_INPUTS=100000`, in at most 60 s and 200 MB, and the status of them in 1 s. */
const count = Number(process.env['FLEET_INPUTS'] ?? 2000)
const IN_A_FOLDER = 1000

interface Run {
  seconds: number
  /** Most memory of the process, in MB, where the system tells. */
  peak: number
  out: string
}

async function fleet(...argv: string[]): Promise<Run> {
  const began = performance.now()
  const child = spawn(process.execPath, [main, 'fleet', ...argv], { stdio: ['ignore', 'pipe', 'inherit'] })
  let [peak, out] = [0, '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  const look = setInterval(() => {
    try {
      const [, kilobytes = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
      peak = Math.max(peak, Number(kilobytes) / 1000)
    } catch {
      // It has ended, or the system has no such file.
    }
  }, 20)
  await once(child, 'close')
  clearInterval(look)
  return { seconds: (performance.now() - began) / 1000, peak, out }
}

describe.each(Object.entries(stores))('a fleet on %s', (kind, { missing, start }) => {
  it.skipIf(missing !== undefined)(
    'takes many inputs, and says how many there are',
    async () => {
      await using store = await start()
      const folder = directory()
      for (let number = 0; number < count; number++) {
        const sub = path.join(folder, 'in', String(Math.floor(number / IN_A_FOLDER)))
        if (number % IN_A_FOLDER === 0) mkdirSync(sub, { recursive: true })
        writeFileSync(path.join(sub, `talk${number}.mp4`), '')
      }
      const at = ['--store', store.url, '--json']
      const output = path.join(folder, 'out/{folder}/{name}.{format}')
      const added = await fleet('add', path.join(folder, 'in'), '-o', output, '--format', 'srt,jsonl', ...at)
      const status = await fleet('status', ...at)
      if (process.env['FLEET_INPUTS'] !== undefined) {
        const figures = { kind, added: added.seconds, peakMb: added.peak, status: status.seconds }
        process.stderr.write(`${JSON.stringify(figures)}\n`)
      }
      expect(JSON.parse(added.out)).toMatchObject({ added: count })
      // What a hundred thousand take: pipelines of ioredis, or texts of paths in sets, were 50 MB more.
      expect(added.peak).toBeLessThan(count === 100_000 ? 200 : Infinity)
      expect(JSON.parse(status.out)).toMatchObject({ counts: { waiting: count } })
    },
    600_000,
  )
})
