import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it, vi } from 'vitest'
import { sampleEncodings, type AudioFormat } from '../../src/audio/format.ts'
import { encodeS16 } from '../../src/audio/chunks.ts'
import { decodeSamples } from '../../src/audio/pcm.ts'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { pcmFormat, requestFormat, type RequestedFormat, type UpstreamStage } from '../../src/stage.ts'
import { resample } from '../../src/transforms/resample.ts'
import { amplitudeAt, cut, encodePcm, noise, rms, sine } from '../audio/signals.ts'
import { Endless, settled, stuckSink, through } from './support.ts'

const mono16: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }
const stereo48: AudioFormat = { sampleRate: 48_000, channels: 2, encoding: 's16le' }

const sine300 = sine(300, 48_000, 48_000)
const noises = noise(48_000).map((sample) => sample / 4)

function wavOf(samples: Float32Array, format: AudioFormat): Buffer {
  return Buffer.concat([writeWavHeader(format), encodePcm(samples, format)])
}

/** A stage that, as an FFmpeg-backed one, gives WAV in the format it is asked for, or in its own. */
function negotiating(
  samples: Float32Array,
  own: AudioFormat,
  answer: boolean,
): { stage: Readable; asked: RequestedFormat[] } {
  const asked: RequestedFormat[] = []
  let format = own
  const stage: UpstreamStage = new Readable({
    read() {
      this.push(wavOf(samples, format))
      this.push(null)
    },
  })
  stage[requestFormat] = (wanted) => {
    asked.push(wanted)
    if (answer) format = { channels: own.channels, ...wanted }
    return answer
  }
  return { stage, asked }
}

