import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ffmpeg } from '../helpers/media.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
let folder: string
let clip: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diarize-stream-examples-'))
  clip = join(folder, 'clip.mp4')
  // The first turns are enough.
  await ffmpeg('-i', join(root, 'demo', 'dialogue.mp4'), '-t', '8', '-c', 'copy', clip)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs an example against the built package, as a user would, with nothing configured. */
async function example(name: string, args: string[] = [], cwd = root): Promise<string> {
  const { ASSEMBLYAI_API_KEY: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', loader, join(root, 'examples', name), ...args],
    { cwd, env, timeout: 240_000 },
  )
  return stdout
}

describe('every example runs', { timeout: 300_000 }, () => {
  it('caption-a-video', async () => {
    const output = join(folder, 'video.srt')
    expect(await example('caption-a-video.ts', [clip, output])).toContain(output)
    expect(await readFile(output, 'utf8')).toMatch(/^1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\nSpeaker A: /)
  })

  it('long-form', async () => {
    const output = join(folder, 'video.vtt')
    expect(await example('long-form.ts', [clip, output])).toMatch(/session on pocketsphinx/)
    expect(await readFile(output, 'utf8')).toMatch(/^WEBVTT\n\n1\n00:00:0\d\.\d{3} --> 00:00:0\d\.\d{3}\n<v Alan>/)
  })

  it('your-own-readable', async () => {
    expect(await example('your-own-readable.ts')).toMatch(/^\[A\] good morning/im)
  })

  it('call-recording', async () => {
    const call = join(folder, 'call.wav')
    const output = join(folder, 'call.vtt')
    // The clip as a telephone call of its first three turns: the second is of the other speaker, on the other channel.
    const second = "enable='between(t,4.6,7.4)'"
    const others = "enable='lt(t,4.6)+gt(t,7.4)'"
    const split = `[0:a]asplit[a][b];[a]volume=0:${second}[l];[b]volume=0:${others}[r];[l][r]join=inputs=2[call]`
    const source = ['-i', join(root, 'demo', 'dialogue.mp4'), '-t', '10', '-filter_complex', split, '-map', '[call]']
    await ffmpeg(...source, '-ar', '8000', '-c:a', 'pcm_mulaw', call)
    const printed = await example('call-recording.ts', [call, output])
    expect(printed).toMatch(/^Agent is heard by pocketsphinx\nCustomer is heard by pocketsphinx\n/)
    expect(printed).toMatch(/ turns of Agent and Customer are in /)
    const voices = [...(await readFile(output, 'utf8')).matchAll(/^<v (\w+)>/gm)].map(([, name]) => name)
    expect(voices.filter((name, index) => name !== voices[index - 1])).toEqual(['Agent', 'Customer', 'Agent'])
  })

  it('demo', async () => {
    const workplace = join(folder, 'workplace')
    await mkdir(join(workplace, 'demo'), { recursive: true })
    await copyFile(clip, join(workplace, 'demo', 'dialogue.mp4'))
    const printed = await example('demo.ts', [], workplace)
    expect(printed).toMatch(/Engine: pocketsphinx/)
    expect(printed).toMatch(/Speaker A: /)
    expect(printed).toMatch(/demo\/output\/dialogue\.srt/)
  })
})
