import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { bytesPerSample, sampleEncodings, type AudioFormat } from '../../src/audio/format.ts'
import { decodeSamples, deinterleave } from '../../src/audio/pcm.ts'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { pcmFormat, requestFormat, type RequestedFormat, type UpstreamStage } from '../../src/stage.ts'
import { frame } from '../../src/transforms/frame.ts'
import { resample, type ResampleOptions } from '../../src/transforms/resample.ts'
import { fileSource } from '../../src/sources/file.ts'
import { ffmpeg } from '../helpers/media.ts'
import { amplitudeAt, cut, encodePcm, rms, sine } from '../audio/signals.ts'
import { through } from './support.ts'

/** Whole periods in 100 ms at every rate. */
const frequency = (channel: number): number => 300 + 100 * channel

/** A second of PCM with another tone on each channel. */
function chord(format: AudioFormat): Buffer {
  const step = bytesPerSample[format.encoding]
  const mono = Array.from({ length: format.channels }, (_, channel) =>
    encodePcm(sine(frequency(channel), format.sampleRate, format.sampleRate), { ...format, channels: 1 }),
  )
  const bytes = Buffer.alloc(format.sampleRate * format.channels * step)
  for (const [channel, one] of mono.entries()) {
    for (let i = 0; i < format.sampleRate; i++) {
      one.copy(bytes, (i * format.channels + channel) * step, i * step, (i + 1) * step)
    }
  }
  return bytes
}

function wav(format: AudioFormat): Buffer {
  return Buffer.concat([writeWavHeader(format), chord(format)])
}

/** Each channel holds its own tone, as loud as it was, and nothing of the others. */
function expectChord(bytes: Buffer, channels: number, sampleRate: number): void {
  const split = deinterleave(decodeSamples(bytes, 's16le'), channels)
  expect(split.map(({ length }) => length)).toEqual(Array(channels).fill(sampleRate))
  for (const [channel, samples] of split.entries()) {
    const middle = samples.subarray(sampleRate / 10, (sampleRate * 9) / 10)
    expect(rms(middle)).toBeCloseTo(0.5 / Math.SQRT2, 1)
    for (let other = 0; other < channels; other++) {
      expect(amplitudeAt(frequency(other), sampleRate, middle)).toBeCloseTo(other === channel ? 0.5 : 0, 1)
    }
  }
}

describe('resample() that keeps the channels', () => {
  it.each(sampleEncodings.flatMap((encoding) => [2, 3, 6, 8].map((channels) => ({ encoding, channels }))))(
    'takes 8 kHz WAV of $channels channels of $encoding, as telephone systems write it',
    async ({ encoding, channels }) => {
      const stage = resample({ channels: 'keep' })
      const { bytes, warnings } = await through(stage, cut(wav({ sampleRate: 8000, channels, encoding }), [1000, 7]))
      expectChord(bytes, channels, 16_000)
      expect((stage as UpstreamStage)[pcmFormat]).toEqual({ sampleRate: 16_000, channels, encoding: 's16le' })
      expect(warnings).toEqual([])
    },
  )

  it.each([8000, 44_100, 48_000])('takes %i Hz to 8 kHz', async (sampleRate) => {
    const source = wav({ sampleRate, channels: 2, encoding: 's16le' })
    const { bytes } = await through(resample({ channels: 2, sampleRate: 8000 }), cut(source, [4096]))
    expect(bytes.length).toBe(32_000)
    expectChord(bytes, 2, 8000)
  })

  it('lets PCM16 of the right rate through to the bit', async () => {
    const format: AudioFormat = { sampleRate: 16_000, channels: 2, encoding: 's16le' }
    const { bytes } = await through(resample({ channels: 'keep' }), cut(wav(format), [999]))
    expect(bytes.equals(chord(format))).toBe(true)
  })

  it('still mixes by default', async () => {
    const { bytes } = await through(resample(), [wav({ sampleRate: 8000, channels: 2, encoding: 'mulaw' })])
    expect(bytes.length).toBe(32_000)
  })

  it.each<[ResampleOptions, AudioFormat | undefined]>([
    [{}, { sampleRate: 16_000, channels: 1, encoding: 's16le' }],
    [{ channels: 'keep' }, undefined],
    [{ channels: 4 }, { sampleRate: 16_000, channels: 4, encoding: 's16le' }],
    [
      { channels: 'keep', input: { sampleRate: 8000, channels: 3, encoding: 'mulaw' } },
      { sampleRate: 16_000, channels: 3, encoding: 's16le' },
    ],
  ])('tells with %j as early as it can what goes out', (options, format) => {
    expect((resample(options) as UpstreamStage)[pcmFormat]).toEqual(format)
  })

  it.each([1, 3])('refuses %i channels where it was told of 2', async (channels) => {
    const done = through(resample({ channels: 2 }), [wav({ sampleRate: 8000, channels, encoding: 's16le' })])
    await expect(done).rejects.toMatchObject({
      name: 'InputError',
      code: 'CHANNEL_MISMATCH',
      message: `resample() was told to expect 2 channels, but the audio has ${channels}: give resample() channels: ${channels}, or 'keep'`,
      expected: 2,
      channels,
    })
  })

  it.each<[ResampleOptions, RequestedFormat]>([
    [{}, { sampleRate: 16_000, channels: 1, encoding: 's16le' }],
    [
      { channels: 'keep', sampleRate: 8000 },
      { sampleRate: 8000, encoding: 's16le' },
    ],
    [{ channels: 2 }, { sampleRate: 16_000, encoding: 's16le' }],
  ])('asks FFmpeg with %j for %j', async (options, wanted) => {
    const asked: RequestedFormat[] = []
    const above: UpstreamStage = new PassThrough()
    above[requestFormat] = (format) => asked.push(format) > 0
    above.pipe(resample(options).on('error', () => {}))
    expect(asked).toEqual([wanted])
    above.destroy()
    await once(above, 'close')
  })
})

it.each([2, 6])('takes %i channels out of FFmpeg as they are', async (channels) => {
  const folder = await mkdtemp(join(tmpdir(), 'diarize-stream-channels-'))
  try {
    const [recorded, compressed] = [join(folder, 'a.wav'), join(folder, 'a.flac')]
    await writeFile(recorded, wav({ sampleRate: 48_000, channels, encoding: 's16le' }))
    await ffmpeg('-i', recorded, compressed)
    const stage = fileSource(compressed).pipe(resample({ channels: 'keep', sampleRate: 8000 }))
    const bytes = Buffer.concat((await stage.toArray()) as Buffer[])
    expect(bytes.length).toBe(16_000 * channels)
    expectChord(bytes, channels, 8000)
  } finally {
    await rm(folder, { recursive: true })
  }
})

describe('frame() of channels', () => {
  it('holds 50 ms of every channel of what resample() gives, the last padded', async () => {
    const source = wav({ sampleRate: 8000, channels: 3, encoding: 's24le' }).subarray(0, -1000 * 9)
    const stage = frame()
    Readable.from([source])
      .pipe(resample({ channels: 'keep' }))
      .pipe(stage)
    const frames = (await stage.toArray()) as Buffer[]
    expect(frames).toHaveLength(18)
    expect(new Set(frames.map(({ length }) => length))).toEqual(new Set([4800]))
    expect((stage as UpstreamStage)[pcmFormat]).toMatchObject({ channels: 3 })
    expect(frames.at(-1)?.subarray(-2400)).toEqual(Buffer.alloc(2400))
  })
})
