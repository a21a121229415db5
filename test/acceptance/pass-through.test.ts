import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findFfmpeg } from '../../src/ffmpeg/find.ts'
import { diarize, fileSource, run } from '../../src/index.ts'
import { serve } from '../../src/server/index.ts'
import { toneAudio, toneEngine, toneText } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { Collector } from '../trials/collector.ts'

const script = toneScript({ seed: 3, duration: 6000, speakers: 2, turnWords: [2, 6] })
const audio = toneAudio(script)

let directory: string
const file = (name: string): string => join(directory, name)
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'diarize-stream-pass-through-'))
  const input = ['-v', 'error', '-f', 's16le', '-ar', '16000', '-ac', '1', '-i', 'pipe:0']
  const opus = ['-c:a', 'libopus', '-b:a', '96k', '-application', 'audio']
  await new Promise<void>((resolve, reject) => {
    const args = [...input, ...opus, file('one.opus')]
    const child = execFile(findFfmpeg(), args, (error) => (error ? reject(error) : resolve()))
    child.stdin?.end(audio)
  })
  const one = await readFile(file('one.opus'))
  await writeFile(file('joined.opus'), Buffer.concat([one, one]))
})
afterAll(() => rm(directory, { recursive: true }))

async function hear(name: string): Promise<{ words: string[]; encodings: unknown[]; warnings: string[] }> {
  const encodings: unknown[] = []
  const warnings: string[] = []
  await using server = await serve({ engine: toneEngine() })
  server.on('session', ({ parameters }) => encodings.push(parameters.encoding))
  const source = fileSource(file(name), { passThrough: true })
  source.on('warning', ({ code }) => warnings.push(code))
  const collector = new Collector()
  await run(source, diarize({ url: server.url, apiKey: 'key' }), collector)
  const words = collector.turns().flatMap((turn) => turn.words.map(({ text, start }) => `${text} ${start}`))
  return { words, encodings, warnings }
}

const wordsFrom = (from: number): string[] => script.map(({ word, start }) => `${toneText(word)} ${start + from}`)

it('an Opus file is sent as it is', async () => {
  expect(await hear('one.opus')).toEqual({ words: wordsFrom(0), encodings: ['ogg_opus'], warnings: [] })
})

it('files that were joined are decoded, and all of them are heard', async () => {
  const words = [...wordsFrom(0), ...wordsFrom(audio.length / 32)]
  expect(await hear('joined.opus')).toEqual({ words, encodings: ['pcm_s16le'], warnings: ['PASS_THROUGH_UNUSED'] })
})
