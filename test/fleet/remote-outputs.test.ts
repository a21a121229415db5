import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { ObjectDestination } from '../../src/destinations/object-destination.ts'
import { type Checkpoint, formatCheckpoint, readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { ObjectPlaces, OutputsTakeOver } from '../../src/fleet/job-outputs.ts'
import type { FleetOutput } from '../../src/fleet/jobs.ts'
import { areComplete, RemoteOutputs } from '../../src/fleet/remote-outputs.ts'
import { sinkOf } from '../../src/sinks/formats.ts'
import { MemoryStore } from '../destinations/memory-store.ts'

const never = new AbortController().signal

/** Objects by the addresses of their outputs. */
class Bucket implements ObjectPlaces {
  readonly stores = new Map<string, MemoryStore>()

  storeAt(address: string): MemoryStore {
    const store = this.stores.get(address) ?? new MemoryStore(address)
    this.stores.set(address, store)
    return store
  }

  destinationAt(address: string, epoch?: number): ObjectDestination {
    return new ObjectDestination(this.storeAt(address), epoch === undefined ? {} : { epoch })
  }

  text(address: string, name = ''): string | undefined {
    const bytes = this.storeAt(address).objects.get(name)?.bytes
    return bytes === undefined ? undefined : Buffer.from(bytes).toString()
  }
}

const jsonl = 's3://bucket/talk.jsonl'
const srt = 's3://bucket/talk.srt'
const state = 's3://bucket/.job.fleet'

function takeOverIn(bucket: Bucket): (epoch: number, more?: Partial<OutputsTakeOver>) => Promise<RemoteOutputs> {
  const given: Omit<OutputsTakeOver, 'epoch'> = {
    stream: 'job',
    outputs: [
      { format: 'srt', path: srt },
      { format: 'jsonl', path: jsonl },
    ],
    directory: 's3://bucket',
    part: 'all',
    isRecording: true,
    makeSink: ({ format }, target) => sinkOf(format, target, { recording: 'talk' }),
    signal: never,
  }
  return (epoch, more = {}) => RemoteOutputs.takeOver({ ...given, epoch, ...more }, bucket)
}

const line = (order: number): string =>
  `${JSON.stringify({
    type: 'turn',
    sessionId: 's',
    order,
    revision: 0,
    endOfTurn: true,
    formatted: true,
    transcript: `word${order}`,
    words: [{ text: `word${order}`, start: order * 3000, end: order * 3000 + 900, final: true, speaker: 'A' }],
    start: order * 3000,
    end: order * 3000 + 900,
    speaker: 'A',
  })}\n`

function checkpointOf(bytes: number): string {
  const checkpoint: Checkpoint = {
    input: { kind: 'file' },
    stages: { 'diarize()': 'a', [`jsonlSink() ${jsonl}`]: 'b' },
    outputs: { [jsonl]: { order: 1, bytes, blocks: 1, cuts: [] } },
    live: false,
    savedAt: 1,
    reachedMs: 1000,
    nextOrder: 1,
    totals: { turns: 1, speakers: ['A'], languages: {} },
    gaps: [],
    turns: [],
    voices: new Map(),
  }
  return formatCheckpoint(checkpoint)
}

/** Writes lines as the sink of a run does. */
async function write(bucket: Bucket, epoch: number, keep: number, text: string, isWhole = true): Promise<void> {
  const writer = await bucket.destinationAt(jsonl, epoch).open({ keep, signal: never })
  await writer.append(text)
  await (isWhole ? writer.complete() : writer.commit())
  await writer.close()
}

it('goes on with the checkpoint on another machine, and makes captions of the JSONL when it is whole', async () => {
  const bucket = new Bucket()
  const takeOver = takeOverIn(bucket)
  const first = await takeOver(5)
  expect(first.targets().map(({ output }) => output.format)).toEqual(['jsonl'])
  await write(bucket, 5, 0, line(0) + line(1), false)
  await first.keep(checkpointOf(line(0).length))
  await first.close()
  const second = await takeOver(6)
  expect(second.isDone).toBe(false)
  const sinks = second.targets().map(({ output, target }) => sinkOf(output.format, target, { recording: '' }))
  await second.prepare(sinks)
  for (const sink of sinks) sink.destroy()
  expect((await readCheckpoint(second.checkpoint))?.outputs).toEqual({
    [jsonl]: { order: 1, bytes: line(0).length, blocks: 1, cuts: [] },
  })
  await write(bucket, 6, line(0).length, line(2))
  expect(bucket.text(srt)).toBeUndefined()
  await second.publish()
  expect(bucket.text(srt)).toMatch(/word0[\s\S]*word2/)
  expect(bucket.text(srt)).not.toContain('word1')
  await second.remove()
  expect(await areComplete([{ format: 'srt', path: srt }], never, bucket)).toBe(true)
  await second.close()
  expect(existsSync(path.dirname(second.checkpoint))).toBe(false)
})

it('refuses whoever has a lower epoch, in all that it saves', async () => {
  const bucket = new Bucket()
  const takeOver = takeOverIn(bucket)
  const stale = await takeOver(7)
  await write(bucket, 7, 0, line(0))
  const refusal = { code: 'OUTPUT_FENCED', retryable: false }
  await expect(takeOver(7)).rejects.toMatchObject(refusal)
  await expect(takeOver(6)).rejects.toMatchObject(refusal)
  const current = await takeOver(8)
  await write(bucket, 8, 0, line(4))
  await expect(stale.keep(checkpointOf(0))).rejects.toMatchObject(refusal)
  await expect(stale.publish()).rejects.toMatchObject(refusal)
  await expect(write(bucket, 7, 0, line(1))).rejects.toMatchObject(refusal)
  expect(bucket.text(srt)).toBeUndefined()
  await current.publish()
  expect(bucket.text(srt)).toContain('word4')
  for (const outputs of [stale, current]) await outputs.close()
})

it('makes the captions that a worker was lost over, and begins anew when the stream is over', async () => {
  const bucket = new Bucket()
  const takeOver = takeOverIn(bucket)
  const first = await takeOver(1)
  await write(bucket, 1, 0, line(0))
  bucket.storeAt(srt).fault = () => 'refused'
  await expect(first.publish()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE', retryable: true })
  await first.close()
  bucket.storeAt(srt).fault = () => undefined
  const second = await takeOver(2)
  expect(second.isDone).toBe(true)
  expect(bucket.text(srt)).toContain('word0')
  await second.remove()
  await second.close()
  const third = await takeOver(3)
  expect(third.isDone).toBe(false)
  await third.close()
})

it('loses nothing where answers are lost', async () => {
  const bucket = new Bucket()
  for (const address of [state, srt]) bucket.storeAt(address).fault = () => 'lost'
  const outputs = await takeOverIn(bucket)(1)
  await outputs.keep(checkpointOf(0))
  await write(bucket, 1, 0, line(0))
  await outputs.publish()
  expect(bucket.text(srt)).toContain('word0')
  await outputs.close()
})

it('completes what was heard by one before, as far as it was certain', async () => {
  const bucket = new Bucket()
  const takeOver = takeOverIn(bucket)
  const first = await takeOver(1)
  await write(bucket, 1, 0, line(0) + line(1), false)
  await first.keep(checkpointOf(line(0).length))
  await first.close()
  const second = await takeOver(2)
  await second.publish()
  expect(bucket.text(srt)).toContain('word0')
  expect(bucket.text(srt)).not.toContain('word1')
  expect(await bucket.destinationAt(jsonl).facts()).toMatchObject({ bytes: line(0).length, isComplete: true })
  await second.close()
})

it('begins a recording anew whose checkpoint is damaged, and nothing that cannot be heard again', async () => {
  const takeOver = takeOverIn(new Bucket())
  const first = await takeOver(1)
  await first.keep('no checkpoint')
  await first.close()
  await expect(takeOver(2, { isRecording: false })).rejects.toMatchObject({ code: 'CHECKPOINT_UNREADABLE' })
  const third = await takeOver(3)
  await third.prepare([])
  expect(existsSync(third.checkpoint)).toBe(false)
  writeFileSync(third.checkpoint, 'of this run')
  await third.beginAnew()
  expect(existsSync(third.checkpoint)).toBe(false)
  await third.close()
})

it('takes the next names where something is there, and keeps them', async () => {
  const bucket = new Bucket()
  const named = (attempt: number): FleetOutput[] => [
    { format: 'srt', path: `s3://bucket/talk-${attempt}.srt` },
    { format: 'jsonl', path: `s3://bucket/talk-${attempt}.jsonl` },
  ]
  const live = { isRecording: false, outputs: named(1), otherNames: (attempt: number) => named(attempt + 1) }
  const takeOver = (epoch: number, part: string) => takeOverIn(bucket)(epoch, { ...live, part })
  const say = async (epoch: number, number: number, keep: number, text: string, isWhole: boolean): Promise<void> => {
    const { path: address } = named(number)[1]!
    const writer = await bucket.destinationAt(address, epoch).open({ keep, signal: never })
    await writer.append(text)
    await (isWhole ? writer.complete() : writer.commit())
    await writer.close()
  }
  await say(1, 1, 0, line(9), true)
  const first = await takeOver(2, '1')
  expect(first.outputs).toEqual(named(2))
  await say(2, 2, 0, line(0), false)
  await first.close()
  // Whoever goes on with the part has the same names, though there is something now; what a queue that counts anew calls it.
  const second = await takeOver(3, '7')
  expect(second.outputs).toEqual(named(2))
  await say(3, 2, line(0).length, line(1), true)
  await second.publish()
  await second.close()
  expect((await takeOver(4, '7')).outputs).toEqual(named(2))
  const third = await takeOver(5, '8')
  expect(third.outputs).toEqual(named(3))
  expect(bucket.text('s3://bucket/talk-2.srt')).toMatch(/word0[\s\S]*word1/)
  expect(bucket.text('s3://bucket/talk-1.srt')).toBeUndefined()
  await third.remove()
  await third.close()
})
