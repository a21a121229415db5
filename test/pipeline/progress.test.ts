import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Gap } from '../../src/stream/options.ts'
import { ProgressReporter } from '../../src/pipeline/progress.ts'
import { runs } from '../helpers/runs.ts'

/** The gaps of the summary, where two stages tell of `gaps`: the second passes on what the first says. */
async function summed(...gaps: Gap[]): Promise<Gap[]> {
  const reporter = new ProgressReporter(undefined, () => {})
  const stages = [new EventEmitter(), new EventEmitter()]
  for (const stage of stages) reporter.follow(stage)
  for (const gap of gaps) for (const stage of stages) stage.emit('gap', gap)
  return (await reporter.finish()).gaps
}

it('says what an input lacks that is cut off, and of one that is whole nothing', async () => {
  const stage = new EventEmitter()
  const reporter = new ProgressReporter(undefined, () => {})
  reporter.follow(stage)
  stage.emit('warning', { code: 'FFMPEG_WARNING', message: 'other' })
  expect(await reporter.finish()).not.toHaveProperty('truncated')
  reporter.follow(stage)
  stage.emit('warning', { code: 'INPUT_TRUNCATED', message: 'cut', missing: 100, missingMs: 5 })
  expect((await reporter.finish()).truncated).toEqual({ missing: 100, missingMs: 5 })
})

describe('the gaps of a summary', () => {
  it('count a stretch once that is lost again when it is replayed', async () => {
    expect(await summed({ start: 1000, end: 3000 }, { start: 1000, end: 3000 })).toEqual([{ start: 1000, end: 3000 }])
    expect(await summed({ start: 1000, end: 3000 }, { start: 500, end: 3500 })).toEqual([{ start: 500, end: 3500 }])
    expect(await summed({ start: 5000, end: 6000 }, { start: 1000, end: 3000 }, { start: 2000, end: 4000 })).toEqual([
      { start: 1000, end: 4000 },
      { start: 5000, end: 6000 },
    ])
  })

  it('join where they touch', async () => {
    expect(await summed({ start: 0, end: 10 }, { start: 10, end: 20 }, { start: 21, end: 30 })).toEqual([
      { start: 0, end: 20 },
      { start: 21, end: 30 },
    ])
  })

  it('are those of each channel by itself', async () => {
    const [agent, customer] = [{ channel: 'Agent' }, { channel: 'Customer' }]
    const gaps = [
      { start: 0, end: 20, ...agent },
      { start: 10, end: 30, ...customer },
      { start: 5, end: 40 },
      { start: 15, end: 25, ...agent },
    ]
    expect(await summed(...gaps)).toEqual([
      { start: 0, end: 25, ...agent },
      { start: 5, end: 40 },
      { start: 10, end: 30, ...customer },
    ])
  })

  it('stay apart where a source skipped what it lost, which takes up no time of the stream', async () => {
    const gaps = [
      { start: 0, end: 10 },
      { start: 10, end: 10, missing: 5000 },
      { start: 10, end: 10, missing: 5000 },
      { start: 30, end: 40, missing: 10 },
    ]
    expect(await summed(...gaps)).toEqual(gaps)
  })

  it('are the same milliseconds as before, each once, in order', async () => {
    const gap = fc
      .record({ start: fc.nat(60), ms: fc.integer({ min: 1, max: 15 }), channel: fc.constantFrom(undefined, 'A', 'B') })
      .map(({ start, ms, channel }) => ({ start, end: start + ms, ...(channel !== undefined && { channel }) }))
    const msOf = (gaps: Gap[]): string[] =>
      gaps.flatMap(({ start, end, channel }) =>
        Array.from({ length: end - start }, (_, at) => `${channel} ${start + at}`),
      )
    await fc.assert(
      fc.asyncProperty(fc.array(gap, { maxLength: 12 }), async (gaps) => {
        const given = structuredClone(gaps)
        const merged = await summed(...gaps)
        expect(msOf(merged).toSorted()).toEqual([...new Set(msOf(gaps))].toSorted())
        expect(merged).toEqual(merged.toSorted((a, b) => a.start - b.start))
        expect(gaps).toEqual(given)
      }),
      { numRuns: runs(300) },
    )
  })
})
