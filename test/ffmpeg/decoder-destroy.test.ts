import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { PassThrough, Writable } from 'node:stream'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Warning } from '../../src/errors.ts'
import { endEarly } from '../../src/stage.ts'
import { ffmpeg } from '../helpers/media.ts'
import { childProcesses, closed } from '../helpers/processes.ts'
import { drain, stream, useWorkbench } from './workbench.ts'

const bench = useWorkbench()

describe('destroy and abort', () => {
  it('starts nothing if destroyed before anybody reads', async () => {
    const from = bench.source()
    from.destroy()
    await closed(from)
    expect(childProcesses()).toEqual([])
  })

  it('closes only after the process is gone', async () => {
    const from = bench.source()
    await once(from, 'readable')
    expect(childProcesses()).toHaveLength(1)
    from.destroy()
    await closed(from)
    expect(childProcesses()).toEqual([])
  })

  it('kills a process that ignores the polite signal', async () => {
    const ffmpegPath = await bench.fake(`
      process.on('SIGTERM', () => {})
      process.stdout.on('error', () => {})
      write(1, nut(100))
      setInterval(() => {}, 1000)`)
    const stubborn = bench.source({ ffmpegPath })
    await once(stubborn, 'readable')
    stubborn.destroy()
    await closed(stubborn)
    expect(childProcesses()).toEqual([])
  })

  it('closes also if a process of the process keeps the pipes open', async () => {
    const marker = `helper-${process.pid}`
    const ffmpegPath = await bench.fake(`
      const script = 'setTimeout(() => {}, 30000)'
      const { pid } = require('node:child_process').spawn(process.execPath, ['-e', script, '${marker}'], { stdio: 'inherit' })
      write(2, Buffer.from('[error] ' + pid + '\\n'))
      write(1, nut(100))
      setInterval(() => {}, 1000)`)
    const from = bench.source({ ffmpegPath })
    const [warning] = (await Promise.all([once(from, 'warning'), once(from, 'readable')]))[0] as [Warning]
    from.destroy()
    await closed(from)
    expect(childProcesses()).toEqual([])
    process.kill(Number(String(warning['line']).replace('[error] ', '')), 'SIGKILL')
  })

  it.each(['before', 'at once', 'midway'])('aborts by signal %s', async (when) => {
    const controller = new AbortController()
    const reason = new Error('enough')
    if (when === 'before') controller.abort(reason)
    const from = bench.source({ signal: controller.signal })
    const never = new Writable({
      highWaterMark: 3200,
      write: () => {
        if (when === 'midway') controller.abort(reason)
      },
    })
    const done = pipeline(from, never)
    if (when === 'at once') controller.abort(reason)
    await expect(done).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: reason })
    await closed(from)
    expect(childProcesses()).toEqual([])
  })

  it('aborts while it waits for the first bytes', async () => {
    const controller = new AbortController()
    const through = stream({ signal: controller.signal })
    const done = pipeline(new PassThrough(), through, drain())
    await nextTurn()
    controller.abort()
    await expect(done).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('ends when the stage below ends early', async () => {
    const from = bench.source()
    const refusing = new Writable({ write: (_chunk, _encoding, callback) => callback(new Error('disk full')) })
    await expect(pipeline(from, refusing)).rejects.toThrow('disk full')
    await closed(from)
    expect(childProcesses()).toEqual([])
  })

  it('ends when the reader leaves its loop', async () => {
    const from = bench.source()
    for await (const chunk of from) {
      expect((chunk as Buffer).length).toBeGreaterThan(44)
      break
    }
    await closed(from)
    expect(childProcesses()).toEqual([])
  })

  it('ends when the stage above fails', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield await readFile(bench.media.wav)
      throw new Error('connection reset')
    }
    const through = stream()
    await expect(pipeline(failing, through, drain())).rejects.toThrow('connection reset')
    await closed(through)
    expect(childProcesses()).toEqual([])
  })

  it('ends early where the sound goes on in another codec', async () => {
    const parts = ['mp2', 'aac'].map(async (codec) => {
      const file = join(bench.directory, `${codec}.ts`)
      await ffmpeg('-f', 'lavfi', '-i', 'sine=r=48000:d=2', '-c:a', codec, '-f', 'mpegts', file)
      return readFile(file)
    })
    const through = stream()
    // The first audio comes when all bytes of the first have been given, and those of the other wait.
    through.once('data', () => through[endEarly]())
    through.end(Buffer.concat(await Promise.all(parts)))
    await closed(through)
    expect([through.errored, childProcesses()]).toEqual([null, []])
  })
})
