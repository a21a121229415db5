import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { InputError } from '../../src/errors.ts'
import { fileInput } from '../../src/ffmpeg/arguments.ts'
import { startAhead } from '../../src/stage.ts'
import { childStarted, closed, noChildLeft } from '../helpers/processes.ts'
import { drain, stream, useWorkbench } from './workbench.ts'

const bench = useWorkbench()

describe('never a success for a failure', () => {
  it.each([
    ['exits with 0 and writes nothing', '', 'NO_AUDIO'],
    ['exits with 0 after a bare header', 'write(1, nut(0))', 'NO_AUDIO'],
    ['exits with 3 and writes nothing', 'process.exitCode = 3', 'FFMPEG_FAILED'],
    ['exits with 3 after audio', 'write(1, nut(9000)); process.exitCode = 3', 'FFMPEG_FAILED'],
    ['kills itself after audio', "write(1, nut(9000)); process.kill(process.pid, 'SIGKILL')", 'FFMPEG_FAILED'],
    ['is stopped by another', "write(1, nut(9000)); process.kill(process.pid, 'SIGTERM')", 'FFMPEG_FAILED'],
  ])('FFmpeg that %s', async (_what, body, code) => {
    const ffmpegPath = await bench.fake(body)
    await expect(pipeline(bench.source({ ffmpegPath }), drain())).rejects.toMatchObject({ code })
    const read = stream({ ffmpegPath })
    await expect(pipeline(Readable.from([Buffer.alloc(100_000)]), read, drain())).rejects.toMatchObject({ code })
  })

  it.each([
    ['exits with 3', 'process.exitCode = 3', 'FFMPEG_FAILED'],
    ['is not there', undefined, 'FFMPEG_NOT_FOUND'],
  ])('FFmpeg that was started ahead and %s, told once somebody reads', async (_what, body, code) => {
    const ffmpegPath = body === undefined ? '/does/not/exist' : await bench.fake(body)
    const ahead = bench.source({ ffmpegPath })
    void ahead[startAhead]({ sampleRate: 16_000, channels: 1, encoding: 's16le' })
    if (body !== undefined) await childStarted()
    await noChildLeft()
    expect(ahead.errored).toBeNull()
    await expect(buffer(ahead)).rejects.toMatchObject({ code })
  })

  it('tells a reader with for await', async () => {
    const ffmpegPath = await bench.fake('write(1, nut(9000)); process.exitCode = 3')
    const through = Readable.from([Buffer.alloc(1000)]).pipe(stream({ ffmpegPath }))
    let length = 0
    const read = async (): Promise<void> => {
      for await (const chunk of through) length += (chunk as Buffer).length
    }
    await expect(read()).rejects.toMatchObject({ code: 'FFMPEG_FAILED', exitCode: 3 })
    expect(length).toBeGreaterThan(0)
  })

  it('tells whoever only writes', async () => {
    const ffmpegPath = await bench.fake('process.exitCode = 3')
    const written = pipeline(Readable.from([Buffer.alloc(1000)]), stream({ ffmpegPath }))
    await expect(written).rejects.toMatchObject({ code: 'FFMPEG_FAILED' })
  })

  it('FFmpeg that could not read its file to the end, and exits with 0', async () => {
    const ffmpegPath = await bench.fake(`
      write(1, nut(9000))
      write(2, Buffer.from('[error] file:/x/talk.mkv: Input/output error\\n'))`)
    const read = pipeline(bench.source({ ffmpegPath }), drain())
    await expect(read).rejects.toMatchObject({ code: 'FFMPEG_FAILED', exitCode: 0, retryable: true })
  })

  it('FFmpeg that finds its file gone when it begins anew', async () => {
    const ffmpegPath = await bench.fake(`
      if (process.argv.join().includes('asetnsamples')) {
        write(1, nut(30_000))
        write(1, frame(Buffer.alloc(2000), 16_000))
        write(1, frame(Buffer.alloc(2000), 16_000))
      } else {
        write(2, Buffer.from('[error] file:/x/talk.mkv: No such file or directory\\n'))
        process.exitCode = 1
      }`)
    const read = pipeline(bench.source({ ffmpegPath, input: fileInput('/x/talk.mkv', true, true) }), drain())
    await expect(read).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND', exitCode: 1 })
  })

  it.each([
    ['SIGKILL', 'more memory'],
    ['SIGSEGV', 'another FFmpeg'],
  ])('says what helps against an end by %s', async (signal, advice) => {
    const ffmpegPath = await bench.fake(`process.kill(process.pid, '${signal}')`)
    await expect(buffer(bench.source({ ffmpegPath }))).rejects.toMatchObject({
      signal,
      message: expect.stringContaining(advice) as string,
    })
  })

  it('carries what FFmpeg said, without passwords', async () => {
    const ffmpegPath = await bench.fake(`
      write(2, Buffer.from('[error] rtsp://user:geheim@camera/1: Connection refused'))
      process.exitCode = 1`)
    const failure: unknown = await buffer(bench.source({ ffmpegPath })).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'FFMPEG_FAILED', exitCode: 1, signal: null })
    expect(String(failure)).toContain('Connection refused')
    expect(JSON.stringify(failure) + String(failure)).not.toContain('geheim')
  })

  it('notices the killing of a real FFmpeg midway', async () => {
    const from = bench.source()
    const failed = once(from, 'error')
    from.resume()
    await once(from, 'data')
    from.pause()
    process.kill((await childStarted()).pid, 'SIGKILL')
    from.resume()
    const [error] = (await failed) as [unknown]
    expect(error).toMatchObject({ code: 'FFMPEG_FAILED', signal: 'SIGKILL', retryable: true })
  })

  it('says when there is no such program', async () => {
    const ffmpegPath = join(bench.directory, 'absent')
    await expect(buffer(bench.source({ ffmpegPath }))).rejects.toMatchObject({ code: 'FFMPEG_NOT_FOUND' })
    const through = stream({ ffmpegPath })
    const written = pipeline(Readable.from([Buffer.alloc(100_000)]), through, drain())
    await expect(written).rejects.toMatchObject({ code: 'FFMPEG_NOT_FOUND' })
  })

  it('says when the program cannot be run', async () => {
    const ffmpegPath = join(bench.directory, 'broken')
    await writeFile(ffmpegPath, '#!/no/such/interpreter\n', { mode: 0o755 })
    await expect(buffer(bench.source({ ffmpegPath }))).rejects.toMatchObject({ code: 'FFMPEG_NOT_FOUND' })
  })

  it('calls back every write of a stream whose program is missing', async () => {
    const through = stream({ ffmpegPath: join(bench.directory, 'absent') })
    through.on('error', () => {})
    await new Promise<void>((resolve) => {
      through.write(Buffer.alloc(100), () => resolve())
    })
    expect(through.destroyed).toBe(true)
  })

  it('takes an input of no bytes for an error, without starting FFmpeg', async () => {
    const ran = join(bench.directory, 'ran')
    const ffmpegPath = await bench.fake(`fs.writeFileSync(${JSON.stringify(ran)}, '')`)
    const written = pipeline(Readable.from([]), stream({ ffmpegPath }), drain())
    await expect(written).rejects.toMatchObject({ name: 'InputError', code: 'NO_AUDIO' })
    await expect(readFile(ran)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('a refusal', () => {
  const refusal = new InputError('INPUT_NOT_FOUND', 'no such file')

  it('is the error of the stream, and FFmpeg is not even looked for', async () => {
    const from = stream({ refusal, ffmpegPath: join(bench.directory, 'absent') })
    await expect(pipeline(from, drain())).rejects.toBe(refusal)
  })

  it('waits for somebody who listens', async () => {
    const from = stream({ refusal })
    await nextTurn()
    await nextTurn()
    await expect(buffer(from)).rejects.toBe(refusal)
  })

  it('is not lost on a stream that has a signal', async () => {
    const from = stream({ refusal, signal: new AbortController().signal })
    await nextTurn()
    await nextTurn()
    await expect(pipeline(from, drain())).rejects.toBe(refusal)
  })

  it('gives way to destroy', async () => {
    const from = stream({ refusal })
    from.destroy()
    await closed(from)
    expect(from.errored).toBeNull()
  })
})
