import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { expect, it } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { type FleetJob, nextSlice, planFleetJobs } from '../../src/fleet/jobs.ts'
import { type JobOutcome, type JobRun, runJob } from '../../src/fleet/run-job.ts'
import { serve } from '../../src/server/index.ts'
import { toneAudio, toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { faultsOfRadio, station } from '../checkpoint/killing.ts'
import { linesOf, wordsOf } from '../checkpoint/talk.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()

/** Runs a job of a live input until some words have come, or the signals fire that it is given. */
async function runFor(
  words: number,
  end: 'stop' | 'abort',
  { id, data }: { id: string; data: FleetJob },
  epoch: number,
  more: Partial<JobRun> = {},
): Promise<JobOutcome> {
  const [abort, stop] = [new AbortController(), new AbortController()]
  let heard = 0
  return runJob(data, {
    id,
    epoch,
    queuedAt: new Date(epoch),
    signal: abort.signal,
    stop: stop.signal,
    apiKey: 'any-key',
    admission: () => Promise.resolve(),
    onBegin: () => {},
    onProgress: () => {},
    onWords: (count, endMs) => {
      heard += count
      if (heard < words) return
      if (end === 'stop') stop.abort()
      else void certain(id, data, epoch, endMs).then(() => abort.abort())
    },
    ...more,
  })
}

/** Resolves when the words up to `endMs` are in a checkpoint. */
async function certain(id: string, { outputs }: FleetJob, epoch: number, endMs: number): Promise<void> {
  const file = path.join(path.dirname(outputs[0]!.path), `.${id}.fleet`, String(epoch), 'checkpoint')
  const end = (turn: string): number => (JSON.parse(turn) as { end: number }).end
  const hasAll = async (): Promise<boolean> =>
    (await readCheckpoint(file))?.turns.some((turn) => end(turn) >= endMs) === true
  await expect.poll(hasAll, { timeout: 20_000 }).toBe(true)
}

it('goes on with a live input from slice to slice, and loses no word of a slice that is heard no more', async () => {
  const folder = directory()
  const said = toneScript({ seed: 4, duration: 60_000, speakers: 2, turnWords: [1, 3], turnGap: [700, 900] })
  const radio = await station(said)
  await using server = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
  const [job] = await planFleetJobs([{ input: radio.url, name: 'radio' }], {
    output: path.join(folder, '{name}-{number}.{format}'),
    formats: ['jsonl', 'vtt'],
    live: true,
    hearing: { url: server.url, voices: false },
  })
  const at = (number: number, ending = 'jsonl'): string => path.join(folder, `radio-000${number}.${ending}`)
  // The first worker is lost in the middle of slice 1; the second has no time left to hear anything of it.
  await expect(runFor(2, 'abort', job!, 1)).rejects.toMatchObject({ name: 'AbortError' })
  expect(existsSync(at(1))).toBe(false)
  const second = await runFor(Infinity, 'stop', job!, 2, { stop: AbortSignal.abort() })
  expect(second).toEqual({ status: 'stopped', files: [at(1), at(1, 'vtt')] })
  const first = wordsOf(at(1))
  expect(first.length).toBeGreaterThanOrEqual(2)
  // Slice 2 has files of its own, with times and orders that go on, and says what was missed.
  const next = nextSlice(job!.id, job!.data)
  const third = await runFor(2, 'stop', next, 3)
  expect(third).toMatchObject({ status: 'stopped', files: [at(2), at(2, 'vtt')] })
  expect(readFileSync(at(2, 'vtt'), 'utf8')).toMatch(/^WEBVTT\n/)
  const lines = [...linesOf(at(1)), ...linesOf(at(2))]
  const orders = lines.flatMap(({ type, order, revision }) => (type === 'turn' && revision === 0 ? [order] : []))
  expect(orders).toEqual(orders.map((_order, index) => index))
  const words = [...first, ...wordsOf(at(2))]
  expect(words.map(({ word }) => word)).toEqual(words.map(({ word }) => word).toSorted((a, b) => a! - b!))
  expect(linesOf(at(2)).filter(({ type }) => type === 'gap')).toHaveLength(1)
  expect(words.map(({ start }) => start)).toEqual(words.map(({ start }) => start).toSorted((a, b) => a - b))
  // Who comes too late is refused.
  await expect(runFor(2, 'stop', job!, 2)).rejects.toMatchObject({ code: 'OUTPUT_FENCED' })
  await radio.close()
})

it('goes on with a live input whose server does not say that it is a station', async () => {
  const folder = directory()
  const said = toneScript({ seed: 4, duration: 60_000, speakers: 2, turnWords: [1, 3], turnGap: [700, 900] })
  const radio = await station(said, {})
  await using server = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
  const at = (ending: string): string => path.join(folder, `radio.${ending}`)
  const [job] = await planFleetJobs([{ input: radio.url, name: 'radio' }], {
    output: at('{format}'),
    formats: ['jsonl', 'srt'],
    live: true,
    hearing: { url: server.url, voices: false },
  })
  await runFor(3, 'stop', job!, 1)
  const second = nextSlice(job!.id, job!.data)
  await runFor(3, 'stop', second, 2)
  await radio.close()
  const place = (ending: string): string => path.join(folder, `.${job!.id}.fleet`, '2', `all.${ending}`)
  expect(wordsOf(place('jsonl')).length).toBeGreaterThanOrEqual(6)
  const { faults, gaps } = faultsOfRadio(place, said)
  expect(faults).toEqual([])
  expect(gaps).toHaveLength(1)
})

it('names no files of a slice that made none, or that go on in the next', async () => {
  const folder = directory()
  const radio = await station(toneScript({ seed: 4, duration: 60_000, speakers: 2, turnWords: [1, 3] }))
  await using server = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
  for (const [name, words] of [
    ['{name}-{number}.{format}', Infinity],
    ['{name}.{format}', 1],
  ] as const) {
    const [job] = await planFleetJobs([{ input: radio.url, name: 'radio' }], {
      output: path.join(folder, name),
      live: true,
      hearing: { url: server.url, voices: false },
    })
    const more = words === Infinity ? { stop: AbortSignal.abort() } : {}
    expect(await runFor(words, 'stop', job!, 1, more)).toMatchObject({ status: 'stopped', files: [] })
  }
  await radio.close()
})

it('hears a word of which the second half came late', async () => {
  const folder = directory()
  const said = toneScript({ seed: 1, duration: 14_000, speakers: 1, turnWords: [4, 6] })
  const pcm = toneAudio(said)
  // FFmpeg hands on 4096 bytes at a time, and nothing of the first seconds before it has them.
  const isWithin = (bytes: number) => said.some(({ start }) => bytes / 32 > start + 60 && bytes / 32 < start + 180)
  const middle = Array.from({ length: 40 }, (_, index) => (60 + index) * 4096).find(isWithin)!
  const late = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'audio/wav', 'icy-name': 'Test' })
    response.write(writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }))
    response.write(pcm.subarray(0, middle))
    // Longer than what is taken for a pause of who speaks.
    setTimeout(() => response.write(pcm.subarray(middle)), 3000)
  }).listen(0, '127.0.0.1')
  await once(late, 'listening')
  await using server = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
  const address = `http://127.0.0.1:${(late.address() as AddressInfo).port}/radio`
  const [job] = await planFleetJobs([{ input: address, name: 'radio' }], {
    output: path.join(folder, '{name}.{format}'),
    formats: ['jsonl'],
    live: true,
    hearing: { url: server.url, voices: false },
  })
  await runFor(said.length - 1, 'stop', job!, 1)
  const heard = wordsOf(path.join(folder, 'radio.jsonl.part')).map(({ word }) => word)
  expect(heard).toEqual(said.slice(0, heard.length).map(({ word }) => word))
  late.closeAllConnections()
  late.close()
})

