import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { serve } from 'diarize-stream/server'
import { scriptedEngine } from 'diarize-stream/testing'
import { afterEach, expect, it } from 'vitest'
import { findFfmpeg } from '../../src/ffmpeg/find.ts'
import { asking, type CommandRun, startCommand } from '../cli/command.ts'
import { allGone, descendantsStarted } from '../helpers/processes.ts'
import { engineProcess, whyNoBox } from '../helpers/sherpa.ts'
import { RawClient } from '../server/raw-client.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()
const clip = path.resolve(import.meta.dirname, '../../demo/dialogue.mp4')

const running: CommandRun[] = []
afterEach(() => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL')
})

function start(...args: string[]): { run: CommandRun; pid: number } {
  const run = startCommand(args)
  running.push(run)
  return { run, pid: run.child.pid ?? 0 }
}

const signals = ['SIGTERM', 'SIGINT', 'SIGKILL'] as const

it.skipIf(process.platform === 'win32' || whyNoBox !== undefined).each(signals)(
  'a server that ends by %s in the middle of a compressed session leaves no process',
  async (signal) => {
    const opus = [
      '-v',
      'error',
      '-i',
      clip,
      '-vn',
      '-ac',
      '1',
      '-ar',
      '16000',
      '-c:a',
      'libopus',
      '-f',
      'ogg',
      'pipe:1',
    ]
    const { stdout: audio } = await promisify(execFile)(findFfmpeg(), opus, { encoding: 'buffer', maxBuffer: 2 ** 24 })
    const { run, pid } = start('serve', '--port', '0', '--json', '--drain', '0')
    await run.wrote('"type":"listening"')
    const { url } = JSON.parse(run.out.split('\n')[0] ?? '') as { url: string }
    const client = await new RawClient(url, { encoding: 'ogg_opus', sample_rate: 16_000, speaker_labels: true }).open()
    const send = (from: number, to: number): void => {
      for (let at = from; at < to; at += 4000) client.socket.send(audio.subarray(at, Math.min(at + 4000, to)))
    }
    send(0, audio.length >> 1)
    await client.next('Turn')
    const children = await descendantsStarted(pid, [engineProcess, 'ffmpeg'])
    // FFmpeg has something to read, and the engine something to hear.
    send(audio.length >> 1, audio.length)
    run.child.kill(signal)
    await run.ended
    await client.closed
    await expect(allGone(children)).resolves.toBeUndefined()
  },
  60_000,
)

it.skipIf(process.platform === 'win32').each([
  ['a second Ctrl-C', 'SIGINT'],
  ['kill -9', 'SIGKILL'],
] as const)(
  'many inputs that are ended by %s leave no process',
  async (_how, signal) => {
    // It hears as fast as is spoken: all inputs are under way until they are ended.
    const engine = scriptedEngine([{ words: 'Good morning to you', start: 200, end: 1000, speaker: 'A' }], {
      fasterThanRealTime: false,
    })
    await using server = await serve({ engine, apiKeys: ['any-key'] })
    const folder = directory()
    const inputs = [1, 2].map((at) => path.join(folder, `${at}.mp4`))
    for (const input of inputs) copyFileSync(clip, input)
    const options = ['--jobs', '2', '--output-dir', path.join(folder, 'x'), ...asking(server.url, folder)]
    const { run, pid } = start(...inputs, ...options)
    while (server.sessions.size < 2) await once(server, 'session')
    const children = await descendantsStarted(pid, ['ffmpeg'])
    run.child.kill(signal)
    if (signal === 'SIGINT') {
      await run.wrote('once more stops at once')
      run.child.kill(signal)
    }
    await run.ended
    await expect(allGone(children)).resolves.toBeUndefined()
  },
  60_000,
)
