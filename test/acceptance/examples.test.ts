import { mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clipFolder, example, startExample } from '../helpers/example.ts'

const made = clipFolder()

describe('examples run', { timeout: 300_000 }, () => {
  it('caption-a-video', async () => {
    const output = join(made.folder, 'video.srt')
    expect(await example('caption-a-video.ts', [made.clip, output])).toContain(output)
    expect(await readFile(output, 'utf8')).toMatch(/^1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\nSpeaker A: /)
  })

  it('microphone', async () => {
    const running = startExample('microphone.ts', ['2'], made.folder)
    const code = await running.ended
    // Most machines that run tests have none, and are told so.
    if (code !== 0) console.warn('the example of the microphone has met no microphone')
    expect(code === 0 ? 'heard' : running.printed).toMatch(/^heard$|NO_MICROPHONE/)
  })

  it('test-your-pipeline', async () => {
    const workplace = await mkdtemp(join(made.folder, 'test-'))
    const printed = await example('test-your-pipeline.ts', [], workplace)
    expect(printed).toMatch(/^Speaker B: Very well, thank you\.$/m)
    expect(printed).toMatch(/^refused: UNAUTHORIZED\nattempt 1 after CONNECTION_LOST\n2 turns, 0 gaps, 2 connections$/m)
  })
})