describe('resample(), what comes in', () => {
  it.each(sampleEncodings)('reads WAV of %s at 48 kHz stereo and gives mono PCM16 at 16 kHz', async (encoding) => {
    const format: AudioFormat = { ...stereo48, encoding }
    const { bytes, warnings } = await through(resample(), cut(wavOf(sine(440, 48_000, 48_000), format), [4096]))
    const samples = decodeSamples(bytes, 's16le')
    expect(samples.length).toBe(16_000)
    expect(amplitudeAt(440, 16_000, samples.subarray(4000, 12_000))).toBeCloseTo(0.5, 2)
    expect(warnings).toEqual([])
  })

  it('reads headerless PCM declared by input', async () => {
    const input: AudioFormat = { sampleRate: 8000, channels: 1, encoding: 'mulaw' }
    const { bytes } = await through(resample({ input }), cut(encodePcm(sine(440, 8000, 8000), input), [333]))
    const samples = decodeSamples(bytes, 's16le')
    expect(samples.length).toBe(16_000)
    expect(amplitudeAt(440, 16_000, samples.subarray(4000, 12_000))).toBeCloseTo(0.5, 2)
  })

  it('takes all bytes for samples when input is given, and warns of a WAV header', async () => {
    const unread = Buffer.concat([writeWavHeader(mono16).fill(6, 20, 21), Buffer.alloc(100)])
    for (const wav of [wavOf(noise(100), mono16), unread]) {
      const { bytes, warnings } = await through(resample({ input: mono16 }), [wav])
      expect(bytes.equals(wav)).toBe(true)
      expect(warnings).toMatchObject([{ code: 'WAV_HEADER_IGNORED' }])
    }
  })

  it('asks the stage above for its format and then passes the samples through', async () => {
    const samples = noise(5000)
    const { stage, asked } = negotiating(samples, stereo48, true)
    const out: Buffer[] = []
    await pipeline(
      stage,
      resample(),
      new PassThrough().on('data', (chunk: Buffer) => out.push(chunk)),
    )
    expect(asked).toEqual([mono16])
    expect(Buffer.concat(out).equals(encodePcm(samples, mono16))).toBe(true)
  })

  it('resamples itself when the stage above refuses', async () => {
    const { stage, asked } = negotiating(sine(440, 48_000, 24_000), stereo48, false)
    const out: Buffer[] = []
    await pipeline(
      stage,
      resample({ sampleRate: 8000 }),
      new PassThrough().on('data', (chunk: Buffer) => out.push(chunk)),
    )
    expect(asked).toEqual([{ ...mono16, sampleRate: 8000 }])
    expect(Buffer.concat(out).length).toBe(4000 * 2)
  })

  it('takes the format of a stage above that gives headerless PCM', async () => {
    const first = resample({ sampleRate: 48_000 })
    const out: Buffer[] = []
    await pipeline(
      Readable.from([wavOf(sine(440, 16_000, 16_000), mono16)], { objectMode: true }),
      first,
      resample(),
      new PassThrough().on('data', (chunk: Buffer) => out.push(chunk)),
    )
    const samples = decodeSamples(Buffer.concat(out), 's16le')
    expect(samples.length).toBe(16_000)
    expect(amplitudeAt(440, 16_000, samples.subarray(4000, 12_000))).toBeCloseTo(0.5, 2)
  })

  it('refuses input together with a stage above that gives WAV', async () => {
    const { stage } = negotiating(noise(10), stereo48, true)
    await expect(pipeline(stage, resample({ input: mono16 }), new PassThrough())).rejects.toMatchObject({
      code: 'INVALID_PIPELINE',
      message: expect.stringContaining('leave input out'),
    })
  })

  it.each([
    ['samples nobody declared', Buffer.alloc(5000, 3), /neither WAV nor declared PCM\. Put decode\(\) in front/],
    ['a few bytes', Buffer.from('hello'), /neither WAV nor declared/],
    ['an Ogg file', Buffer.from('OggS\0\x02\0\0\0\0\0\0\0\0'), /looks like Ogg\. Put decode\(\) in front/],
    [
      'A-law',
      writeWavHeader(mono16).fill(6, 20, 21),
      /says A-law of 16 bits, which is not read\. Put decode\(\) in front/,
    ],
  ])('refuses %s', async (_, bytes, message) => {
    const failure = through(resample(), [bytes])
    await expect(failure).rejects.toMatchObject({ name: 'InputError', code: 'UNSUPPORTED_AUDIO', retryable: false })
    await expect(failure).rejects.toThrow(message)
  })

  it.each([
    ['no bytes', [], {}],
    ['a header alone', [writeWavHeader(mono16)], {}],
    ['half a header', [writeWavHeader(mono16).subarray(0, 30)], {}],
    ['an empty WAV file', [writeWavHeader(mono16, 0)], {}],
    ['half a sample', [Buffer.alloc(1)], { input: mono16 }],
    ['no declared samples', [], { input: mono16 }],
  ])('fails with NO_AUDIO for %s', async (_, chunks, options) => {
    await expect(through(resample(options), chunks)).rejects.toMatchObject({ name: 'InputError', code: 'NO_AUDIO' })
  })
})

