import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, rmSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Turn } from '../../src/model.ts'
import { srtSink } from '../../src/sinks/caption-sinks.ts'
import { jsonlSink } from '../../src/sinks/jsonl.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { temporaryDirectories } from './temporary.ts'

const directory = temporaryDirectories()
const root = path.resolve(import.meta.dirname, '../..')

function namedPipe(): string {
  const pipe = path.join(directory(), 'pipe.srt')
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
  return pipe
}

const turnAt = (order: number): Turn => makeTurn(order, `A:word${order}`, { start: order * 2000 })

/** A sink of which the first line waits for a reader. */
async function waiting(pipe: string) {
  const sink = jsonlSink(pipe)
  const end = finished(sink)
  end.catch(() => {})
  await new Promise((resolve) => sink.write(turnAt(0), resolve))
  return { sink, end }
}

const ordersIn = (text: string): number[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Turn & { type: string })
    .flatMap(({ type, order }) => (type === 'turn' ? order : []))

describe.skipIf(process.platform === 'win32')('a named pipe as a target', () => {
  it('gives everything to a reader that comes later, at the pace of that', async () => {
    const pipe = namedPipe()
    const { sink, end } = await waiting(pipe)
    // More than fits into a pipe.
    const rest = Array.from({ length: 5000 }, (_, index) => turnAt(index + 1))
    let given = 0
    const source = Readable.from(rest, { highWaterMark: 1 }).on('data', () => (given += 1))
    source.pipe(sink)
    const reader = createReadStream(pipe, { encoding: 'utf8', highWaterMark: 512 })
    let text = ''
    let atFirst: number | undefined
    for await (const block of reader) {
      atFirst ??= given
      text += block as string
      await nextTurn()
    }
    await end
    expect(atFirst).toBeLessThan(rest.length)
    expect(ordersIn(text)).toEqual([turnAt(0), ...rest].map(({ order }) => order))
  })

  it('tells a reader that there is nothing', async () => {
    const pipe = namedPipe()
    const reader = createReadStream(pipe, 'utf8').toArray()
    await pipeline(Readable.from([]), srtSink(pipe))
    expect(await reader).toEqual([])
  })

  it('fails when its reader goes away', async () => {
    const pipe = namedPipe()
    const { sink, end } = await waiting(pipe)
    const reader = createReadStream(pipe)
    await once(reader, 'data')
    reader.destroy()
    for (let order = 1; !sink.destroyed; order++) {
      sink.write(turnAt(order))
      await nextTurn()
    }
    await expect(end).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      target: pipe,
      message: `cannot write to ${pipe}: its reader has gone; keep its reader open until the sink has finished`,
    })
  })

  it('fails when it is taken away before anybody reads it', async () => {
    const pipe = namedPipe()
    const { sink, end } = await waiting(pipe)
    rmSync(pipe)
    sink.end()
    await expect(end).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE', target: pipe })
  })

  it.each(['nobody reads it', 'it is full'])('keeps no process from its end where %s', async (state) => {
    const pipe = namedPipe()
    const script = `
      import { createReadStream } from 'node:fs'
      import { jsonlSink, run } from 'diarize-stream'
      const file = ${JSON.stringify(pipe)}
      const turn = ${JSON.stringify(turnAt(0))}
      const isFull = ${state === 'it is full'}
      const abort = new AbortController()
      const sink = jsonlSink(file)
      let isRead = false
      async function* turns() {
        for (let order = 0; ; order++) {
          yield { ...turn, order }
          // It is being opened once the first has been taken; it is full where more is held than the sink takes at a time, and it
          // is open: a reader that nobody writes to would wait in a thread itself.
          if (isFull ? isRead && sink.writableNeedDrain : order > 0 && sink.writableLength === 0) setImmediate(() => abort.abort())
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      if (isFull) {
        createReadStream(file, { highWaterMark: 1 }).once('data', function () {
          isRead = true
          this.pause()
        })
      }
      await run(turns(), sink, { signal: abort.signal }).catch((error) => console.log(error.name))
      process.exit(3)
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const ended = once(child, 'exit')
      expect(await child.stdout.setEncoding('utf8').toArray()).toEqual(['AbortError\n'])
      expect(await ended).toEqual([3, null])
    } finally {
      child.kill('SIGKILL')
    }
  })
})
