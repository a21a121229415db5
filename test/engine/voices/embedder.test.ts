import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type Embedder, type EmbedderOptions, openEmbedder } from '../../../src/engine/voices/embedder.ts'
import { oddsOfOnePerson, withVoice } from '../../../src/voices/profile.ts'
import { haveFlite, join16, silence, speak } from '../../helpers/flite.ts'
import { childProcesses, noChildLeft } from '../../helpers/processes.ts'
import { engineProcess as marker, whyNoBox } from '../../helpers/sherpa.ts'
import { tinySpeakerModel } from '../../helpers/tiny-models.ts'

const opened: Embedder[] = []

async function open(options?: EmbedderOptions): Promise<Embedder> {
  const embedder = await openEmbedder(options)
  opened.push(embedder)
  return embedder
}

describe('openEmbedder', () => {
  it('refuses what it does not know', async () => {
    await expect(openEmbedder({ modell: 'a' } as EmbedderOptions)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(openEmbedder({ model: 'no such' })).rejects.toMatchObject({ code: 'MODEL_MISSING' })
  })
})

describe.skipIf(whyNoBox !== undefined)('openEmbedder', () => {
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((embedder) => embedder.close()))
    await noChildLeft(marker)
  })

  it.skipIf(!haveFlite)('knows voices again by what they say, and says by which model', async () => {
    const embedder = await open()
    expect(embedder.model).toEqual({ name: 'voices', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string })
    const profiles = await Promise.all(
      [
        ['slt', 'she sells sea shells by the shore every day'],
        ['slt', 'we will meet again tomorrow at the station'],
        ['awb', 'the quick brown fox jumps over the lazy dog'],
      ].map(async ([voice = '', text = '']) => {
        const speech = speak(voice, text)
        const heard = await embedder.voiceIn(join16([silence(900), speech, silence(900)]))
        // Of what is quiet, nothing counts.
        expect(heard?.frames).toBeLessThanOrEqual(speech.length / 160)
        expect(heard?.frames).toBeGreaterThan((0.7 * speech.length) / 160)
        return withVoice({}, heard!)
      }),
    )
    expect(oddsOfOnePerson(profiles[0]!, profiles[1]!)).toBeGreaterThan(3)
    expect(oddsOfOnePerson(profiles[0]!, profiles[2]!)).toBeLessThan(-3)
    expect(await embedder.voiceIn(silence(3000))).toBeUndefined()
    expect(await embedder.voiceIn(new Int16Array(0))).toBeUndefined()
    const tone = Int16Array.from({ length: 48_000 }, (_, i) => 9000 * Math.sin((2 * Math.PI * 440 * i) / 16_000))
    expect(await embedder.voiceIn(tone)).toBeUndefined()
  })

  it('shares its process with others of the same model, and leaves none behind', async () => {
    const [one, two] = await Promise.all([open(), open()])
    expect(childProcesses(marker)).toHaveLength(1)
    await one.close()
    await one.close()
    expect(await two.embed(new Int16Array(16_000), [{ start: 0, end: 100 }])).toMatchObject([{ frames: 100 }])
    await two.close()
    expect(childProcesses(marker)).toEqual([])
    await expect(two.embed(new Int16Array(16_000), [{ start: 0, end: 100 }])).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
    })
  })

  it('takes the model that is named, and says what is wrong with one that cannot be loaded', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'voices-'))
    try {
      const file = join(folder, 'voices.onnx')
      writeFileSync(file, tinySpeakerModel())
      const embedder = await open({ model: file })
      expect(embedder.model.name).toBe(file)
      expect(embedder.model.sha256).toMatch(/^[0-9a-f]{64}$/)
      await embedder.close()
      writeFileSync(file, tinySpeakerModel().subarray(0, 100))
      await expect(openEmbedder({ model: file })).rejects.toMatchObject({ code: 'MODEL_UNUSABLE' })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('is given up by the signal, while it loads and later', async () => {
    const stopped = new Error('stopped')
    await expect(openEmbedder({ signal: AbortSignal.abort(stopped) })).rejects.toBe(stopped)
    const loading = new AbortController()
    const opening = openEmbedder({ signal: loading.signal })
    setImmediate(() => loading.abort(stopped))
    await expect(opening).rejects.toBe(stopped)
    const later = new AbortController()
    const embedder = await open({ signal: later.signal })
    later.abort()
    await embedder.close()
    expect(childProcesses(marker)).toEqual([])
  })
})
