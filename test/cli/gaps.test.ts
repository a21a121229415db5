import { readFileSync } from 'node:fs'
import path from 'node:path'
import { serve } from 'diarize-stream/server'
import { faultServer, rtspFaultServer, scriptedEngine } from 'diarize-stream/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { parseSubtitles } from '../captions/parsers.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { asking, command, type CommandRun, startCommand } from './command.ts'

const directory = temporaryDirectories()
const clip = path.resolve(import.meta.dirname, '../../demo/dialogue.mp4')
const engine = () => scriptedEngine([{ words: 'Good morning', start: 100, end: 900, speaker: 'A' }])
const open: { close(): Promise<void> }[] = []
const running: CommandRun[] = []
afterEach(async () => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL')
  for (const server of open.splice(0)) await server.close()
})

describe('audio that nobody heard', () => {
  it('ends it so also where it is ended while the camera is away', async () => {
    const away = Array.from({ length: 99 }, () => ({ fault: 'refuse' }) as const)
    const camera = await rtspFaultServer([{ fault: 'drop', afterMs: 1200 }, ...away])
    const server = await serve({ engine: engine() })
    open.push(camera, server)
    const folder = directory()
    const file = path.join(folder, 'camera.srt')
    const run = startCommand([camera.url, '-o', file, '--json', ...asking(server.url, folder)])
    running.push(run)
    // More than the second for which what is late may still come.
    await run.wrote('"attempt":4')
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(5)
    expect(run.out).toContain('"type":"gap","start":1200')
  })

  it('listens to a camera that sends over UDP alone', async () => {
    const camera = await rtspFaultServer({ fault: 'none' }, { transports: ['udp'] })
    const server = await serve({ engine: engine() })
    open.push(camera, server)
    const folder = directory()
    const file = path.join(folder, 'camera.srt')
    const run = startCommand([camera.url, '-o', file, '--json', ...asking(server.url, folder)])
    running.push(run)
    await run.wrote('"type":"session"')
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(130)
    expect(camera.connections.at(-1)?.transport).toBe('udp')
  })

  it('ends the command with code 5, and is named', async () => {
    const camera = await rtspFaultServer([{ fault: 'drop', afterMs: 1200 }])
    const server = await serve({ engine: engine() })
    open.push(camera, server)
    const folder = directory()
    const file = path.join(folder, 'camera.srt')
    const run = startCommand([camera.url, '-o', file, '--json', ...asking(server.url, folder)])
    running.push(run)
    await run.wrote('"type":"gap"')
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(5)
    const records = run.out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const gap = records.find(({ type }) => type === 'gap')
    expect(gap).toMatchObject({ start: 1200 })
    expect(records.at(-1)).toMatchObject({
      type: 'summary',
      gaps: [{ start: gap?.['start'], end: gap?.['end'] }],
      interrupted: true,
    })
    // What was heard is written all the same.
    expect(parseSubtitles(readFileSync(file, 'utf8')).map(({ text }) => text)).toEqual(['Speaker A: Good morning'])
  })

  it('is told to people when it is over, and again in the end', async () => {
    const camera = await rtspFaultServer([{ fault: 'drop', afterMs: 1200 }])
    const server = await serve({ engine: engine() })
    open.push(camera, server)
    const run = startCommand([camera.url, ...asking(server.url, directory())])
    running.push(run)
    await run.wrote('missing: ')
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(5)
    expect(run.out).toBe('[00:00:00] Speaker A: Good morning\n')
    const lines = run.err.split('\n').filter((line) => line.startsWith('missing: '))
    expect(lines).toEqual([expect.stringMatching(/^missing: 1\.200 s to \d+\.\d{3} s$/), lines[0]])
    expect(run.err).toMatch(/^connection lost \(.+\); attempt 1 in /m)
  })

  it('is none where a session was lost, and its audio was heard by the next', async () => {
    const server = await faultServer([{ fault: 'drop', afterMs: 600 }], { engine: engine() })
    open.push(server)
    const { code, out, err } = await command(clip, ...asking(server.url, directory()))
    expect([code, out]).toEqual([0, '[00:00:00] Speaker A: Good morning\n'])
    expect(err).toContain('reconnected 1 time')
    expect(err).not.toContain('missing')
  })
})

describe('a label that is corrected after the text was final', () => {
  const script = [
    { words: 'Good morning', start: 100, end: 900, speaker: 'A', revisedSpeaker: 'B', revisionAt: 3000 },
    { words: 'How are you', start: 1700, end: 2900, speaker: 'B' },
  ]

  it('is said once more where the text was printed', async () => {
    const server = await serve({ engine: scriptedEngine(script) })
    open.push(server)
    const { code, out, err } = await command(clip, '--names', 'B=Bob', ...asking(server.url, directory()))
    expect([code, out]).toEqual([0, '[00:00:00] Speaker A: Good morning\n\n[00:00:01] Bob: How are you\n'])
    expect(err).toMatch(/^corrected: 00:00:00 Bob: Good morning$/m)
    expect(err).toMatch(/^1 correction after a turn was final$/m)
    expect(err).toMatch(/: 2 turns, 1 speaker \(Bob\)$/m)
  })

  it('is in the files, and counted', async () => {
    const server = await serve({ engine: scriptedEngine(script) })
    open.push(server)
    const folder = directory()
    const file = path.join(folder, 'talk.srt')
    const { code, err } = await command(clip, '-o', file, ...asking(server.url, folder))
    expect(code).toBe(0)
    expect(readFileSync(file, 'utf8')).toContain('Speaker B: Good morning')
    expect(err).not.toContain('corrected:')
    expect(err).toMatch(/^1 correction after a turn was final; the files have them$/m)
    expect(err).toMatch(/: 2 turns, 1 speaker \(Speaker B\)$/m)
    expect((await command(clip, '-o', file, '--quiet', ...asking(server.url, folder))).err).toBe('')
  })
})
