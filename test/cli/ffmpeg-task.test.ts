import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { CaptionedVideos } from '../../src/cli/video.ts'
import { runFfmpeg } from '../../src/cli/ffmpeg-task.ts'
import { askFfmpeg } from '../../src/ffmpeg/find.ts'
import { isRunning } from '../../src/sinks/file-lock.ts'
import { fakeFfmpeg } from '../ffmpeg/fake-ffmpeg.ts'
import { childStarted } from '../helpers/processes.ts'
import { temporaryDirectories, untilFileHolds } from '../sinks/temporary.ts'

const directory = temporaryDirectories()
const built = path.resolve(import.meta.dirname, '../../dist/cli/ffmpeg-task.js')

afterEach(() => {
  vi.unstubAllEnvs()
})

/** One that writes its number into a file, ignores what the world does to it, and goes on until it is killed. */
const stubborn = `
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE']) process.on(signal, () => {})
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
fs.writeFileSync(process.argv[2], 'pid ' + process.pid + '.')
setInterval(() => process.stdout.write('out_time_us=1\\n'), 10)
`

const numberIn = (file: string): number => Number(/pid (\d+)\./.exec(readFileSync(file, 'utf8'))?.[1])

async function untilGone(pid: number): Promise<void> {
  while (isRunning(pid)) await delay(5)
}

describe('an FFmpeg that makes a file', () => {
  it('reads, writes and ends as it does, though something stands between', async () => {
    const body = `
process.stdin.on('data', (data) => process.stdout.write('heard ' + data + '\\n'))
process.stdin.on('end', () => (console.error('[error] ' + process.argv.slice(2).join()), (process.exitCode = 7)))`
    const here = directory()
    const ffmpeg = await fakeFfmpeg(here, body)
    const unfinished = [path.join(here, 'kept')]
    writeFileSync(path.join(here, 'kept'), '')
    const lines: string[] = []
    const stdin = Readable.from([Buffer.from('hello')])
    const args = ['-a', 'b c', '--', '"']
    const result = await runFfmpeg({ ffmpeg, args, stdin, unfinished, onLine: (line) => lines.push(line) })
    expect({ ...result, lines }).toEqual({ code: 7, tail: '[error] -a,b c,--,"', lines: ['heard hello'] })
    expect(existsSync(path.join(here, 'kept'))).toBe(true)
  })

  it('finds none of the converters of this machine, in which static builds crash', async () => {
    const here = directory()
    const ffmpeg = await fakeFfmpeg(here, 'console.log(process.env.GCONV_PATH)')
    const lines: string[] = []
    await runFfmpeg({ ffmpeg, args: [], unfinished: [], onLine: (line) => lines.push(line) })
    expect(lines).toEqual(['/nonexistent'])
    expect((await askFfmpeg(ffmpeg, [])).stdout).toBe('/nonexistent\n')
  })

  it('is gone once it was to be stopped', async () => {
    const here = directory()
    const ffmpeg = await fakeFfmpeg(here, stubborn)
    const controller = new AbortController()
    const file = path.join(here, 'pid')
    const work = runFfmpeg({ ffmpeg, args: [file], unfinished: [file], signal: controller.signal })
    await untilFileHolds(file, '.')
    const pid = numberIn(file)
    controller.abort(new Error('stopped'))
    await expect(work).rejects.toThrow('stopped')
    expect(isRunning(pid)).toBe(false)
    expect(existsSync(file)).toBe(false)
  })

  it('dies with what stands between, if that is killed', async () => {
    const here = directory()
    const ffmpeg = await fakeFfmpeg(here, stubborn)
    const file = path.join(here, 'pid')
    const work = runFfmpeg({ ffmpeg, args: [file], unfinished: [] })
    await untilFileHolds(file, '.')
    process.kill((await childStarted(file)).pid, 'SIGKILL')
    expect((await work).code).not.toBe(0)
    await untilGone(numberIn(file))
  })

  it('cannot be started: that is no success', async () => {
    const { code } = await runFfmpeg({ ffmpeg: path.join(directory(), 'missing'), args: [], unfinished: [] })
    expect(code).not.toBe(0)
  })

  it('dies with us, however we die, and what is unfinished goes', async () => {
    const here = directory()
    const ffmpeg = await fakeFfmpeg(here, stubborn)
    for (const end of ['SIGKILL', 'SIGTERM', 'exit'] as const) {
      const file = path.join(here, 'pid')
      const folder = path.join(here, 'folder')
      mkdirSync(folder)
      writeFileSync(path.join(folder, 'captions.ass'), '')
      const task = JSON.stringify({ ffmpeg, args: [file], unfinished: [file, folder] })
      const code = `import(${JSON.stringify(pathToFileURL(built).href)}).then((m) => m.runFfmpeg(${task}))
        process.stdin.on('data', () => process.exit(0))`
      const owner = spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'inherit', 'inherit'] })
      await untilFileHolds(file, '.')
      const pid = numberIn(file)
      const gone = once(owner, 'exit')
      if (end === 'exit') owner.stdin.write('x')
      else owner.kill(end)
      await gone
      await untilGone(pid)
      while (readdirSync(here).length > 1) await delay(5)
      expect(existsSync(folder)).toBe(false)
    }
  })
})

