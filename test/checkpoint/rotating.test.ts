import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Transform, Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { ObjectDestination } from '../../src/destinations/object-destination.ts'
import {
  diarize,
  fanOut,
  fileSource,
  jsonlSink,
  resample,
  rotatingSink,
  type RotatingSinkOptions,
  run,
  type RunOptions,
  srtSink,
} from '../../src/index.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { wordsIn } from '../batch/recordings.ts'
import { MemoryStore } from '../destinations/memory-store.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { wordsOf, writeTalk } from './talk.ts'

const directory = temporaryDirectories()
const words = toneScript({ seed: 22, duration: 60_000, speakers: 3, turnWords: [1, 8] })
const layout = { maxDelayMs: 10_000 }

/** Hears `talk` into parts in `folder`, as far as `until` ms of what comes. */
function hear(talk: string, folder: string, rotation: RotatingSinkOptions, options: RunOptions, until = Infinity) {
  let bytes = 0
  const gate = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      bytes += chunk.length
      if (bytes / 32 < until) done(null, chunk)
    },
  })
  const at = (ending: string): string => path.join(folder, `talk-{number}.${ending}`)
  const sinks = fanOut(
    rotatingSink(at('srt'), (file) => srtSink(file, { layout }), rotation),
    rotatingSink(at('jsonl'), (file) => jsonlSink(file), rotation),
  )
  const hearing = diarize({ engine: toneEngine(), pace: 'unpaced', voices: false })
  return run([fileSource(talk), resample(), gate, hearing, sinks], options)
}

const partsIn = (folder: string, ending: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(`.${ending}`))
    .toSorted()

const text = (folder: string, name: string): string => readFileSync(path.join(folder, name), 'utf8')

it.each([
  ['an hour of the clock', { every: 'hour', startedAt: new Date('2026-11-29T13:59:35Z') }],
  ['a time, in times of their own', { every: 8000, times: 'restart', startedAt: new Date(0) }],
  ['a size', { maxBytes: 600, startedAt: new Date(0) }],
] satisfies [string, RotatingSinkOptions][])('goes on with parts by %s', async (_kind, rotation) => {
  const [folder, whole, parts] = [directory(), directory(), directory()]
  const talk = path.join(folder, 'talk.wav')
  writeTalk(talk, words)
  await hear(talk, whole, rotation, {})
  const checkpoint = path.join(folder, 'checkpoint')
  for (const ms of [16_000, 28_000, 47_000]) {
    const controller = new AbortController()
    const before = (await readCheckpoint(checkpoint))?.nextOrder ?? 0
    const broken = hear(talk, parts, rotation, { checkpoint, signal: controller.signal }, ms)
    broken.catch(() => {})
    while (((await readCheckpoint(checkpoint))?.nextOrder ?? 0) < before + 2)
      await new Promise((resolve) => setTimeout(resolve, 2))
    controller.abort()
    await expect(broken).rejects.toMatchObject({ name: 'AbortError' })
  }
  await hear(talk, parts, rotation, { checkpoint })
  const said = words.map(({ word }) => word)
  const heardIn = (ending: string, read: (file: string) => (number | undefined)[]) =>
    partsIn(parts, ending).flatMap((name) => read(path.join(parts, name)))
  expect(heardIn('srt', wordsIn)).toEqual(said)
  expect(heardIn('jsonl', (file) => wordsOf(file).map(({ word }) => word))).toEqual(said)
  expect(partsIn(parts, 'srt').length).toBeGreaterThan(1)
  // Captions are what they are without an end; JSONL has records of the sessions of each run, which take room.
  expect(partsIn(parts, 'srt')).toEqual(partsIn(whole, 'srt'))
  for (const name of partsIn(whole, 'srt')) expect(text(parts, name)).toBe(text(whole, name))
  expect(readdirSync(parts).filter((name) => name.startsWith('.'))).toEqual([])
})

