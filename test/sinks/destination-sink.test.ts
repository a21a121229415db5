import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { jsonlSink, jsonlSource, objectDestination, run, srtSink, type Turn } from '../../src/index.ts'
import { MemoryStore, textOf } from '../destinations/memory-store.ts'
import { temporaryDirectories } from './temporary.ts'

const directory = temporaryDirectories()

function turn(order: number, text: string, revision = 0): Turn {
  const start = order * 2000
  const words = [{ text, start, end: start + 500, speaker: 'A', final: true }]
  return {
    sessionId: 's',
    order,
    revision,
    endOfTurn: true,
    formatted: true,
    transcript: text,
    speaker: 'A',
    words,
    start,
    end: start + 500,
  }
}

it('writes JSONL to a destination, and makes captions of it, revisions applied', async () => {
  const store = new MemoryStore()
  const turns = [turn(0, 'one'), turn(1, 'two'), turn(0, 'won', 1), turn(2, 'three')]
  await run(Readable.from(turns), jsonlSink(objectDestination(store)))
  const output = objectDestination(store)
  const lines = (await textOf(output.read())).trim().split('\n')
  const records = lines.map((line) => JSON.parse(line) as Turn & { type: string })
  expect(records.slice(0, -1).map(({ transcript }) => transcript)).toEqual(['one', 'two', 'won', 'three'])
  expect(records.at(-1)).toMatchObject({ type: 'summary', certainty: { words: 3 } })
  expect(await output.facts()).toMatchObject({ isComplete: true, epoch: 1 })
  const file = path.join(directory(), 'talk.srt')
  await run(jsonlSource(output), srtSink(file))
  expect(
    readFileSync(file, 'utf8')
      .match(/Speaker A: \w+|^(?:won|two|three)$/gm)
      ?.join(' '),
  ).toContain('won')
  expect(readFileSync(file, 'utf8')).not.toContain('one\n')
})

it('commits what it was given when it fails, and says nothing is complete', async () => {
  const store = new MemoryStore()
  const sink = jsonlSink(objectDestination(store))
  const source = Readable.from(
    (async function* () {
      yield turn(0, 'one')
      await new Promise((resolve) => setImmediate(resolve))
      throw new Error('the source broke')
    })(),
  )
  await expect(run(source, sink)).rejects.toThrow('the source broke')
  const output = objectDestination(store)
  expect(await textOf(output.read())).toContain('"transcript":"one"')
  expect(await output.facts()).toMatchObject({ isComplete: false })
})

it('fails when another writer has taken the output over', async () => {
  const store = new MemoryStore()
  const sink = jsonlSink(objectDestination(store, { epoch: 1 }))
  const { signal } = new AbortController()
  const source = Readable.from(
    (async function* () {
      yield turn(0, 'one')
      await new Promise((resolve) => setImmediate(resolve))
      await objectDestination(store, { epoch: 2 }).open({ keep: 0, signal })
      yield turn(1, 'two')
    })(),
  )
  await expect(run(source, sink)).rejects.toMatchObject({ code: 'OUTPUT_FENCED', epoch: 1, currentEpoch: 2 })
  expect(await textOf(objectDestination(store).read())).toBe('')
})

it('is for JSONL, of which captions are made', () => {
  expect(() => srtSink(objectDestination(new MemoryStore()))).toThrow(/only jsonlSink\(\) writes/)
})
