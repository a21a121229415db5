import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { serve, type SessionEnd, type StreamingServer } from 'diarize-stream/server'
import { faultServer, scriptedEngine } from 'diarize-stream/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { parseSubtitles } from '../captions/parsers.ts'
import { temporaryDirectories, untilFileHolds } from '../sinks/temporary.ts'
import { asking, type CommandRun, main, startCommand } from './command.ts'

const directory = temporaryDirectories()
const clip = path.resolve(import.meta.dirname, '../../demo/dialogue.mp4')
const script = [
  { words: 'Good morning to you', start: 200, end: 1000, speaker: 'A' },
  { words: 'And to you too', start: 1100, end: 1900, speaker: 'B' },
  { words: 'this one is still open', start: 2000, end: 30_000, speaker: 'A' },
]

const running: CommandRun[] = []
const servers: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL')
  for (const server of servers.splice(0)) await server.close()
})

/** A server that takes audio only as fast as it plays, so that there is a middle to be interrupted in. */
async function slowServer(): Promise<{ server: StreamingServer; ended: Promise<SessionEnd> }> {
  const server = await serve({ engine: scriptedEngine(script, { fasterThanRealTime: false }), apiKeys: ['any-key'] })
  servers.push(server)
  return { server, ended: new Promise((resolve) => server.once('sessionEnd', (_session, end) => resolve(end))) }
}

function start(...args: Parameters<typeof startCommand>): CommandRun {
  const run = startCommand(...args)
  running.push(run)
  return run
}

