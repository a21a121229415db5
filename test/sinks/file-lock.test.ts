import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { srtSink } from '../../src/sinks/caption-sinks.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { temporaryDirectories, untilFileHolds } from './temporary.ts'

const directory = temporaryDirectories()
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

const lockOf = (file: string): string => path.join(path.dirname(file), `.${path.basename(file)}.diarize-stream.lock`)

/** A process that lives, or one that has been killed. */
async function someProcess(isAlive: boolean): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  children.push(child)
  await once(child, 'spawn')
  if (!isAlive) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return child.pid ?? 0
}

/** What a process of ours leaves beside the file it writes. */
function lock(file: string, holder: object): void {
  const started = Date.now() - process.uptime() * 1000
  writeFileSync(lockOf(file), JSON.stringify({ host: hostname(), started, token: 'other', ...holder }))
}

const write = (file: string) => pipeline(Readable.from([makeTurn(0, 'A:one')]), srtSink(file))

describe('a file that another process of ours is writing', () => {
  it('is left alone, and the process named', async () => {
    const file = path.join(directory(), 'out.srt')
    writeFileSync(file, 'of the other')
    const pid = await someProcess(true)
    lock(file, { pid })
    await expect(write(file)).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      retryable: true,
      pid,
      message: `cannot write to ${file}: process ${pid} is writing to it; give each sink a file of its own`,
    })
    expect(readFileSync(file, 'utf8')).toBe('of the other')
    expect(existsSync(lockOf(file))).toBe(true)
  })

  it('is left alone whatever link leads to it, and in a thread of this process', async () => {
    const here = directory()
    const file = path.join(here, 'out.srt')
    const link = path.join(here, 'link.srt')
    writeFileSync(file, '')
    symlinkSync(file, link)
    lock(file, { pid: process.pid })
    await expect(write(link)).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE', pid: process.pid })
  })

  it('says so by a file beside it, as long as it is written', async () => {
    for (const fails of [false, true]) {
      const file = path.join(directory(), 'out.srt')
      const sink = srtSink(file)
      const end = finished(sink).catch(() => {})
      sink.write(makeTurn(0, 'A:one'))
      await untilFileHolds(file, 'one')
      expect(JSON.parse(readFileSync(lockOf(file), 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() })
      if (fails) sink.destroy(new Error('failed'))
      else sink.end()
      await end
      if (!sink.closed) await once(sink, 'close')
      expect(readdirSync(path.dirname(file))).toEqual(['out.srt'])
    }
  })
})

describe('a lock that counts for nothing', () => {
  const minutesAgo = (file: string) => utimesSync(lockOf(file), new Date(), new Date(Date.now() - 120_000))
  const stale: [string, (file: string) => unknown][] = [
    ['of a process that was killed', async (file) => lock(file, { pid: await someProcess(false) })],
    ['of an earlier process with our number', (file) => lock(file, { pid: process.pid, started: 1 })],
    ['of another machine', async (file) => lock(file, { pid: await someProcess(true), host: 'elsewhere' })],
    ['that nobody renews', async (file) => (lock(file, { pid: await someProcess(true) }), minutesAgo(file))],
    ['without any text', (file) => writeFileSync(lockOf(file), '')],
    ['of some other text', (file) => writeFileSync(lockOf(file), '{"pid":-1}')],
  ]

  it.each(stale)('%s is taken over, with what a rewriting has left behind', async (_kind, leave) => {
    const file = path.join(directory(), 'out.srt')
    writeFileSync(path.join(path.dirname(file), '.out.srt.diarize-stream.tmp'), 'half')
    await leave(file)
    await write(file)
    expect(readdirSync(path.dirname(file))).toEqual(['out.srt'])
  })
})

/** When a process began, as Linux has it. */
const ticksOf = (pid: number): string | undefined => {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
}

describe.skipIf(process.platform !== 'linux')('a lock of which it is known whose it is', () => {
  it('is left alone however long its owner was stopped', async () => {
    const file = path.join(directory(), 'out.srt')
    const pid = await someProcess(true)
    process.kill(pid, 'SIGSTOP')
    lock(file, { pid, ticks: ticksOf(pid) })
    utimesSync(lockOf(file), new Date(), new Date(Date.now() - 3_600_000))
    await expect(write(file)).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE', pid })
    expect(existsSync(file)).toBe(false)
  })

  it('is left alone in a thread of this process, until that is gone and renews it no more', async () => {
    const file = path.join(directory(), 'out.srt')
    lock(file, { pid: process.pid, ticks: ticksOf(process.pid) })
    const age = (ms: number) => utimesSync(lockOf(file), new Date(), new Date(Date.now() - ms))
    age(30_000)
    await expect(write(file)).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE', pid: process.pid })
    age(120_000)
    await write(file)
    expect(readdirSync(path.dirname(file))).toEqual(['out.srt'])
  })

  it('is taken over at once where another process has its number', async () => {
    const file = path.join(directory(), 'out.srt')
    const pid = await someProcess(true)
    lock(file, { pid, ticks: String(Number(ticksOf(pid)) - 1) })
    await write(file)
    expect(readdirSync(path.dirname(file))).toEqual(['out.srt'])
  })
})

describe('a file that was taken over while its writer was stopped', () => {
  afterEach(() => void vi.useRealTimers())

  it('is not touched any more by that writer', async () => {
    const file = path.join(directory(), 'out.srt')
    const sink = srtSink(file)
    const end = finished(sink)
    end.catch(() => {})
    sink.write(makeTurn(0, 'A:one'))
    await untilFileHolds(file, 'one')
    const before = readFileSync(file, 'utf8')
    lock(file, { pid: 4_000_000 })
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 70_000 })
    sink.end(makeTurn(1, 'A:two'))
    await expect(end).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE', pid: 4_000_000 })
    expect(readFileSync(file, 'utf8')).toBe(before)
    expect(JSON.parse(readFileSync(lockOf(file), 'utf8'))).toMatchObject({ token: 'other' })
  })
})

describe('where no lock can be made', () => {
  it('a file is written all the same', async () => {
    const file = path.join(directory(), 'out.srt')
    mkdirSync(lockOf(file))
    await write(file)
    expect(readFileSync(file, 'utf8')).toContain('one')
    expect(readdirSync(path.dirname(file))).toHaveLength(2)
  })

  it.skipIf(process.getuid?.() === 0)(
    'because the directory is read-only, a file is written all the same',
    async () => {
      const here = directory()
      const file = path.join(here, 'out.srt')
      writeFileSync(file, '')
      chmodSync(here, 0o500)
      try {
        await write(file)
      } finally {
        chmodSync(here, 0o700)
      }
      expect(readFileSync(file, 'utf8')).toContain('one')
    },
  )

  it('a name of the greatest length gets one all the same', async () => {
    const file = path.join(directory(), `${'ä'.repeat(125)}.srt`)
    const sink = srtSink(file)
    sink.write(makeTurn(0, 'A:one'))
    await untilFileHolds(file, 'one')
    expect(readdirSync(path.dirname(file))).toHaveLength(2)
    sink.end(makeTurn(0, 'A:two', { revision: 1 }))
    await finished(sink)
    expect(readFileSync(file, 'utf8')).toContain('two')
    expect(readdirSync(path.dirname(file))).toHaveLength(1)
  })
})