describe('resample(), what goes out', () => {
  it('does not depend on how the bytes arrive', async () => {
    const wav = wavOf(noise(9000), { ...stereo48, encoding: 's24le', channels: 3 })
    const { bytes } = await through(resample(), [wav])
    expect(bytes.length).toBe(6000)
    for (const lengths of [[1], [7, 1, 3000], [3200], [65_536]]) {
      const again = await through(resample(), cut(wav, lengths))
      expect(again.bytes.equals(bytes)).toBe(true)
    }
  })

  it('leaves out what follows the audio', async () => {
    const audio = encodePcm(noise(100), mono16)
    const list = Buffer.from('LIST\x04\0\0\0INFO')
    const { bytes, warnings } = await through(resample(), [writeWavHeader(mono16, audio.length), audio, list])
    expect(bytes.equals(audio)).toBe(true)
    expect(warnings).toEqual([])
  })

  it('drops half a sample at the end, and says so', async () => {
    const { bytes, warnings } = await through(resample({ input: stereo48 }), [Buffer.alloc(4 * 300 + 3)])
    expect(bytes.length).toBe(200)
    expect(warnings).toMatchObject([{ code: 'PARTIAL_SAMPLE', bytes: 3 }])
  })

  it('says when a WAV file is shorter than its header claims', async () => {
    const { bytes, warnings } = await through(resample(), [writeWavHeader(mono16, 1000), Buffer.alloc(600)])
    expect(bytes.length).toBe(600)
    expect(warnings).toMatchObject([{ code: 'INPUT_TRUNCATED', bytes: 400 }])
  })

  it('hears a WAV to its end whose header says too little, and says so once', async () => {
    const audio = encodePcm(noise(1000), mono16)
    const bytes = Buffer.concat([writeWavHeader(mono16, 400), audio, Buffer.from('LIST\x04\0\0\0INFO')])
    for (const lengths of [[1], [7, 1, 3000], [65_536]]) {
      const { bytes: heard, warnings } = await through(resample(), cut(bytes, lengths))
      expect(heard.equals(audio)).toBe(true)
      expect(warnings).toMatchObject([{ code: 'WAV_SIZE_WRONG', declared: 400 }])
    }
  })

  it.each([-1, -0.8])('hears stereo whose second channel is the first times %d, and says so once', async (factor) => {
    const speech = sine(300, 48_000, 96_000)
    const samples = new Float32Array(2 * speech.length)
    for (const [at, sample] of speech.entries()) samples.set([sample, factor * sample], 2 * at)
    const wav = Buffer.concat([writeWavHeader(stereo48), encodeS16(samples)])
    const { bytes, warnings } = await through(resample(), [wav])
    expect(bytes.length).toBe(64_000)
    expect(rms(decodeSamples(bytes, 's16le'))).toBeCloseTo(0.5 / Math.SQRT2, 2)
    expect(warnings).toMatchObject([{ code: 'CHANNELS_CANCEL' }])
    for (const lengths of [[1, 7, 3000], [65_536]]) {
      expect((await through(resample(), cut(wav, lengths))).bytes.equals(bytes)).toBe(true)
    }
  })

  it.each([
    ['the same', (at: number) => [sine300[at]!, sine300[at]!]],
    ['one silent', (at: number) => [sine300[at]!, 0]],
    ['two speakers', (at: number) => [sine300[at]!, noises[at]!]],
    ['silence', () => [0, 0]],
    ['inverted, but too quiet to be sound', (at: number) => [sine300[at]! / 2000, -sine300[at]! / 2000]],
  ])('mixes stereo into the mean where it does not cancel out: %s', async (_what, pair) => {
    const samples = Float32Array.from({ length: 96_000 }, (_, at) => pair(at >> 1)[at % 2]!)
    const { bytes, warnings } = await through(resample({ sampleRate: 48_000 }), [
      writeWavHeader(stereo48),
      encodeS16(samples),
    ])
    const mean = Float32Array.from({ length: 48_000 }, (_, at) => (samples[2 * at]! + samples[2 * at + 1]!) / 2)
    const heard = decodeSamples(bytes, 's16le')
    expect(heard.length).toBe(48_000)
    expect(Math.max(...heard.map((sample, at) => Math.abs(sample - mean[at]!)))).toBeLessThan(1e-4)
    expect(warnings).toEqual([])
  })

  it.each([
    ['s16le', Int16Array.of(0, 16_384, -32_768)],
    ['f32le', Float32Array.of(0, 0.5, -1)],
    ['s32le', Int32Array.of(0, 2 ** 30, -(2 ** 31))],
  ] as const)('takes samples as a typed array that is declared: %s', async (encoding, samples) => {
    const { bytes } = await through(resample({ input: { ...mono16, encoding } }), [samples, samples])
    expect([...decodeSamples(bytes, 's16le')]).toEqual([0, 0.5, -1, 0, 0.5, -1])
  })

  it.each([
    ['not declared', undefined, Float32Array.of(0), "encoding: 'f32le'"],
    ['declared as something else', mono16, Float32Array.of(0), 'which is f32le'],
    ['of no kind that is read', mono16, Float64Array.of(0), 'a Float64Array'],
  ])('refuses samples %s in plain words, by every way in', async (_what, input, samples, words) => {
    const options = input === undefined ? {} : { input }
    const refusal = { code: 'INVALID_PIPELINE', message: expect.stringContaining(words) as string }
    await expect(through(resample(options), [samples])).rejects.toMatchObject(refusal)
    const stage = resample(options)
    const failure = once(stage, 'error')
    stage.end(samples)
    expect(await failure).toMatchObject([refusal])
    const written = new Promise((resolve) => {
      const other = resample(options)
      other.on('error', () => {})
      other.write(samples, resolve)
    })
    expect(await written).toMatchObject(refusal)
  })

  it('takes its last samples with end()', async () => {
    const stage = resample({ input: mono16 })
    stage.end(Int16Array.of(1, 2, 3))
    expect(Buffer.concat(await stage.toArray())).toEqual(Buffer.from([1, 0, 2, 0, 3, 0]))
  })

  it('tells its format before anything came in', () => {
    const stage: UpstreamStage = resample({ sampleRate: 24_000 })
    expect(stage[pcmFormat]).toEqual({ sampleRate: 24_000, channels: 1, encoding: 's16le' })
  })

  it('passes session and gap on from above', () => {
    const above = new PassThrough()
    const listener = vi.fn<(record: unknown) => void>()
    above.pipe(resample().on('gap', listener))
    above.emit('gap', { start: 1 })
    expect(listener).toHaveBeenCalledWith({ start: 1 })
  })
})

