import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { example, startExample } from '../helpers/example.ts'
import { ffmpeg } from '../helpers/media.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let folder: string
let clip: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diarize-stream-examples-'))
  clip = join(folder, 'clip.mp4')
  // The first turns are enough.
  await ffmpeg('-i', join(root, 'demo', 'dialogue.mp4'), '-t', '8', '-c', 'copy', clip)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('examples run', { timeout: 300_000 }, () => {
  it('caption-a-video', async () => {
    const output = join(folder, 'video.srt')
    expect(await example('caption-a-video.ts', [clip, output])).toContain(output)
    expect(await readFile(output, 'utf8')).toMatch(/^1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\nSpeaker A: /)
  })

  it('long-form', async () => {
    const output = join(folder, 'video.vtt')
    expect(await example('long-form.ts', [clip, output])).toMatch(/session on sherpa-onnx/)
    expect(await readFile(output, 'utf8')).toMatch(/^WEBVTT\n\n1\n00:00:0\d\.\d{3} --> 00:00:0\d\.\d{3}\n<v Alan>/)
  })

  it('your-own-readable', async () => {
    expect(await example('your-own-readable.ts')).toMatch(/^\[A\] good morning/im)
  })

  it('microphone', async () => {
    const running = startExample('microphone.ts', ['2'], folder)
    const code = await running.ended
    // Most machines that run tests have none, and are told so.
    if (code !== 0) console.warn('the example of the microphone has met no microphone')
    expect(code === 0 ? 'heard' : running.printed).toMatch(/^heard$|NO_MICROPHONE/)
  })

  it('test-your-pipeline', async () => {
    const workplace = await mkdtemp(join(folder, 'test-'))
    const printed = await example('test-your-pipeline.ts', [], workplace)
    expect(printed).toMatch(/^Speaker B: Very well, thank you\.$/m)
    expect(printed).toMatch(/^refused: UNAUTHORIZED\nattempt 1 after CONNECTION_LOST\n2 turns, 0 gaps, 2 connections$/m)
  })
})