describe('a captioned copy', () => {
  const input = path.resolve(import.meta.dirname, '../../demo/dialogue.mp4')

  it.each([
    ['[error] Error writing trailer of file:/x/out.mkv: No space left on device', 'free some space'],
    ['[out#0/matroska @ 0x5] [error] Error closing file: Disk quota exceeded', 'free some space'],
    ['[error] Error writing trailer of file:/x/out.mkv: Input/output error', 'check its disk'],
    ['[error] av_interleaved_write_frame(): Input/output error', 'check its disk'],
    ['[warning] the title says: No space left on device', undefined],
    // Of a cut input.
    ['[error] file:/x/in.aac: Input/output error', undefined],
  ])('of which FFmpeg says, and ends with success, "%s": %s', async (line, advice) => {
    const here = directory()
    const made = path.join(here, 'out.mkv')
    writeFileSync(made, 'old')
    const body = `console.error(${JSON.stringify(line)}); fs.writeFileSync(process.argv.at(-1).slice(5), 'new')`
    vi.stubEnv('FFMPEG_PATH', await fakeFfmpeg(here, body))
    const videos = await CaptionedVideos.open({ input, mux: made, outputs: [], names: {} } as never, undefined)
    const failure = await videos
      ?.make(() => {}, new AbortController().signal)
      .then(
        () => '',
        (error: Error) => error.message,
      )
    await videos?.close()
    expect(failure).toContain(advice ?? '')
    expect([failure === '', readFileSync(made, 'utf8')]).toEqual(advice === undefined ? [true, 'new'] : [false, 'old'])
  })

  it('says which directory for temporary files is missing', async () => {
    const here = directory()
    const missing = path.join(here, 'missing')
    vi.stubEnv('TMPDIR', missing)
    const command = { input, mux: path.join(here, 'out.mkv'), outputs: [], names: {} }
    const message = `cannot make a temporary directory in ${missing} (ENOENT); set TMPDIR to a directory that is there and writable`
    await expect(CaptionedVideos.open(command as never, undefined)).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message,
    })
  })

  it('removes what commands that were killed have left, and nothing else', async () => {
    const here = directory()
    vi.stubEnv('TMPDIR', here)
    expect(tmpdir()).toBe(here)
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'exit')
    const names = [`${child.pid}-a`, `${process.pid}-b`, `${process.ppid}-c`, 'x-d'].map(
      (n) => `diarize-stream-video-${n}`,
    )
    for (const name of names) mkdirSync(path.join(here, name))
    writeFileSync(path.join(here, `diarize-stream-video-${child.pid}-file`), '')
    const command = { input, mux: path.join(here, 'out.mkv'), outputs: [], names: {} }
    const videos = await CaptionedVideos.open(command as never, undefined)
    await videos?.close()
    expect(readdirSync(here).toSorted()).toEqual(
      [...names.slice(1), `diarize-stream-video-${child.pid}-file`].toSorted(),
    )
  })
})
