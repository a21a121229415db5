import prism from 'prism-media'
import { PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { AudioFormat } from '../../src/audio/format.ts'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { pcmFormat, type UpstreamStage } from '../../src/stage.ts'
import { frame } from '../../src/transforms/frame.ts'
import { resample } from '../../src/transforms/resample.ts'
import { cut, encodePcm, noise, sine } from '../audio/signals.ts'
import { Endless, settled, stuckSink, through } from './support.ts'
import { runs } from '../helpers/runs.ts'

const mono16: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }

function source(bytes: Buffer, format?: AudioFormat): UpstreamStage {
  const stage: UpstreamStage = Readable.from(cut(bytes, [1000]), { objectMode: true })
  if (format !== undefined) stage[pcmFormat] = format
  return stage
}

async function framesOf(...stages: [NodeJS.ReadableStream, ...NodeJS.ReadWriteStream[]]): Promise<Buffer[]> {
  const frames: Buffer[] = []
  const sink = new Writable({
    objectMode: true,
    write(chunk: Buffer, _, done) {
      frames.push(chunk)
      done()
    },
  })
  await pipeline([...stages, sink])
  return frames
}

describe('frame()', () => {
  it('gives every sample once, in frames of 50 ms, the last one padded, however the bytes arrive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5000 }),
        fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 5 }),
        async (count, lengths) => {
          const pcm = encodePcm(noise(count), mono16)
          const { out, bytes } = await through(frame(), cut(pcm, lengths))
          expect(out.every((piece) => piece.length === 1600)).toBe(true)
          expect(out.length).toBe(Math.ceil(pcm.length / 1600))
          expect(bytes.subarray(0, pcm.length).equals(pcm)).toBe(true)
          expect(bytes.subarray(pcm.length).every((byte) => byte === 0)).toBe(true)
        },
      ),
      { numRuns: runs(40) },
    )
  })

  it.each([
    [{ duration: 100 }, 3200],
    [{ sampleRate: 8000 }, 800],
    [{ encoding: 'mulaw', sampleRate: 8000 }, 400],
    [{ channels: 2 }, 3200],
    [{ sampleRate: 11_025 }, 1104],
  ] as const)('has frames of the asked length: %j', async (options, expected) => {
    const { out } = await through(frame(options), [Buffer.alloc(expected * 2)])
    expect(out.map((piece) => piece.length)).toEqual([expected, expected])
  })

  it('pads with the silence of the encoding', async () => {
    const { out } = await through(frame({ encoding: 'mulaw', sampleRate: 8000 }), [Buffer.alloc(100, 0x11)])
    expect(out[0]?.subarray(100).every((byte) => byte === 0xff)).toBe(true)
  })

  it('takes rate, channels and encoding from the stage above', async () => {
    const format: AudioFormat = { sampleRate: 8000, channels: 2, encoding: 'mulaw' }
    const stage: UpstreamStage = frame()
    const frames = await framesOf(
      source(Buffer.alloc(1000, 1), format),
      stage as NodeJS.ReadWriteStream & UpstreamStage,
    )
    expect(frames.map((piece) => piece.length)).toEqual([800, 800])
    expect(stage[pcmFormat]).toEqual(format)
  })

  it('tells its format as soon as it is piped', () => {
    const stage: UpstreamStage = frame()
    expect(stage[pcmFormat]).toEqual(mono16)
    resample({ sampleRate: 24_000 }).pipe(stage as NodeJS.WritableStream & UpstreamStage)
    expect(stage[pcmFormat]).toEqual({ ...mono16, sampleRate: 24_000 })
  })

  it.each([
    [{ sampleRate: 16_000 }, { ...mono16, sampleRate: 8000 }, /told sampleRate 16000, but the stage above gives 8000/],
    [{ channels: 2 }, mono16, /told channels 2/],
    [{}, { ...mono16, encoding: 'f32le' as const }, /takes s16le or mulaw, but the stage above gives f32le/],
  ])('refuses %j below a stage that gives something else', async (options, above, message) => {
    const failure = framesOf(source(Buffer.alloc(100), above), frame(options))
    await expect(failure).rejects.toMatchObject({ name: 'ConfigurationError', code: 'INVALID_PIPELINE' })
    await expect(failure).rejects.toThrow(message)
  })

  it('takes the header off a WAV stream of just its format, and refuses any other', async () => {
    const pcm = encodePcm(noise(800), mono16)
    const { bytes } = await through(frame(), [writeWavHeader(mono16), pcm])
    expect(bytes.equals(pcm)).toBe(true)
    const other = through(frame(), [writeWavHeader({ ...mono16, sampleRate: 44_100 }), pcm])
    await expect(other).rejects.toMatchObject({ code: 'INVALID_PIPELINE' })
    await expect(other).rejects.toThrow(/frame\(\) takes PCM of 16000 Hz.*put resample\(\) between/)
  })

  it.each([
    ['no bytes', []],
    ['a header alone', [writeWavHeader(mono16)]],
    ['half a sample', [Buffer.alloc(1)]],
  ])('fails with NO_AUDIO for %s', async (_, chunks) => {
    await expect(through(frame(), chunks)).rejects.toMatchObject({ name: 'InputError', code: 'NO_AUDIO' })
  })

  it('takes samples as typed arrays', async () => {
    const { out } = await through(frame(), [Int16Array.of(1, 2), Float32Array.of(0.5)])
    expect(out[0]?.subarray(0, 6)).toEqual(Buffer.from([1, 0, 2, 0, 0, 64]))
  })

  it('hears a WAV to its end whose header says too little, and says so once', async () => {
    const { out, warnings } = await through(frame(), [writeWavHeader(mono16, 400), Buffer.alloc(3200, 1)])
    expect(out).toHaveLength(2)
    expect(warnings).toMatchObject([{ code: 'WAV_SIZE_WRONG', declared: 400 }])
  })

  it('takes a few bytes at the end of input for samples', async () => {
    const { out, warnings } = await through(frame(), [Buffer.from([1, 2, 3, 4, 5])])
    expect(out).toHaveLength(1)
    expect(out[0]?.subarray(0, 6)).toEqual(Buffer.from([1, 2, 3, 4, 0, 0]))
    expect(warnings).toMatchObject([{ code: 'PARTIAL_SAMPLE', bytes: 1 }])
  })

  it('holds few frames, one object each, and pulls a bounded number of bytes past a stuck sink', async () => {
    const endless = new Endless(Buffer.alloc(65_536))
    const stage = frame()
    expect(stage.readableObjectMode).toBe(true)
    endless.pipe(stage).pipe(stuckSink({ objectMode: true }))
    await settled()
    expect(stage.readableLength).toBeLessThanOrEqual(4)
    const pulled = endless.pulled
    await settled()
    expect(endless.pulled).toBe(pulled)
    expect(pulled).toBeLessThanOrEqual(3 * 65_536)
    endless.destroy()
    stage.destroy()
  })

  it('keeps less than a second in flight between a source and a stuck sink, behind resample()', async () => {
    const endless = new Endless(Buffer.alloc(3200), writeWavHeader(mono16))
    const stages = [resample(), frame()] as const
    endless
      .pipe(stages[0])
      .pipe(stages[1])
      .pipe(stuckSink({ objectMode: true }))
    await settled()
    expect(endless.pulled).toBeLessThan(32_000)
    for (const stage of [endless, ...stages]) stage.destroy()
  })

  it('passes session and gap on from above', () => {
    const above = new PassThrough()
    const listener = vi.fn<(record: unknown) => void>()
    above.pipe(frame().on('session', listener))
    above.emit('session', { id: 'x' })
    expect(listener).toHaveBeenCalledWith({ id: 'x' })
  })

  it('ends with an AbortError when its signal fires', async () => {
    const controller = new AbortController()
    const done = pipeline(
      new Endless(Buffer.alloc(3200)),
      frame({ signal: controller.signal }),
      stuckSink({ objectMode: true }),
    )
    controller.abort()
    await expect(done).rejects.toMatchObject({ name: 'AbortError' })
  })

  it.each([
    [{ duration: 49 }, /^duration, when given, must be an integer from 50 to 1000 milliseconds; got 49$/],
    [{ duration: 1001 }, /duration/],
    [{ encoding: 's24le' }, /^encoding, when given, must be 's16le' or 'mulaw'; got 's24le'$/],
    [{ channels: 0 }, /channels/],
    [{ sampleRate: 0 }, /sampleRate/],
    [{ size: 1 }, /frame\(\) has no option size/],
  ])('refuses options %j', (options, message) => {
    expect(() => frame(options as object)).toThrow(message)
    expect(() => frame(options as object)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})

describe('resample() and frame() in a pipeline', () => {
  it('make 20 frames of a second of 44.1 kHz stereo WAV', async () => {
    const format: AudioFormat = { sampleRate: 44_100, channels: 2, encoding: 'f32le' }
    const wav = Buffer.concat([writeWavHeader(format), encodePcm(sine(440, 44_100, 44_100), format)])
    const frames = await framesOf(source(wav), resample(), frame())
    expect(frames).toHaveLength(20)
    expect(frames.every((piece) => piece.length === 1600)).toBe(true)
  })

  it('work with the volume stream of prism-media between them', async () => {
    const pcm = encodePcm(sine(440, 16_000, 16_000), mono16)
    const wav = Buffer.concat([writeWavHeader(mono16), pcm])
    const halved = new prism.VolumeTransformer({ type: 's16le', volume: 0.5 })
    const frames = await framesOf(source(wav), resample(), halved, frame())
    const out = Buffer.concat(frames)
    expect(out.length).toBe(pcm.length)
    for (let at = 0; at < pcm.length; at += 2) {
      expect(out.readInt16LE(at)).toBe(Math.floor(pcm.readInt16LE(at) / 2))
    }
  })
})
