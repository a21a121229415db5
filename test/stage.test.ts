import { EventEmitter } from 'node:events'
import { PassThrough, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { announce, liveSource, pcmFormat, requestFormat, streamStartedAt, type UpstreamStage } from '../src/stage.ts'
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

describe('streams of the user between stages', () => {
  const began = new Date(1_800_000_000_000)
  const format = { sampleRate: 8000, channels: 1, encoding: 's16le' } as const
  const makeSource = () => {
    const asked: object[] = []
    const source = Object.assign(new PassThrough(), {
      [liveSource]: true,
      [streamStartedAt]: began,
      [pcmFormat]: format,
      [requestFormat]: (wanted: object) => asked.push(wanted) > 0,
    })
    announce(source)
    return { source, asked }
  }
  const shouting = () => new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) })

  it.each([1, 2, 3])('pass on everything where they are %i PassThroughs', (count) => {
    const { source, asked } = makeSource()
    const stage = resample()
    const between = Array.from({ length: count }, () => new PassThrough())
    void pipeline([source, ...between, stage]).catch(() => {})
    expect((stage as UpstreamStage)[liveSource]).toBe(true)
    expect((stage as UpstreamStage)[streamStartedAt]).toBe(began)
    expect(asked).toEqual([{ sampleRate: 16_000, encoding: 's16le', channels: 1 }])
    const gaps: unknown[] = []
    ;(stage as EventEmitter).on('gap', (gap) => gaps.push(gap))
    source.emit('gap', { start: 1, end: 2 })
    expect(gaps).toEqual([{ start: 1, end: 2 }])
    source.destroy()
  })

  it('pass on the format of headerless audio', async () => {
    const { source } = makeSource()
    const stage = source.pipe(new PassThrough()).pipe(resample())
    source.end(Buffer.alloc(16_000))
    let bytes = 0
    for await (const chunk of stage) bytes += chunk.length
    // A second at 8 kHz.
    expect(bytes).toBe(32_000)
  })

  it('pass on times, but no format, where they may change what they are given', () => {
    const { source, asked } = makeSource()
    const stage = frame()
    source.pipe(shouting()).pipe(new PassThrough()).pipe(stage)
    expect((stage as UpstreamStage)[liveSource]).toBe(true)
    expect((stage as UpstreamStage)[streamStartedAt]).toBe(began)
    expect(asked).toEqual([])
    const gaps: unknown[] = []
    ;(stage as EventEmitter).on('gap', (gap) => gaps.push(gap))
    source.emit('gap', { start: 1, end: 2 })
    expect(gaps).toEqual([{ start: 1, end: 2 }])
    source.destroy()
  })

  it('may be piped in a circle', () => {
    const { source } = makeSource()
    const [one, other] = [new PassThrough(), new PassThrough()]
    source.pipe(one).pipe(other).pipe(one)
    const stage = resample()
    other.pipe(stage)
    expect(stage.destroyed).toBe(false)
    for (const stream of [source, one, other, stage]) stream.destroy()
  })

  it('are left as they are where no stage of ours is above them', () => {
    const own = new PassThrough()
    const stage = own.pipe(new PassThrough()).pipe(resample())
    expect((stage as UpstreamStage)[liveSource]).toBeUndefined()
    expect(Object.hasOwn(own, 'pipe')).toBe(false)
  })
})
