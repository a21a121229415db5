import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { buffer, text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { createMedia, type Media } from '../helpers/media.ts'
import { shapeOf } from '../helpers/wav-shape.ts'

let media: Media
beforeAll(async () => {
  media = await createMedia()
})
afterAll(() => media.remove())

describe('bytes that this process is given', () => {
  const program = `
    import { fileSource } from 'diarize-stream'
    const source = fileSource(process.argv[1])
    if (process.argv[2] === 'once') source.once('data', () => source.destroy())
    else source.pipe(process.stdout)
    source.on('error', (error) => {
      console.error(error.code)
      process.exitCode = 1
    })`
  const node = ['--input-type=module', '-e', program]
  const cwd = fileURLToPath(new URL('../..', import.meta.url))

  async function run(input: Buffer, ...words: string[]): Promise<{ output: Buffer; errors: string; code: unknown }> {
    const child = spawn(process.execPath, [...node, ...words], { cwd })
    const exit = once(child, 'exit')
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    const [output, errors, [code]] = await Promise.all([buffer(child.stdout), text(child.stderr), exit])
    return { output, errors, code }
  }

  it.each(['wav', 'm4a'] as const)('are read from the standard input: %s', async (kind) => {
    const { output, errors, code } = await run(await readFile(media[kind]), '-')
    expect(errors).toBe('')
    expect(code).toBe(0)
    expect(shapeOf(output).rate).toBe(44_100)
    expect(shapeOf(output).samples).toBeGreaterThanOrEqual(88_200)
  })

  it.skipIf(process.platform === 'win32')('are read from its descriptor, also where that is a socket', async () => {
    const { output, errors, code } = await run(await readFile(media.wav), '/dev/fd/0')
    expect([code, errors]).toEqual([0, ''])
    expect(shapeOf(output).samples).toBe(88_200)
  })

  it('are an error if there are none', async () => {
    expect(await run(Buffer.alloc(0), '-')).toMatchObject({ code: 1, errors: 'NO_AUDIO\n' })
  })

  it('are a typed error where they cannot be read', async () => {
    const { errors, code } = await run(Buffer.alloc(0), '/dev/fd/987')
    expect(errors).toMatch(/^INPUT_(NOT_FOUND|UNREADABLE)\n$/)
    expect(code).toBe(1)
  })

  it('do not keep the program alive once nobody wants them', async () => {
    const child = spawn(process.execPath, [...node, '-', 'once'], { cwd })
    const exit = once(child, 'exit')
    child.stdin.on('error', () => {})
    // Enough that every release of FFmpeg gives audio before the end, which some wait for with a short file.
    child.stdin.write(
      Buffer.concat([writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }), Buffer.alloc(2_000_000)]),
    )
    // The standard input is never ended.
    expect((await exit)[0]).toBe(0)
    child.stdin.destroy()
  })

  it.skipIf(process.platform === 'win32')('are read from a descriptor the shell made', async () => {
    const script = `exec "$0" "$@" /dev/fd/9 9< <(cat ${JSON.stringify(media.m4a)})`
    const options = { cwd, encoding: 'buffer', maxBuffer: 2 ** 24 } as const
    const { stdout } = await promisify(execFile)('bash', ['-c', script, process.execPath, ...node], options)
    expect(shapeOf(stdout).samples).toBeGreaterThanOrEqual(88_200)
  })
})
