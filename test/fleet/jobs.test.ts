import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { firstLimit, nextLimit } from '../../src/fleet/concurrency.ts'
import {
  endOfSlice,
  epochOf,
  namedOutputs,
  nextSlice,
  planFleetJobs,
  optionsAfter,
  queuedAfter,
  type QueuedJob,
  retryDelay,
  streamOf,
} from '../../src/fleet/jobs.ts'
import { checkAddOptions, resolveFleetOptions, resolveWorkOptions } from '../../src/fleet/options.ts'
import { writeRecording } from '../batch/recordings.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()

async function jobsFor(...given: Parameters<typeof planFleetJobs>): Promise<QueuedJob[]> {
  return [...(await planFleetJobs(...given))]
}

it('gives a job the hash of its input and options as its id, and outputs by a pattern', async () => {
  const folder = directory()
  for (const name of ['in/day1/talk.wav', 'in/day2/talk.wav']) writeRecording(path.join(folder, name), 1)
  const output = path.join(folder, 'out/{folder}/{name}.{format}')
  const options = { output, formats: ['srt', 'jsonl'] } as const
  const jobs = await jobsFor([path.join(folder, 'in')], options)
  expect(jobs.map(({ data }) => data.outputs.map((one) => path.relative(folder, one.path)))).toEqual([
    ['out/in/day1/talk.srt', 'out/in/day1/talk.jsonl'],
    ['out/in/day2/talk.srt', 'out/in/day2/talk.jsonl'],
  ])
  const again = await jobsFor([path.join(folder, 'in')], { ...options, labels: { a: 'b' }, priority: 3 })
  expect(again.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id))
  const others = await jobsFor([path.join(folder, 'in')], { ...options, speakers: { A: 'Alice' } })
  expect(new Set([...jobs, ...others].map(({ id }) => id)).size).toBe(4)
})

it('refuses outputs that two inputs would have, or that are inputs, and fields that it does not know', async () => {
  const folder = directory()
  for (const name of ['a/talk.wav', 'b/talk.wav']) writeRecording(path.join(folder, name), 1)
  const both = [path.join(folder, 'a'), path.join(folder, 'b')]
  const refused = (output: string, more = {}): Promise<unknown> =>
    expect(jobsFor(both, { output: path.join(folder, output), ...more })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      option: 'output',
    })
  await refused('{name}.{format}')
  await refused('{folder}/{name}.wav')
  await refused('{folder}/{name}-{number}.{format}')
  await refused('{folder}/{name}.srt', { formats: ['srt', 'vtt'] })
})

it('has outputs in S3, which are made of the JSONL', async () => {
  const folder = directory()
  writeRecording(path.join(folder, 'in/day1/talk.wav'), 1)
  writeRecording(path.join(folder, 'other.wav'), 1)
  const output = 's3://bucket/{folder}/{name}.{format}'
  const jobs = await jobsFor([path.join(folder, 'in'), path.join(folder, 'other.wav')], {
    output,
    formats: ['srt', 'jsonl'],
  })
  expect(jobs.map(({ data }) => data.outputs.map((one) => one.path))).toEqual([
    ['s3://bucket/in/day1/talk.srt', 's3://bucket/in/day1/talk.jsonl'],
    ['s3://bucket/other.srt', 's3://bucket/other.jsonl'],
  ])
  const refused = (options: Parameters<typeof planFleetJobs>[1]): Promise<unknown> =>
    expect(jobsFor([folder], options)).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'output' })
  await refused({ output, formats: ['srt'] })
  await refused({ output: 's3://b/{name}.{format}', formats: ['jsonl'] })
  await refused({ output: `s3://bucket/${'x'.repeat(900)}{name}.{format}`, formats: ['jsonl'] })
})

it('has live inputs heard in slices, each with a name and the next job', async () => {
  const folder = directory()
  const list = path.join(folder, 'list.txt')
  writeFileSync(list, 'http://host.test/talk.mp3\n')
  const output = path.join(folder, '{name}-{number}-{date}T{time}.{format}')
  const jobs = await jobsFor(['rtsp://user:secret@camera.test/hall', list], { slice: 60_000 })
  expect(jobs.map(({ priority, data }) => [priority, data.slice])).toEqual([
    [100, undefined],
    [1, { number: 1, length: 60_000 }],
  ])
  const [job] = await jobsFor(['rtsp://camera.test/hall'], { output, slice: 60_000 })
  const { id, data } = job!
  const [named] = namedOutputs(data, new Date('2026-11-29T21:07:05Z'))
  expect(path.relative(folder, named!.path)).toBe('hall-0001-2026-11-29T21-07-05.srt')
  const [other] = namedOutputs(data, new Date('2026-11-29T21:07:05Z'), 2)
  expect(path.relative(folder, other!.path)).toBe('hall-0003-2026-11-29T21-07-05.srt')
  const dated = { ...data, outputs: [{ format: 'srt', path: path.join(folder, '{date}.srt') }] } as const
  expect(path.relative(folder, namedOutputs(dated, new Date('2026-11-29'), 1)[0]!.path)).toBe('2026-11-29-2.srt')
  const next = nextSlice(id, data)
  expect(next).toMatchObject({ id: `${id}-2`, data: { slice: { number: 2 } } })
  expect(nextSlice(next.id, next.data).id).toBe(`${id}-3`)
  expect(streamOf(next.id)).toBe(id)
})

