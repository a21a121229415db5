import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blockSize, type AudioFormat, type SampleEncoding } from '../../src/audio/format.ts'
import { decodeSamples } from '../../src/audio/pcm.ts'
import { WavReader } from '../../src/audio/wav-reader.ts'
import { parseWavHeader, writeWavHeader } from '../../src/audio/wav.ts'
import { cut, encodePcm, noise } from './signals.ts'

/** WAV files as the real FFmpeg writes them, read by us; and ours, read by it. */
const ffmpeg = process.env.FFMPEG_PATH ?? 'ffmpeg'
const missing = spawnSync(ffmpeg, ['-version']).status !== 0
if (missing) console.warn('skipped: WAV files made by FFmpeg, since no FFmpeg was found')

const codecs: Record<SampleEncoding, string> = {
  u8: 'pcm_u8',
  s16le: 'pcm_s16le',
  s24le: 'pcm_s24le',
  s32le: 'pcm_s32le',
  f32le: 'pcm_f32le',
  mulaw: 'pcm_mulaw',
}
/** How far a sample may be off after the encoding, for samples up to 1. */
const tolerance: Record<SampleEncoding, number> = {
  u8: 1 / 100,
  s16le: 0,
  s24le: 0,
  s32le: 0,
  f32le: 0,
  mulaw: 1 / 30,
}
const encodings = Object.keys(codecs) as SampleEncoding[]
const rate = 22_050
const count = 333

function pcmInput(sampleRate: number, channels: number, from: string): string[] {
  return ['-f', 's16le', '-ar', `${sampleRate}`, '-ac', `${channels}`, '-i', from]
}

function samplesOf(wav: Buffer): { format: AudioFormat | undefined; samples: Float32Array } {
  const reader = new WavReader()
  const audio = Buffer.concat(cut(wav, [1000]).map((piece) => reader.push(piece)))
  const format = reader.header?.format
  return { format, samples: decodeSamples(audio, format?.encoding ?? 'u8') }
}

describe.skipIf(missing)('WAV between FFmpeg and us', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wav-ffmpeg-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function run(args: string[], input?: Buffer): Buffer {
    return execFileSync(ffmpeg, ['-v', 'error', '-nostdin', '-y', ...args], input === undefined ? {} : { input })
  }

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'reads files of %i channels in every encoding, with titles before the data',
    (channels) => {
      const source = noise(count * channels)
      const raw = encodePcm(source, { sampleRate: rate, channels: 1, encoding: 's16le' })
      const input = join(folder, `${channels}.raw`)
      writeFileSync(input, raw)
      const outputs = encodings.map((encoding) => join(folder, `${channels}-${encoding}.wav`))
      run([
        ...pcmInput(rate, channels, input),
        ...encodings.flatMap((encoding, i) => ['-metadata', 'title=odd', '-c:a', codecs[encoding], outputs[i] ?? '']),
      ])
      const expected = decodeSamples(raw, 's16le')
      for (const [i, encoding] of encodings.entries()) {
        const wav = readFileSync(outputs[i] ?? '')
        expect(wav.includes('LIST')).toBe(true)
        const { format, samples } = samplesOf(wav)
        expect(format).toEqual({ sampleRate: rate, channels, encoding })
        expect(samples.length).toBe(count * channels)
        const worst = samples.reduce((most, sample, at) => Math.max(most, Math.abs(sample - (expected[at] ?? 9))), 0)
        expect({ encoding, close: worst <= tolerance[encoding] }).toEqual({ encoding, close: true })
      }
    },
  )

  it.each([1, 2, 6])('reads %i channels from a pipe, where the length is unknown', (channels) => {
    const raw = encodePcm(noise(count * channels), { sampleRate: rate, channels: 1, encoding: 's16le' })
    const wav = run([...pcmInput(rate, channels, 'pipe:0'), '-f', 'wav', 'pipe:1'], raw)
    const probe = parseWavHeader(wav)
    expect(probe.kind === 'wav' && probe.header.dataBytes === undefined).toBe(true)
    expect(samplesOf(wav).samples).toEqual(decodeSamples(raw, 's16le'))
  })

  it('writes the header FFmpeg writes on a pipe, byte for byte', () => {
    const raw = encodePcm(noise(count), { sampleRate: 16_000, channels: 1, encoding: 's16le' })
    const wav = run([...pcmInput(16_000, 1, 'pipe:0'), '-bitexact', '-f', 'wav', 'pipe:1'], raw)
    const header = writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' })
    expect(wav.subarray(0, 44).equals(header)).toBe(true)
  })

  it('reads RF64', () => {
    const raw = encodePcm(noise(count), { sampleRate: 16_000, channels: 1, encoding: 's16le' })
    const file = join(folder, 'long.wav')
    run([...pcmInput(16_000, 1, 'pipe:0'), '-rf64', 'always', file], raw)
    const wav = readFileSync(file)
    expect(wav.toString('latin1', 0, 4)).toBe('RF64')
    const probe = parseWavHeader(wav)
    expect(probe.kind === 'wav' && probe.header.dataBytes).toBe(raw.length)
    expect(samplesOf(wav).samples).toEqual(decodeSamples(raw, 's16le'))
  })

  it.each(encodings.flatMap((encoding) => [1, 2, 6].map((channels) => ({ encoding, channels }))))(
    'writes headers FFmpeg reads: $encoding, $channels channels',
    ({ encoding, channels }) => {
      const format: AudioFormat = { sampleRate: rate, channels, encoding }
      const audio = encodePcm(noise(count), format)
      for (const header of [writeWavHeader(format), writeWavHeader(format, audio.length)]) {
        const back = run(
          ['-f', 'wav', '-i', 'pipe:0', '-c:a', 'copy', '-f', 'data', '-map', '0:a', 'pipe:1'],
          Buffer.concat([header, audio]),
        )
        expect(back.length).toBe(count * blockSize(format))
        expect(back.equals(audio)).toBe(true)
      }
    },
  )
})
