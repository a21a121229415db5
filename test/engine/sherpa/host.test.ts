import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { findRecogniser, findSpeakers } from '../../../src/engine/models/installed.ts'
import type { EngineError } from '../../../src/errors.ts'
import type { RecognisedWord, Recogniser } from '../../../src/engine/parts.ts'
import { SherpaHost } from '../../../src/engine/sherpa/host.ts'
import { join16 } from '../../helpers/flite.ts'
import { childProcesses, noChildLeft } from '../../helpers/processes.ts'
import { whyNoSherpa } from '../../helpers/sherpa.ts'
import { tinySpeakerModel, tokenTone, writeTinyRecogniser } from '../../helpers/tiny-models.ts'

const run = promisify(execFile)
const marker = 'engine-process.js'
let folder: string

beforeAll(() => {
  folder = `${mkdtempSync(join(tmpdir(), 'sherpa-'))}/`
  writeTinyRecogniser(`${folder}recogniser`)
  // Both models in one folder, as they can be in somebody's own.
  writeFileSync(`${folder}recogniser/voices.onnx`, tinySpeakerModel())
})
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => noChildLeft(marker))

/** "hello world bye", from 500 ms on. */
const said = (): Int16Array =>
  join16([
    tokenTone(undefined, 500),
    tokenTone('▁HEL', 200),
    tokenTone('LO', 200),
    tokenTone(undefined, 300),
    tokenTone('▁WORLD', 300),
    tokenTone(undefined, 200),
    tokenTone('▁BY', 300),
    tokenTone('E', 300),
    tokenTone(undefined, 100),
  ])

async function hear(recogniser: Recogniser, samples = said()): Promise<RecognisedWord[]> {
  await recogniser.start()
  for (let at = 0; at < samples.length; at += 1600) await recogniser.accept(samples.subarray(at, at + 1600))
  return recogniser.finish()
}

describe.skipIf(whyNoSherpa !== undefined)('SherpaHost', () => {
  it('recognises words with times and confidences, utterance after utterance', async () => {
    const host = new SherpaHost()
    const recogniser = await host.openRecogniser(findRecogniser(`${folder}recogniser`))
    for (let utterance = 0; utterance < 3; utterance++) {
      const words = await hear(recogniser)
      expect(words.map(({ text }) => text)).toEqual(['hello', 'world', 'bye'])
      const [hello, world, bye] = words as [RecognisedWord, RecognisedWord, RecognisedWord]
      // Frames of the recogniser are 40 ms.
      for (const [word, start] of [
        [hello, 500],
        [world, 1200],
        [bye, 1700],
      ] as const) {
        expect(Math.abs(word.start - start)).toBeLessThanOrEqual(40)
        expect(word.end).toBeGreaterThan(word.start)
        expect(word.confidence).toBeGreaterThan(0.5)
        expect(word.confidence).toBeLessThanOrEqual(1)
      }
      expect(hello.end).toBeLessThanOrEqual(world.start)
      expect(bye.end).toBeLessThanOrEqual(2400)
    }
    await recogniser.close()
  })

  it('tells what it has so far in the middle of an utterance', async () => {
    const recogniser = await new SherpaHost().openRecogniser(findRecogniser(`${folder}recogniser`))
    await recogniser.start()
    expect(await recogniser.partial()).toEqual([])
    await recogniser.accept(said().subarray(0, 16 * 1600))
    expect((await recogniser.partial()).map(({ text }) => text)).toEqual(['hello', 'world'])
    await recogniser.close()
    await expect(recogniser.start()).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
  })

  it('has one process for all, whose streams do not mix, until the last is closed', async () => {
    const host = new SherpaHost()
    const model = findRecogniser(`${folder}recogniser`)
    const [first, second, speakers] = await Promise.all([
      host.openRecogniser(model),
      host.openRecogniser(model),
      host.openSpeakers(findSpeakers(`${folder}recogniser/voices.onnx`)),
    ])
    expect(childProcesses(marker)).toHaveLength(1)
    const good = join16([tokenTone(undefined, 300), tokenTone('▁GOOD', 300), tokenTone(undefined, 300)])
    const [one, two] = await Promise.all([hear(first), hear(second, good)])
    expect(one.map(({ text }) => text)).toEqual(['hello', 'world', 'bye'])
    expect(two.map(({ text }) => text)).toEqual(['good'])
    await first.close()
    await speakers.close?.()
    expect((await hear(second)).map(({ text }) => text)).toEqual(['hello', 'world', 'bye'])
    await second.close()
    expect(childProcesses(marker)).toHaveLength(0)
  })

  it('makes vectors of length 1 that tell tones apart, also of very short stretches', async () => {
    const speakers = await new SherpaHost().openSpeakers(findSpeakers(`${folder}recogniser/voices.onnx`))
    expect(speakers).toMatchObject({ size: 80, threshold: 0.5 })
    const samples = join16([tokenTone('▁HEL', 1000), tokenTone('E', 1000), tokenTone('▁HEL', 1000)])
    const vectors = await speakers.embed(
      samples,
      [
        { start: 0, end: 100 },
        { start: 100, end: 200 },
        { start: 200, end: 300 },
        { start: 0, end: 3 },
        { start: 0, end: 0 },
      ],
      [],
    )
    expect(vectors.map(({ length }) => length)).toEqual([80, 80, 80, 80, 80])
    const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0)
    for (const vector of vectors.slice(0, 4)) expect(cosine(vector, vector)).toBeCloseTo(1)
    expect(cosine(vectors[0]!, vectors[2]!)).toBeGreaterThan(0.95)
    expect(cosine(vectors[0]!, vectors[3]!)).toBeGreaterThan(cosine(vectors[1]!, vectors[3]!))
    expect(cosine(vectors[0]!, vectors[1]!)).toBeLessThan(0.7)
    expect(await speakers.embed(samples, [], [])).toEqual([])
    await speakers.close?.()
  })

  it.each([
    ['a broken file', Buffer.from('no model at all')],
    ['a file without the numbers that belong to it', tinySpeakerModel({ framework: 'another' })],
  ])('survives %s, which ends the process, and says what to do', async (_what, data) => {
    const file = `${folder}broken.onnx`
    writeFileSync(file, data)
    const host = new SherpaHost()
    await expect(host.openSpeakers(findSpeakers(file))).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringMatching(/cannot be loaded: .*(ended).*models list/s) as string,
    })
    // The next one has a new process.
    const recogniser = await host.openRecogniser(findRecogniser(`${folder}recogniser`))
    expect(await hear(recogniser)).toHaveLength(3)
    await recogniser.close()
  })

  it('survives a broken encoder', async () => {
    writeTinyRecogniser(`${folder}broken`)
    writeFileSync(`${folder}broken/encoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx`, tinySpeakerModel())
    await expect(new SherpaHost().openRecogniser(findRecogniser(`${folder}broken`))).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
    })
  })

  it('fails what is under way when the process is killed, and starts another for the next', async () => {
    const host = new SherpaHost()
    const model = findRecogniser(`${folder}recogniser`)
    const recogniser = await host.openRecogniser(model)
    await recogniser.start()
    process.kill(childProcesses(marker)[0]!.pid, 'SIGKILL')
    const failure = { code: 'ENGINE_FAILED', retryable: true, message: expect.stringContaining('SIGKILL') as string }
    await expect(hear(recogniser)).rejects.toMatchObject(failure)
    const next = await host.openRecogniser(model)
    expect(await hear(next)).toHaveLength(3)
    await Promise.all([recogniser.close(), next.close()])
  })

  it('can be closed while it hears', async () => {
    const recogniser = await new SherpaHost().openRecogniser(findRecogniser(`${folder}recogniser`))
    await recogniser.start()
    const hearing = recogniser.accept(said()).then(
      () => 'heard',
      (error: EngineError) => error.code,
    )
    await recogniser.close()
    expect(['heard', 'ENGINE_FAILED']).toContain(await hearing)
    expect(childProcesses(marker)).toHaveLength(0)
  })
})