it('says that another has the job where that has taken away what was written to', async () => {
  const folder = directory()
  const radio = await station(toneScript({ seed: 4, duration: 60_000, speakers: 2, turnWords: [1, 3] }))
  await using server = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
  const [job] = await planFleetJobs([{ input: radio.url, name: 'radio' }], {
    output: path.join(folder, '{name}.{format}'),
    formats: ['jsonl'],
    live: true,
    hearing: { url: server.url, voices: false },
  })
  let hears = (): void => {}
  const heard = new Promise<void>((resolve) => (hears = resolve))
  const first = runFor(Infinity, 'stop', job!, 1, { onWords: () => hears() }).catch((error: unknown) => error)
  await heard
  const second = runFor(1, 'stop', job!, 2)
  expect(await first).toMatchObject({ code: 'OUTPUT_FENCED', epoch: 1, currentEpoch: 2 })
  expect(await second).toMatchObject({ status: 'stopped' })
  await radio.close()
})

it('fails with what is wrong with a file that cannot be opened', async () => {
  const folder = directory()
  const [job] = await planFleetJobs([{ input: path.join(folder, 'talk.wav'), name: 'talk' }], {
    output: path.join(folder, '{name}.{format}'),
    formats: ['srt'],
    hearing: { url: 'ws://127.0.0.1:9', voices: false },
  })
  const { id, data } = job!
  const lost = {
    ...data,
    // Somebody takes the folder away, just before the input is opened.
    get input() {
      rmSync(path.join(folder, `.${id}.fleet`, '1'), { recursive: true, force: true })
      return data.input
    },
  }
  await expect(runFor(1, 'stop', { id, data: lost }, 1)).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
})
