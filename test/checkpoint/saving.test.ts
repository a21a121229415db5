import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { expect, it, vi } from 'vitest'
import { diarize, fileSource, jsonlSink, resample, run } from '../../src/index.ts'
import { beside } from '../../src/sinks/file-lock.ts'
import { replaceFile } from '../../src/sinks/private-file.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { heldBack, writeTalk } from './talk.ts'

vi.mock('../../src/sinks/private-file.ts', async (original) => {
  const file = await original<typeof import('../../src/sinks/private-file.ts')>()
  return { ...file, replaceFile: vi.fn<typeof file.replaceFile>(file.replaceFile) }
})

const directory = temporaryDirectories()
const words = toneScript({ seed: 9, duration: 40_000, speakers: 2, turnWords: [1, 4] })

it('leaves the checkpoint to others only once what is being saved is there', async () => {
  const folder = directory()
  const talk = path.join(folder, 'talk.wav')
  writeTalk(talk, words)
  const checkpoint = path.join(folder, 'checkpoint')
  const controller = new AbortController()
  const sink = jsonlSink(path.join(folder, 'talk.jsonl'))
  const closed = new Promise((resolve) => sink.once('close', resolve))
  let isLocked: boolean | undefined
  const save = vi.mocked(replaceFile).getMockImplementation()!
  // The first is made before there is any audio.
  vi.mocked(replaceFile)
    .mockImplementationOnce(save)
    .mockImplementationOnce(async (file, text) => {
      controller.abort()
      await closed
      // The disk takes longer than it took all else to end.
      for (let count = 0; count < 50; count++) await stat(talk)
      await save(file, text)
      isLocked = existsSync(beside(checkpoint, 'lock'))
    })
  const hearing = diarize({ engine: toneEngine(), pace: 'unpaced', voices: false })
  const held = heldBack(30_000, new Promise(() => {}))
  const options = { checkpoint, signal: controller.signal }
  const running = run(fileSource(talk), resample(), held, hearing, sink, options)
  await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  expect(isLocked).toBe(true)
  expect(existsSync(beside(checkpoint, 'lock'))).toBe(false)
})
