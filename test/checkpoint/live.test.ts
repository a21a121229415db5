import path from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { diarize, httpSource, jsonlSink, resample, run } from '../../src/index.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { station } from './killing.ts'
import { linesOf } from './talk.ts'

const directory = temporaryDirectories()
const DAY = 86_400_000
const words = toneScript({ seed: 3, duration: 60_000, speakers: 2, turnWords: [1, 2], turnGap: [700, 900] })

afterEach(() => {
  vi.restoreAllMocks()
})

it('does not count what a live source was silent for before it was ended', async () => {
  const folder = directory()
  const said = [...words]
  const radio = await station(said)
  const checkpoint = path.join(folder, 'checkpoint')
  const jsonl = path.join(folder, 'radio.jsonl')
  const until = (is: () => unknown): Promise<unknown> => vi.waitUntil(is, { timeout: 60_000, interval: 20 })
  const hear = async (act: (more: (ms: number) => Promise<unknown>) => Promise<unknown>): Promise<void> => {
    const stop = new AbortController()
    const hearing = diarize({ engine: toneEngine(), voices: false })
    let heardMs = 0
    hearing.on('progress', ({ audioMs }) => (heardMs = audioMs))
    const running = run(httpSource(radio.url), resample(), hearing, jsonlSink(jsonl), { checkpoint, stop: stop.signal })
    await act((ms, from = heardMs) => until(() => heardMs >= from + ms))
    stop.abort()
    await running
  }
  await hear(async (more) => {
    await until(async () => ((await readCheckpoint(checkpoint))?.nextOrder ?? 0) > 0)
    expect((await readCheckpoint(checkpoint))?.ended).toBeUndefined()
    said.length = 0
    await more(6000)
  })
  const { ended, reachedMs = 0, gaps } = (await readCheckpoint(checkpoint)) ?? {}
  expect({ ended, gaps }).toEqual({ ended: true, gaps: [] })
  await hear((more) => more(1000))
  await radio.close()
  const [first, ...others] = linesOf(jsonl).filter(({ type }) => type === 'gap')
  expect(others).toEqual([])
  expect(first?.start).toBe(reachedMs - 2000)
})

it.each([
  ['forward, as where the time comes from the network after the start', 10 * DAY],
  ['back', -10 * DAY],
])('tells what a live source has missed though the clock was set %s', async (_, step) => {
  const folder = directory()
  const radio = await station(words)
  const checkpoint = path.join(folder, 'checkpoint')
  const jsonl = path.join(folder, 'radio.jsonl')
  const hear = (stop: AbortSignal) => {
    const hearing = diarize({ engine: toneEngine(), voices: false })
    return run(httpSource(radio.url), resample(), hearing, jsonlSink(jsonl), { checkpoint, stop })
  }
  /** Until a checkpoint knows of a turn behind `turns`, and says that ms 0 of the stream was on the day of `day`. */
  const saved = (turns: number, day: number) =>
    vi.waitUntil(
      async () => {
        const { nextOrder = 0, startedAt = 0 } = (await readCheckpoint(checkpoint)) ?? {}
        return nextOrder > turns && Math.abs(startedAt - day) < DAY
      },
      { timeout: 60_000, interval: 20 },
    )
  const { now } = Date
  const right = now()
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() - step)
  const stop = new AbortController()
  const running = hear(stop.signal)
  await saved(0, right - step)
  clock.mockRestore()
  await saved(0, right)
  stop.abort()
  await running
  const turns = (await readCheckpoint(checkpoint))!.nextOrder
  const stopAgain = new AbortController()
  const runningAgain = hear(stopAgain.signal)
  await saved(turns, right)
  stopAgain.abort()
  await runningAgain
  const [gap, ...more] = linesOf(jsonl).filter(({ type }) => type === 'gap')
  expect(more).toEqual([])
  expect(gap!.end - gap!.start).toBeLessThan(DAY)
  expect(Math.abs(Date.parse(gap!.endedAt!) - right)).toBeLessThan(DAY)
  await radio.close()
})