describe('SherpaHost without the package', () => {
  it('says what to install', async () => {
    // What is built, where no package can be found from.
    const dist = new URL('../../../dist/', import.meta.url)
    for (const part of ['engine', 'errors.js', 'redact.js', 'options.js']) {
      cpSync(new URL(part, dist), `${folder}alone/dist/${part}`, { recursive: true })
    }
    cpSync(new URL('../bin/', dist), `${folder}alone/bin`, { recursive: true })
    writeFileSync(`${folder}alone/package.json`, '{"type":"module"}')
    const host = pathToFileURL(`${folder}alone/dist/engine/sherpa/host.js`).href
    const script = `const { SherpaHost } = await import(process.argv[1])
      await new SherpaHost().openRecogniser(JSON.parse(process.argv[2])).catch((e) => console.log(e.code, e.message))`
    const model = JSON.stringify(findRecogniser(`${folder}recogniser`))
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script, host, model])
    expect(stdout).toMatch(/^ENGINE_UNAVAILABLE .* npm install sherpa-onnx-node;/)
  })
})

describe('findRecogniser', () => {
  it('names what is missing and how to get it', () => {
    mkdirSync(`${folder}empty`, { recursive: true })
    for (const [model, message] of [
      ['zipformer-en', 'diarize-stream models pull zipformer-en'],
      ['zipformer-xx', 'one of zipformer-en,'],
      ['campplus-en', 'no recogniser called campplus-en'],
      [`${folder}nowhere`, 'there is no folder'],
      [`${folder}empty`, 'it has no encoder*.onnx'],
    ] as const) {
      expect(() => findRecogniser(model, `${folder}models`)).toThrow(message)
    }
    expect(() => findSpeakers('zipformer-en')).toThrow('no speaker model called zipformer-en')
    expect(() => findSpeakers(`${folder}no.onnx`)).toThrow('there is no speaker model')
  })

  it('takes parts of one set, small weights for the encoder, and large ones for the decoder', () => {
    const own = `${folder}several/`
    mkdirSync(own)
    for (const set of ['-a', '-b']) {
      for (const part of ['encoder', 'decoder', 'joiner']) {
        for (const kind of ['', '.int8']) writeFileSync(`${own}${part}${set}${kind}.onnx`, '')
      }
    }
    rmSync(`${own}encoder-a.int8.onnx`)
    rmSync(`${own}encoder-a.onnx`)
    writeFileSync(`${own}tokens.txt`, '<blk> 0\n▁The 1\n')
    expect(findRecogniser(own)).toMatchObject({
      files: {
        encoder: `${own}encoder-b.int8.onnx`,
        decoder: `${own}decoder-b.onnx`,
        joiner: `${own}joiner-b.int8.onnx`,
      },
      onlyCapitals: false,
    })
  })
})