it('has what is live in a list heard as what is given itself', async () => {
  const folder = directory()
  const list = path.join(folder, 'list.txt')
  const talk = writeRecording(path.join(folder, 'talk.wav'), 1)
  writeFileSync(list, 'http://host.test/radio1\tfirst\nrtsp://camera.test/hall\nhttp://host.test/radio2\ntalk.wav\n')
  const heard = async (live: boolean): Promise<unknown> => {
    const jobs = await jobsFor([list, 'rtsp://camera.test/hall'], {
      live,
      output: path.join(folder, '{name}.{format}'),
    })
    return jobs.map(({ data }) => [data.input, path.parse(data.outputs[0]!.path).name, data.slice?.number])
  }
  expect(await heard(true)).toEqual([
    [talk, 'talk', undefined],
    ['http://host.test/radio1', 'first', 1],
    ['rtsp://camera.test/hall', 'hall', 1],
    ['http://host.test/radio2', 'radio2', 1],
  ])
  expect(await heard(false)).toEqual([
    ['http://host.test/radio1', 'first', undefined],
    ['http://host.test/radio2', 'radio2', undefined],
    [talk, 'talk', undefined],
    ['rtsp://camera.test/hall', 'hall', 1],
  ])
  writeFileSync(list, '# nothing\n')
  await expect(jobsFor([list], { live: true })).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
})

it('refuses options that are wrong', () => {
  const wrong = (check: () => unknown): void =>
    expect(check).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  wrong(() => resolveFleetOptions({ store: 'mysql://host' }))
  wrong(() => resolveFleetOptions({ store: 'redis://host', queue: 'a:b' }))
  wrong(() => resolveFleetOptions({ store: 'redis://host', namespace: 'a"b' }))
  wrong(() => checkAddOptions({ formats: ['docx'] }))
  wrong(() => checkAddOptions({ labels: { a: 1 as never } }))
  wrong(() => checkAddOptions({ hearing: { apiKey: 'secret' } as never }))
  wrong(() => checkAddOptions({ hearing: { local: { model: 'parakeet' } } }))
  wrong(() => checkAddOptions({ hearing: null as never }))
  wrong(() => checkAddOptions({ hearing: { engine: 'embedded', local: { modle: 'parakeet-v3' } as never } }))
  wrong(() => checkAddOptions({ slice: 100 }))
  wrong(() => resolveWorkOptions({ concurrency: 0 }))
  wrong(() => resolveWorkOptions({ lockTime: 10 }))
  wrong(() => resolveWorkOptions({ apiKey: ' ' }))
  expect(() => resolveFleetOptions({ store: 'redis://:secret@host', queue: 'a:b' })).not.toThrow('secret')
})

it('takes undefined for absent', () => {
  const absent = { lockTime: undefined, concurrency: undefined } as object
  expect(resolveWorkOptions(absent)).toEqual(resolveWorkOptions({}))
})

it('gives each worker of a job, and of its later slices, a higher epoch', () => {
  expect(epochOf({ timestamp: 5, attemptsStarted: 2 })).toBeGreaterThan(epochOf({ timestamp: 5, attemptsStarted: 1 }))
  expect(epochOf({ timestamp: 6, attemptsStarted: 1 })).toBeGreaterThan(epochOf({ timestamp: 5, attemptsStarted: 900 }))
  expect(Number.isSafeInteger(epochOf({ timestamp: Date.parse('2200-01-01'), attemptsStarted: 999 }))).toBe(true)
})

it('queues what follows a job with higher epochs, by whatever clock', () => {
  const many = { timestamp: Date.now() + 86_400_000, attemptsStarted: 5000 }
  expect(epochOf({ timestamp: queuedAfter(many), attemptsStarted: 1 })).toBeGreaterThan(epochOf(many))
  const now = Date.now()
  expect(queuedAfter({ timestamp: 5, attemptsStarted: 1 })).toBeGreaterThanOrEqual(now)
  expect(endOfSlice(Date.now() + 86_400_000, 60_000)).toBe(60_000)
})

it('waits longer before each attempt, up to five minutes', () => {
  expect([1, 2, 3, 100].map(retryDelay)).toEqual([2000, 4000, 8000, 300_000])
})

it('takes more jobs while the processors have time, and fewer where they have none', () => {
  const load = { limit: 8, active: 8, processors: 0.5, thread: 0.1 }
  expect(nextLimit(load)).toBe(10)
  expect(nextLimit({ ...load, active: 5 })).toBe(8)
  expect(nextLimit({ ...load, processors: 0.8 })).toBe(8)
  expect(nextLimit({ ...load, processors: 0.95 })).toBe(7)
  expect(nextLimit({ ...load, thread: 0.9 })).toBe(7)
  expect(nextLimit({ ...load, limit: 1, active: 1, processors: 1 })).toBe(1)
  expect(nextLimit({ ...load, limit: 100, active: 100 })).toBe(100)
  expect([firstLimit(false, 8), firstLimit(true, 8), firstLimit(true, 1)]).toEqual([8, 4, 1])
})

it('gives what follows a job a time only where its own clock is behind', () => {
  const timestamp = Date.now()
  const opts = { attempts: 3, timestamp: timestamp - 60_000 }
  expect(optionsAfter({ timestamp: timestamp - 60_000, attemptsStarted: 2, opts })).toEqual({ attempts: 3 })
  const ahead = { timestamp: timestamp + 60_000, attemptsStarted: 2, opts }
  expect(optionsAfter(ahead)).toEqual({ attempts: 3, timestamp: timestamp + 60_001 })
})
