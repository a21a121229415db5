import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { constants, createWriteStream } from 'node:fs'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Warning } from '../../src/errors.ts'
import { fileSource } from '../../src/sources/file.ts'
import { readNamedPipe } from '../../src/sources/named-pipe.ts'
import { createMedia, type Media } from '../helpers/media.ts'
import { closed, noChildLeft } from '../helpers/processes.ts'
import { shapeOf } from '../helpers/wav-shape.ts'

let media: Media
let folder: string
beforeAll(async () => {
  media = await createMedia()
  folder = await mkdtemp(join(tmpdir(), 'diarize-stream-pipe-'))
})
afterAll(async () => {
  await media.remove()
  await rm(folder, { recursive: true, force: true })
})
afterEach(() => noChildLeft())

let count = 0
function namedPipe(): string {
  const pipe = join(folder, `pipe${count++}`)
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
  return pipe
}

const write = (pipe: string, bytes: Buffer): Promise<void> =>
  pipeline(Readable.from([bytes.subarray(0, 50), bytes.subarray(50)]), createWriteStream(pipe))

/** Rejects with ENXIO where nobody reads. */
const openToWrite = (pipe: string) => open(pipe, constants.O_WRONLY | constants.O_NONBLOCK)

describe.skipIf(process.platform === 'win32')('a named pipe', () => {
  it('is read as bytes are: what is wrong in them is put right, and said', async () => {
    const pipe = namedPipe()
    const wav = await readFile(media.wav)
    const data = wav.indexOf('data')
    wav.writeUInt32LE(44_100, data + 4)
    wav.writeUInt32LE(44_100 + data, 4)
    const source = fileSource(pipe)
    const warnings: Warning[] = []
    source.on('warning', (warning) => warnings.push(warning))
    const [bytes] = await Promise.all([buffer(source), write(pipe, wav)])
    expect(shapeOf(bytes).samples).toBe(88_200)
    expect(warnings.map(({ code }) => code)).toEqual(['WAV_SIZE_WRONG'])
  })

  it('may hold an MP4 with its index last', async () => {
    const pipe = namedPipe()
    const [bytes] = await Promise.all([buffer(fileSource(pipe)), write(pipe, await readFile(media.m4a))])
    expect(shapeOf(bytes).samples).toBeGreaterThanOrEqual(88_200)
  })

  it('to which nobody writes is left at once', async () => {
    const pipe = namedPipe()
    const leaving = new AbortController()
    const source = fileSource(pipe, { signal: leaving.signal })
    source.on('error', () => {})
    source.resume()
    leaving.abort()
    await closed(source)
    await expect(openToWrite(pipe)).rejects.toMatchObject({ code: 'ENXIO' })
  })

  it.each([true, false])(
    'is waited for until somebody writes, whatever the system says of it: %s',
    async (isSilent) => {
      // Others than Linux say that it has ended.
      if (isSilent && process.platform !== 'linux') return
      const pipe = namedPipe()
      const { signal } = new AbortController()
      const opened = readNamedPipe(pipe, signal, isSilent)
      // With a writer that is there already, and has not written yet.
      const writer = isSilent ? undefined : await openWhenRead(pipe)
      // As much as fits into a pipe, where the writer does not wait.
      const sent = Buffer.alloc(isSilent ? 200_000 : 60_000, 'abc')
      const [bytes] = await Promise.all([
        opened.then(buffer),
        writer === undefined ? write(pipe, sent) : writer.writeFile(sent).then(() => writer.close()),
      ])
      expect(bytes.equals(sent)).toBe(true)
    },
  )

  it('leaves nothing open when its bytes are left', async () => {
    const pipe = namedPipe()
    const bytes = await readNamedPipe(pipe, new AbortController().signal, true)
    bytes.destroy()
    await once(bytes, 'close')
    await expect(openToWrite(pipe)).rejects.toMatchObject({ code: 'ENXIO' })
  })

  it('leaves nothing open when it is left while it is looked at', async () => {
    const pipe = namedPipe()
    const leaving = new AbortController()
    const opened = readNamedPipe(pipe, leaving.signal, false)
    leaving.abort()
    await expect(opened).rejects.toMatchObject({ name: 'AbortError' })
    await expect(openToWrite(pipe)).rejects.toMatchObject({ code: 'ENXIO' })
  })

  it('that does not exist any more is an error', async () => {
    const pipe = namedPipe()
    const source = fileSource(pipe)
    await rm(pipe)
    await expect(buffer(source)).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
  })
})

/** A writer of a pipe, as soon as somebody reads that. */
async function openWhenRead(pipe: string) {
  for (;;) {
    try {
      return await openToWrite(pipe)
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENXIO') throw error
    }
  }
}