it('makes the parts again that were begun behind its checkpoint, and no other file', async () => {
  const folder = directory()
  const talk = path.join(folder, 'talk.wav')
  writeTalk(talk, words)
  const checkpoint = path.join(folder, 'checkpoint')
  const parts = directory()
  const controller = new AbortController()
  const rotation = { every: 4000, startedAt: new Date(0) } as const
  const broken = hear(talk, parts, rotation, { checkpoint, signal: controller.signal }, 40_000)
  broken.catch(() => {})
  while (((await readCheckpoint(checkpoint))?.nextOrder ?? 0) < 2)
    await new Promise((resolve) => setTimeout(resolve, 2))
  const early = readFileSync(checkpoint)
  while (partsIn(parts, 'srt').length < 6) await new Promise((resolve) => setTimeout(resolve, 2))
  controller.abort()
  await expect(broken).rejects.toMatchObject({ name: 'AbortError' })
  // As if it had been killed before the next checkpoint.
  writeFileSync(checkpoint, early)
  writeFileSync(path.join(parts, 'talk-0099.srt'), 'of somebody else')
  await hear(talk, parts, rotation, { checkpoint })
  const own = partsIn(parts, 'srt').filter((name) => !name.includes('0099'))
  expect(own.flatMap((name) => wordsIn(path.join(parts, name)))).toEqual(words.map(({ word }) => word))
  expect(own.map((name) => Number(/\d+/.exec(name)?.[0]))).toEqual(own.map((_name, index) => index + 1))
  expect(text(parts, 'talk-0099.srt')).toBe('of somebody else')
})

it('makes the parts again that were begun before its first checkpoint', async () => {
  const [folder, parts] = [directory(), directory()]
  const talk = path.join(folder, 'talk.wav')
  writeTalk(talk, words)
  const checkpoint = path.join(folder, 'checkpoint')
  const rotation = { every: 4000, startedAt: new Date(0) } as const
  const brokenOnce = async (ms: number, isFar: () => boolean): Promise<void> => {
    const controller = new AbortController()
    const broken = hear(talk, parts, rotation, { checkpoint, signal: controller.signal }, ms)
    broken.catch(() => {})
    while (!isFar()) await new Promise((resolve) => setTimeout(resolve, 2))
    controller.abort()
    await expect(broken).rejects.toMatchObject({ name: 'AbortError' })
  }
  await brokenOnce(0, () => existsSync(checkpoint))
  const early = readFileSync(checkpoint)
  await brokenOnce(40_000, () => partsIn(parts, 'srt').length > 2)
  // As if it had been killed before the next checkpoint.
  writeFileSync(checkpoint, early)
  await hear(talk, parts, rotation, { checkpoint })
  for (const ending of ['srt', 'jsonl']) expect(partsIn(parts, ending)[0]).toBe(`talk-0001.${ending}`)
  const heard = partsIn(parts, 'srt').flatMap((name) => wordsIn(path.join(parts, name)))
  expect(heard).toEqual(words.map(({ word }) => word))
})

it('refuses parts that are made by sinks of others', async () => {
  const folder = directory()
  const talk = path.join(folder, 'talk.wav')
  writeTalk(talk, words)
  const own = () => new Writable({ objectMode: true, write: (_turn, _encoding, done) => done() })
  const sink = rotatingSink(path.join(folder, 'talk-{number}.txt'), own, { every: 5000 })
  const hearing = diarize({ engine: toneEngine(), pace: 'unpaced', voices: false })
  const checkpoint = path.join(folder, 'checkpoint')
  await expect(run([fileSource(talk), resample(), hearing, sink], { checkpoint })).rejects.toMatchObject({
    code: 'INVALID_PIPELINE',
  })
})

it('refuses parts that go elsewhere than to their paths, with the first of them', async () => {
  const folder = directory()
  const talk = path.join(folder, 'talk.wav')
  writeTalk(talk, words)
  const opened: string[] = []
  const open = (file: string): NodeJS.WritableStream => {
    opened.push(file)
    return jsonlSink(new ObjectDestination(new MemoryStore(`s3://bucket/${path.basename(file)}`), {}))
  }
  const sink = rotatingSink(path.join(folder, 'talk-{number}.jsonl'), open, { every: 8000, startedAt: new Date(0) })
  const hearing = diarize({ engine: toneEngine(), pace: 'unpaced', voices: false })
  const checkpoint = path.join(folder, 'checkpoint')
  await expect(run([fileSource(talk), resample(), hearing, sink], { checkpoint })).rejects.toMatchObject({
    code: 'INVALID_PIPELINE',
    message: expect.stringMatching(
      /to its path, .*talk-0001\.jsonl, and not to s3:\/\/bucket\/talk-0001\.jsonl$/,
    ) as string,
  })
  expect(opened).toHaveLength(1)
})
