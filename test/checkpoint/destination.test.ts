import path from 'node:path'
import { Transform } from 'node:stream'
import { expect, it } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { diarize, fileSource, jsonlSink, objectDestination, resample, run, type RunOptions } from '../../src/index.ts'
import { toneEngine, toneNumber } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { MemoryStore, textOf } from '../destinations/memory-store.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { type Line, writeTalk } from './talk.ts'

const directory = temporaryDirectories()

it('goes on with what is no file, doubles nothing, and refuses one that was cut off', async () => {
  const folder = directory()
  const words = toneScript({ seed: 12, duration: 30_000, speakers: 2, turnWords: [1, 8] })
  const talk = path.join(folder, 'talk.wav')
  writeTalk(talk, words)
  const checkpoint = path.join(folder, 'checkpoint')
  const store = new MemoryStore()
  const hear = (options: RunOptions, until = Infinity) => {
    let bytes = 0
    const gate = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        bytes += chunk.length
        if (bytes / 32 < until) done(null, chunk)
      },
    })
    const hearing = diarize({ engine: toneEngine(), pace: 'unpaced', voices: false })
    return run(fileSource(talk), resample(), gate, hearing, jsonlSink(objectDestination(store)), options)
  }
  const controller = new AbortController()
  const cut = hear({ checkpoint, signal: controller.signal }, 20_000)
  cut.catch(() => {})
  while (((await readCheckpoint(checkpoint))?.nextOrder ?? 0) < 1)
    await new Promise((resolve) => setTimeout(resolve, 5))
  const commits = store.log.filter((request) => request === 'put manifest.json').length
  // One makes it the holder, and one a checkpoint, of which there is none so soon again.
  expect(commits).toBe(2)
  controller.abort()
  await expect(cut).rejects.toMatchObject({ name: 'AbortError' })

  const { outputs } = (await readCheckpoint(checkpoint))!
  expect(Object.keys(outputs)).toEqual([store.address])
  const whole = store.objects.get('manifest.json')!
  store.objects.delete('manifest.json')
  await expect(hear({ checkpoint })).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH', difference: 'outputs' })
  store.objects.set('manifest.json', whole)

  await hear({ checkpoint })
  const output = objectDestination(store)
  expect(await output.facts()).toMatchObject({ epoch: 2, isComplete: true })
  const lines = (await textOf(output.read())).trim().split('\n')
  const turns = lines.map((line) => JSON.parse(line) as Line).filter(({ type }) => type === 'turn')
  expect(turns.map(({ order }) => order)).toEqual(turns.map((_, index) => index))
  const heard = turns.flatMap((turn) => turn.words.map(({ text }) => toneNumber(text)))
  expect(heard).toEqual(words.map(({ word }) => word))
})