/** The FFmpeg that the command runs, as soon as it does. */
async function ffmpegOf({ child }: CommandRun): Promise<number> {
  for (;;) {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
    if (children !== '') return Number(children.split(' ')[0])
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe.runIf(process.platform === 'linux')('Ctrl-C', () => {
  it.each([
    ['SIGINT', false],
    ['SIGTERM', false],
    ['SIGHUP', false],
    // As a terminal gives it: to FFmpeg, too.
    ['SIGINT', true],
  ] as const)('once (%s, to the whole group: %s) ends properly, with the last words', async (signal, toGroup) => {
    const { server, ended } = await slowServer()
    const folder = directory()
    const file = path.join(folder, 'talk.srt')
    const run = start([clip, '--json', '-o', file, ...asking(server.url, folder)], {}, { detached: true })
    await run.wrote('And to you too')
    const decoder = await ffmpegOf(run)
    process.kill(toGroup ? -(run.child.pid ?? 0) : (run.child.pid ?? 0), signal)
    expect(await run.ended).toBe(130)
    expect(isAlive(decoder)).toBe(false)
    expect(await ended).toMatchObject({ code: 1000, terminated: true })
    const last = JSON.parse(run.out.trim().split('\n').at(-1) ?? '') as Record<string, unknown>
    expect(last).toMatchObject({ type: 'summary', interrupted: true })
    expect(last['audioMs']).toBeLessThan(30_000)
    expect(
      parseSubtitles(readFileSync(file, 'utf8'))
        .map(({ text }) => text)
        .join(' '),
    ).toContain('this')
    expect(run.err).toBe('')
  })

  it('once ends standard input that goes on', async () => {
    const { server } = await slowServer()
    const run = start(['-', ...asking(server.url, directory())])
    const stdin = run.child.stdin as NonNullable<typeof run.child.stdin>
    createReadStream(clip).pipe(stdin, { end: false })
    await run.wrote('And to you too')
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(130)
    expect(run.out).toContain('Speaker B: And to you too')
    expect(run.err).toContain('ending: the last words are still to come; once more stops at once\n')
    expect(run.err).toMatch(/ended by a signal; complete for the first \d+\.\d s\n/)
  })

  it('before there is any audio says so, and leaves no file', async () => {
    const { server } = await slowServer()
    const folder = directory()
    const file = path.join(folder, 'talk.srt')
    const run = start(['-', '-o', file, ...asking(server.url, folder)])
    // More than fits between it and FFmpeg: once that is taken, it runs, and listens to signals.
    const stdin = run.child.stdin as NonNullable<typeof run.child.stdin>
    await new Promise((resolve) => stdin.write(Buffer.alloc(1_000_000), resolve))
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(130)
    expect(run.err).toContain('ended before there was any audio\n')
    expect(existsSync(file)).toBe(false)
  })

  it('while the rest of the command is still being loaded leaves no FFmpeg', async () => {
    const { server } = await slowServer()
    const folder = directory()
    const run = start([clip, '-o', path.join(folder, 'talk.srt'), ...asking(server.url, folder)])
    const decoder = await ffmpegOf(run)
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(130)
    expect(isAlive(decoder)).toBe(false)
  })

  it.each([
    ['its filters', '*" -filters "*', ['SIGINT']],
    ['a file', '*" -i file:"*mp4" "', ['SIGINT']],
    // Others than each other, since of two alike at once one comes.
    ['its filters', '*" -filters "*', ['SIGINT', 'SIGTERM', 'SIGHUP']],
  ] as const)('while an FFmpeg hangs that is asked for %s (%s, %j) ends it', async (_what, pattern, signals) => {
    const { server } = await slowServer()
    const folder = directory()
    const [fake, file] = [path.join(folder, 'ffmpeg'), path.join(folder, 'pid')]
    const hang = `case " $* " in ${pattern}) echo $$ > '${file}.new'; mv '${file}.new' '${file}'; trap '' TERM; while :; do sleep 1; done;; esac`
    writeFileSync(fake, `#!/bin/sh\n${hang}\nexec ffmpeg "$@"\n`, { mode: 0o755 })
    const argv = [clip, '--burn', path.join(folder, 'burnt.mp4'), ...asking(server.url, folder)]
    const run = start(argv, { FFMPEG_PATH: fake })
    await untilFileHolds(file, '\n')
    for (const signal of signals) run.child.kill(signal)
    expect(await run.ended).toBe(signals.length === 1 ? 130 : 1)
    expect(existsSync(path.join(folder, 'burnt.mp4'))).toBe(false)
    const pid = Number(readFileSync(file, 'utf8'))
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5))
  })

  it('while a video is made says that only that is missing', async () => {
    await using server = await serve({ engine: scriptedEngine(script), apiKeys: ['any-key'] })
    const folder = directory()
    const [fake, file] = [path.join(folder, 'ffmpeg'), path.join(folder, 'pid')]
    const captions = path.join(folder, 'talk.srt')
    const hang = `case " $* " in *" -f srt -i "*) echo $$ > '${file}'; exec sleep 60;; esac`
    writeFileSync(fake, `#!/bin/sh\n${hang}\nexec ffmpeg "$@"\n`, { mode: 0o755 })
    const argv = [clip, '-o', captions, '--mux', path.join(folder, 'made.mp4'), ...asking(server.url, folder)]
    const run = start(argv, { FFMPEG_PATH: fake })
    await untilFileHolds(file, '\n')
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(1)
    expect(run.err).toContain('diarize-stream: stopped; the captions themselves are done, the video was not made\n')
    expect(existsSync(captions)).toBe(true)
    expect(isAlive(Number(readFileSync(file, 'utf8')))).toBe(false)
  })

  it('twice stops at once, with nothing left running', async () => {
    const server = await faultServer({ fault: 'no-termination' }, { turns: script })
    servers.push(server)
    const run = start(['-', ...asking(server.url, directory())])
    const stdin = run.child.stdin as NonNullable<typeof run.child.stdin>
    createReadStream(clip).pipe(stdin, { end: false })
    await run.wrote('And to you too')
    const decoder = await ffmpegOf(run)
    run.child.kill('SIGINT')
    await run.wrote('once more stops at once')
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(1)
    expect(isAlive(decoder)).toBe(false)
    expect(run.err).toContain('diarize-stream: stopped; the output is cut off\n')
  })

  it('twice stops where nobody reads the pipe that is written to', async () => {
    const { server } = await slowServer()
    const folder = directory()
    const [pipe, file] = [path.join(folder, 'pipe.srt'), path.join(folder, 'talk.srt')]
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
    const run = start([clip, '-o', pipe, '-o', file, ...asking(server.url, folder)])
    await untilFileHolds(file, 'Good')
    run.child.kill('SIGINT')
    await run.wrote('once more stops at once')
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(1)
    expect(run.err).toContain('diarize-stream: stopped; the output is cut off\n')
  })

  it('three times ends it, though a thread waits for what does not come', async () => {
    const pipe = path.join(directory(), 'pipe')
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
    const body = `
      import { open } from 'node:fs'
      import { interrupts } from ${JSON.stringify(pathToFileURL(path.join(main, '../exit-codes.js')).href)}
      const { stop, abort } = interrupts(() => {})
      stop.addEventListener('abort', () => console.log('first'))
      abort.addEventListener('abort', () => console.log('second'))
      process.on('exit', (code) => console.log('code ' + code))
      open(${JSON.stringify(pipe)}, 'r', () => {})
      console.log('begun')
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', body], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    let said = ''
    try {
      for await (const text of child.stdout.setEncoding('utf8')) {
        said += text as string
        if (!said.includes('code')) child.kill('SIGINT')
      }
      expect(said).toBe('begun\nfirst\nsecond\ncode 1\n')
      expect(await ended).toEqual([null, 'SIGKILL'])
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('while a captioned video is made stops that, and leaves nothing of it', async () => {
    const server = await serve({ engine: scriptedEngine(script), apiKeys: ['any-key'] })
    servers.push(server)
    const folder = directory()
    const files = ['-o', path.join(folder, 'talk.srt'), '--burn', path.join(folder, 'talk.mp4')]
    const run = start([clip, '--json', ...files, ...asking(server.url, folder)])
    await run.wrote('"type":"video"')
    const encoder = await ffmpegOf(run)
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(1)
    expect(isAlive(encoder)).toBe(false)
    expect(readdirSync(folder).toSorted()).toEqual(['key', 'talk.srt'])
  })
})
