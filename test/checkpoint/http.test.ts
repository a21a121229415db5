import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { diarize, httpSource, jsonlSink, resample, run } from '../../src/index.ts'
import { httpFaultServer, toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { heldBack, wordsOf, writeTalk } from './talk.ts'

const directory = temporaryDirectories()
const words = toneScript({ seed: 5, duration: 40_000, speakers: 2, turnWords: [1, 8] })

it('goes on with a recording over HTTP, and refuses one that has changed since', async () => {
  const folder = directory()
  const talk = path.join(folder, 'talk.wav')
  writeTalk(talk, words)
  const checkpoint = path.join(folder, 'checkpoint')
  const jsonl = path.join(folder, 'talk.jsonl')
  const served = (etag: string, port = 0) => httpFaultServer(readFileSync(talk), [], { headers: { etag }, port })
  const hear = (url: string, signal?: AbortSignal) => {
    const hearing = diarize({ engine: toneEngine(), pace: 'unpaced', voices: false })
    // One that is to be aborted does not end before that, however busy the machine is.
    const held = heldBack(30_000, signal === undefined ? Promise.resolve() : new Promise(() => {}))
    return run(httpSource(url), resample(), held, hearing, jsonlSink(jsonl), { checkpoint, ...(signal && { signal }) })
  }
  let server = await served('"one"')
  const url = server.url('/talk.wav')
  const controller = new AbortController()
  const running = hear(url, controller.signal)
  while (((await readCheckpoint(checkpoint))?.nextOrder ?? 0) < 3)
    await new Promise((resolve) => setTimeout(resolve, 5))
  controller.abort()
  await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  expect((await readCheckpoint(checkpoint))?.input).toMatchObject({ kind: 'http', address: url, etag: '"one"' })
  await server.close()

  server = await served('"two"', Number(new URL(url).port))
  const before = readFileSync(checkpoint, 'utf8')
  await expect(hear(url)).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH', difference: 'input' })
  expect(readFileSync(checkpoint, 'utf8')).toBe(before)
  await server.close()

  server = await served('"one"', Number(new URL(url).port))
  await hear(url)
  expect(wordsOf(jsonl).map(({ word, start }) => ({ word, start }))).toEqual(
    words.map(({ word, start }) => ({ word, start })),
  )
  await server.close()
})
