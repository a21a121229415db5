import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { CertaintyCount, type CertaintyFigures } from '../../src/certainty.ts'
import { certaintyWarning } from '../../src/cli/view/certainty.ts'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import { runEngine } from '../helpers/engine-run.ts'
import { haveFlite, join16, silence, speakDialogue } from '../helpers/flite.ts'
import { makeNoise, noises } from '../helpers/noises.ts'

// The model in the box does not rate its words: what else tells of captions that are wrong must not tell it of good ones.

const recordings = process.env['DIARIZE_SPEECH'] ?? fileURLToPath(new URL('../../../shared/speech', import.meta.url))

async function figuresOf(samples: Int16Array): Promise<CertaintyFigures> {
  const { finals, unrecognized } = await runEngine(embeddedEngine(), samples, { formatTurns: true })
  const count = new CertaintyCount()
  for (const { words } of finals) count.add(words)
  for (const speech of unrecognized) count.addUnrecognized(speech)
  return count.figures
}

const threeTimesAsFast = ['atempo=2', 'atempo=1.4']

/** The sound of a file, or samples as they are given, through filters of FFmpeg. */
function samplesOf(sound: string | Int16Array, ...filters: string[]): Int16Array {
  const raw = ['-f', 's16le', '-ac', '1', '-ar', '16000']
  const input = typeof sound === 'string' ? ['-i', sound] : [...raw, '-i', '-']
  const graph = filters.length > 0 ? ['-af', filters.join(',')] : []
  const pcm = execFileSync('ffmpeg', ['-nostdin', '-loglevel', 'error', ...input, ...graph, ...raw, '-'], {
    maxBuffer: 1e8,
    ...(typeof sound !== 'string' && { input: Buffer.from(sound.buffer, sound.byteOffset, sound.byteLength) }),
  })
  return new Int16Array(Uint8Array.from(pcm).buffer)
}

describe.runIf(haveFlite)('of synthesised speech', () => {
  const line = 'we brought on two new engineers last week and they are doing very well'
  // Some stretches of 10 s, over which pace is judged, also at three times the speed.
  const voices = Array.from({ length: 24 }, (_, at) => (at % 2 === 0 ? 'rms' : 'slt'))
  const { samples } = speakDialogue(voices.map((voice) => [voice, line] as const))

  it('nothing is said where it is clear', async () => {
    expect(certaintyWarning(await figuresOf(samples), true)).toBeUndefined()
  }, 120_000)

  it('is doubted where it is faster than anybody speaks', async () => {
    const warning = certaintyWarning(await figuresOf(samplesOf(samples, ...threeTimesAsFast)), true)
    expect(warning?.message).toMatch(/more than 6 words a second .*; a better model/)
  }, 120_000)

  it('noise and music are not taken for speech that nobody understood', async () => {
    for (const noise of noises) {
      const figures = await figuresOf(join16([silence(300), await makeNoise(noise), silence(1000)]))
      expect({ name: noise.name, warning: certaintyWarning(figures, true) }).toEqual({ name: noise.name })
    }
  }, 600_000)
})

describe.runIf(existsSync(recordings))('of recorded speech', () => {
  const telephone = ['highpass=f=300', 'lowpass=f=3400', 'aresample=8000']
  it.each([
    ['azure/katiesteve.wav', []],
    ['moonshine/two_cities_16k.wav', []],
    ['synthetic/libri3_0.wav', []],
    ['azure/katiesteve.wav', telephone],
    ['moonshine/two_cities_16k.wav', telephone],
  ])(
    'nothing is said where it is clear: %s %j',
    async (file, filters) => {
      expect(
        certaintyWarning(await figuresOf(samplesOf(path.join(recordings, file), ...filters)), true),
      ).toBeUndefined()
    },
    120_000,
  )

  it.each([
    ['languages/es-ES-audio1.flac', []],
    ['languages/zh-CN-audio1.flac', []],
    ['moonshine/two_cities_16k.wav', ['areverse']],
    ['moonshine/two_cities_16k.wav', threeTimesAsFast],
  ])(
    'is doubted where the model cannot understand it: %s %j',
    async (file, filters) => {
      const warning = certaintyWarning(await figuresOf(samplesOf(path.join(recordings, file), ...filters)), true)
      expect(warning?.message).toMatch(/^many words are probably wrong or missing: .*; a better model/)
    },
    120_000,
  )
})
