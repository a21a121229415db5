import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { parseSubtitles, parseVtt } from '../captions/parsers.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()
const main = path.resolve(import.meta.dirname, '../../dist/cli/main.js')
const clip = path.resolve(import.meta.dirname, '../../demo/dialogue.mp4')

async function command(...argv: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [main, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ASSEMBLYAI_API_KEY: '' },
  })
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exited])
  return { code, out, err }
}

describe('diarize-stream', () => {
  it('captions a video into several files, and reports how well', async () => {
    const folder = directory()
    const file = (name: string) => path.join(folder, name)
    const outputs = ['talk.srt', 'talk.vtt', 'talk.jsonl', 'talk.txt', 'talk.rttm', 'talk.ass', 'talk.ctm', 'talk.stm']
    const { code, out, err } = await command(
      clip,
      ...outputs.flatMap((name) => ['-o', file(name)]),
      '--names',
      'A=Alice',
      '--report',
    )
    expect([code, out]).toEqual([0, ''])
    const read = (name: string) => readFileSync(file(name), 'utf8')
    const cues = parseSubtitles(read('talk.srt'))
    expect(cues.length).toBeGreaterThan(5)
    expect(parseVtt(read('talk.vtt')).cues).toHaveLength(cues.length)
    for (const name of outputs) expect(read(name)).not.toBe('')
    expect(read('talk.rttm')).toContain('SPEAKER talk 1 ')
    expect(err).toContain(`captions    ${cues.length} cues, `)
    expect(err).toContain('0 cues mix speakers')
  })

  it.each([
    [['/does/not/exist.mp4'], 3, 'does not exist'],
    [[], 2, 'an input is needed'],
    [[clip, '-o', 'talk.doc'], 2, "-o must end in one of .srt .vtt .ass .jsonl .txt .rttm .ctm .stm; got 'talk.doc'"],
    [[clip, '-o', '/does/not/exist.srt'], 1, 'cannot write to /does/not/exist.srt'],
    [[clip, '--engine', 'assemblyai'], 2, 'diarize-stream: '],
  ])('ends with the right code for %j', async (argv, expected, message) => {
    const { code, out, err } = await command(...argv)
    expect([code, out]).toEqual([expected, ''])
    expect(err).toContain(message)
    expect(err).not.toMatch(/\n\s+at /)
  })

  it('prints its usage and version', async () => {
    expect(await command('--help')).toMatchObject({ code: 0, err: '' })
    expect(await command('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  })
})
