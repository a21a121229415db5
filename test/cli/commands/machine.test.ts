import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { microphoneLines } from '../../../src/cli/commands/machine.ts'
import { startCommand } from '../command.ts'

const directory = temporaryDirectories()

describe('microphoneLines', () => {
  it('lists ids and names, without what commands a terminal', async () => {
    const found = [
      { id: 'hw:1', name: 'Desk\u001B[2J', backend: 'alsa', preferred: true },
      { id: 'hw:10', name: 'hw:10', backend: 'alsa', preferred: false },
    ] as const
    const lines = await microphoneLines(() => Promise.resolve(found))
    expect(lines).toEqual(['hw:1   Desk[2J  (taken where none is named)', 'hw:10'])
  })

  it('says that there is none', async () => {
    expect(await microphoneLines(() => Promise.resolve([]))).toEqual([
      expect.stringContaining('no microphone was found'),
    ])
  })
})

async function doctor(env: Record<string, string>, ...argv: string[]) {
  const running = startCommand(['doctor', ...argv], env)
  const code = await running.ended
  return { code, out: running.out, err: running.err }
}

describe('diarize-stream doctor', () => {
  it('says what there is, and never shows a key', async () => {
    const { code, out, err } = await doctor({ ASSEMBLYAI_API_KEY: 'hush' })
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^FFmpeg +\S+ at \/.+, with(?:out)? libass/m)
    expect(out).toMatch(/^engine +sherpa-onnx, with whisper-tiny\.en in the box$/m)
    expect(out).toMatch(/^key +ASSEMBLYAI_API_KEY is set$/m)
    expect(out).not.toContain('hush')
  })

  it('says what is missing, and what to do', async () => {
    const { code, out } = await doctor({ FFMPEG_PATH: '/does/not/exist' })
    expect(code).toBe(1)
    expect(out).toMatch(/^FFmpeg +not found\n +-> the environment variable FFMPEG_PATH names \/does\/not\/exist/m)
    expect(out).toMatch(/^key +ASSEMBLYAI_API_KEY is not set\n +-> set it/m)
  })

  it('says that an engine does not run that is installed', async () => {
    const { code, out } = await doctor({ DIARIZE_STREAM_NODE: '/bin/false' })
    expect(code).toBe(1)
    expect(out).toMatch(/^engine +nothing is heard on this machine\n +-> the engine on this machine needs a process/m)
  })

  it.each([
    ['writes without end', 'while :; do echo more; done', 'it writes without end'],
    [
      'lacks a library',
      'echo "libavdevice.so.59: cannot open" >&2; exit 127',
      'it ends with exit code 127 at -version: … libavdevice.so.59',
    ],
    ['crashes', 'kill -SEGV $$', 'it crashes at -version'],
    ['is something else', 'echo hello', 'it does not say that it is FFmpeg'],
  ])('says that an FFmpeg does not run that %s', async (_what, script, reason) => {
    const file = path.join(directory(), 'ffmpeg')
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    const { code, out } = await doctor({ FFMPEG_PATH: file })
    expect([code, out]).toEqual([1, expect.stringContaining(`${file} does not run: ${reason}`)])
  })

  it('explains itself', async () => {
    expect((await doctor({}, '--help')).out).toContain('diarize-stream doctor [--network]')
    expect(await doctor({}, '--netwrk')).toMatchObject({
      code: 2,
      err: expect.stringContaining('did you mean --network?') as string,
    })
  })
})
