import { EventEmitter } from 'node:events'
import { PassThrough, type Transform } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { liveSource, streamStartedAt, type UpstreamStage } from '../src/stage.ts'
import { decode } from '../src/transforms/decode.ts'
import { frame } from '../src/transforms/frame.ts'
import { resample } from '../src/transforms/resample.ts'

describe('liveSource', () => {
  const began = new Date(1_800_000_000_000)
  const stages: [string, () => Transform | ReturnType<typeof decode>][] = [
    ['decode()', decode],
    ['resample()', resample],
    ['frame()', frame],
  ]
  it.each(stages)('is passed on by %s, with the time of the first sample and gaps', (_name, make) => {
    const source = Object.assign(new PassThrough(), { [liveSource]: true, [streamStartedAt]: began })
    const stage = make()
    expect((stage as UpstreamStage)[liveSource]).toBeFalsy()
    source.pipe(stage)
    expect((stage as UpstreamStage)[liveSource]).toBe(true)
    expect((stage as UpstreamStage)[streamStartedAt]).toBe(began)
    const gaps: unknown[] = []
    ;(stage as EventEmitter).on('gap', (gap) => gaps.push(gap))
    source.emit('gap', { start: 1, end: 2 })
    expect(gaps).toEqual([{ start: 1, end: 2 }])
    stage.destroy()
    source.destroy()
  })
})
