import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { decode, fileSource, httpSource, resample, run, type Stage } from 'diarize-stream'
import { httpFaultServer, type HttpFaultServer } from 'diarize-stream/testing'
import { noChildLeft } from '../helpers/processes.ts'
import { inFull } from '../helpers/runs.ts'
import { hostileInputs } from './hostile-inputs.ts'

const inputs = hostileInputs()
let folder: string
let server: HttpFaultServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diarize-stream-hostile-'))
  // What a hostile input would like to have read.
  await writeFile(join(folder, 'neighbour.wav'), inputs.find(({ name }) => name === 'a WAV of 8 channels')?.bytes ?? '')
  server = await httpFaultServer((path) => inputs[Number(path.slice(1))]?.bytes)
})
afterEach(() => noChildLeft())
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

/** Milliseconds of audio that a source gives, or the code of its error. */
async function outcomeOf(source: Readable, ...stages: Stage[]): Promise<number | string> {
  let bytes = 0
  const sink = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      bytes += chunk.length
      callback()
    },
  })
  try {
    await run(source, ...stages, resample(), sink)
    return bytes / 32
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

/** Whether an outcome is among those that are right. */
function isRight(actual: number | string, outcome: readonly [number, number] | string): boolean {
  if (typeof outcome !== 'string') return typeof actual === 'number' && actual >= outcome[0] && actual <= outcome[1]
  return outcome.split('|').some((one) => {
    const [, least, most] = /^(\d+)-(\d+)$/.exec(one) ?? []
    if (least === undefined) return one === actual
    return typeof actual === 'number' && actual >= Number(least) && actual <= Number(most)
  })
}

describe.each(inputs.map((input, index) => ({ ...input, index })))('$name', ({ bytes, outcome, index }) => {
  it('ends in the right audio or one error, from a file, a pipe and a server', async () => {
    const path = join(folder, `${index}.mp4`)
    await writeFile(path, bytes)
    const actual = [await outcomeOf(fileSource(path))]
    // What is decoded is the same then: one of four will do.
    if (inFull || index % 4 === 0) {
      actual.push(
        await outcomeOf(Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: false }), decode()),
        await outcomeOf(httpSource(server.url(`/${index}`), { retries: 0 })),
      )
    }
    expect(actual.filter((one) => !isRight(one, outcome))).toEqual([])
  })
})

describe('names', () => {
  it.each(['-i', '--help', 'a b', "it's", 'say "hi"', '%03d', 'a:b', 'new\nline', 'a|b', '$(id)', 'ü 話'])(
    'mean nothing but themselves: %j',
    async (name) => {
      const path = join(folder, name)
      await copyFile(join(folder, 'neighbour.wav'), path)
      expect(await outcomeOf(fileSource(path))).toBe(1000)
    },
  )
})