describe('resample() as a stage', () => {
  it('states its high-water marks', () => {
    const stage = resample()
    expect([stage.readableHighWaterMark, stage.writableHighWaterMark]).toEqual([3200, 3200])
  })

  it.each([
    ['resampling', stereo48],
    ['passing through', mono16],
  ])('pulls a bounded number of bytes past a stuck sink when %s', async (_, format) => {
    const source = new Endless(Buffer.alloc(3200), writeWavHeader(format))
    const stage = resample()
    source.pipe(stage).pipe(stuckSink())
    await settled()
    const pulled = source.pulled
    await settled()
    expect(source.pulled).toBe(pulled)
    // Per 3200 bytes out, six times as many in; a second of 48 kHz stereo are 192,000.
    expect(pulled).toBeLessThan(64_000)
    source.destroy()
    stage.destroy()
  })

  it('makes no more of one huge chunk than is read', async () => {
    const stage = resample()
    stage.write(wavOf(noise(16_000 * 60), mono16))
    stage.read(0)
    await settled()
    expect(stage.readableLength).toBeGreaterThan(0)
    expect(stage.readableLength).toBeLessThanOrEqual(6400)
    stage.destroy()
  })

  it('ends with an AbortError when its signal fires', async () => {
    const controller = new AbortController()
    const source = new Endless(Buffer.alloc(3200), writeWavHeader(stereo48))
    const done = pipeline(source, resample({ signal: controller.signal }), stuckSink())
    controller.abort()
    await expect(done).rejects.toMatchObject({ name: 'AbortError' })
    expect(source.destroyed).toBe(true)
  })

  it('can be destroyed while it waits to be read', async () => {
    const stage = resample()
    stage.write(wavOf(noise(16_000 * 10), mono16))
    stage.read(0)
    stage.destroy()
    await once(stage, 'close')
    expect(stage.destroyed).toBe(true)
  })

  it.each([
    [{ sampleRate: 7999 }, /^sampleRate, when given, must be an integer from 8000 to 96000 Hz; got 7999$/],
    [{ sampleRate: 96_001 }, /sampleRate/],
    [{ channels: 9 }, /^channels, when given, must be 'keep' or an integer from 1 to 8; got 9$/],
    [{ channels: 'all' as 'keep' }, /'keep' or an integer from 1 to 8; got 'all'$/],
    [{ input: { sampleRate: 16_000 } }, /^input, when given, must be an object with/],
    [{ signal: {} }, /AbortSignal/],
    [{ rate: 8000 }, /resample\(\) has no option rate/],
  ])('refuses options %j', (options, message) => {
    expect(() => resample(options as object)).toThrow(message)
    expect(() => resample(options as object)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('takes undefined for absent', () => {
    expect(() => resample({ sampleRate: undefined, input: undefined, signal: undefined } as object)).not.toThrow()
  })
})
