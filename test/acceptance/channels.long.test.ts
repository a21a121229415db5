import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ffmpeg } from '../helpers/media.ts'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

const children: ChildProcess[] = []
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diarize-stream-channels-'))
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

function start(script: string, args: string[]) {
  const child = spawn(process.execPath, [here(script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}

/** A telephone call of 3.52 s: 8 kHz, another tone on each of two channels. */
async function makeCall(codec: string): Promise<string> {
  const path = join(folder, 'call.wav')
  const tones = 'aevalsrc=0.5*sin(880*PI*t)|0.4*sin(1320*PI*t):s=8000:d=3.52'
  await ffmpeg('-f', 'lavfi', '-i', tones, '-c:a', codec, path)
  return path
}

/** The PCM16 of one channel of a WAV file, as FFmpeg takes it out. */
async function channelOf(path: string, channel: number): Promise<Buffer> {
  const raw = join(folder, `channel-${channel}.raw`)
  await ffmpeg('-i', path, '-af', `pan=mono|c0=c${channel}`, '-f', 's16le', raw)
  return readFile(raw)
}

it.each(['pcm_s16le', 'pcm_mulaw', 'pcm_u8'])(
  'sends a call of %s on two channels as two sessions, with what the protocol demands and nothing else',
  async (codec) => {
    const call = await makeCall(codec)
    const server = start('./channels-server.mjs', ['2'])
    const { url } = JSON.parse((await server.lines.next()).value as string) as { url: string }
    const jsonl = join(folder, 'call.jsonl')
    const client = start('./channels-client.mjs', [call, url, jsonl])
    const printed = client.lines.next()
    const [exitCode] = (await once(client.child, 'exit')) as [number]
    expect(exitCode).toBe(0)
    expect(JSON.parse((await printed).value as string)).toMatchObject({
      audioMs: 3550,
      turns: 4,
      speakers: ['Agent', 'Customer'],
      gaps: [],
      reconnects: 0,
    })

    const sessions = JSON.parse((await server.lines.next()).value as string) as {
      parameters: object
      frameBytes: number[]
      audio: string
      messages: string[]
      end: object
    }[]
    expect(sessions).toHaveLength(2)
    for (const { parameters, frameBytes, messages, end } of sessions) {
      expect(parameters).toEqual({
        speechModel: 'universal-streaming-english',
        sampleRate: 8000,
        encoding: 'pcm_s16le',
        speakerLabels: false,
        formatTurns: true,
        endOfTurnConfidenceThreshold: 0.4,
        minTurnSilence: 160,
        maxTurnSilence: 400,
        sessionHeartbeat: true,
      })
      // 70 whole frames of 400 samples and a padded one.
      expect(frameBytes).toEqual(Array(71).fill(800))
      expect(messages).toEqual(['{"type":"Terminate"}'])
      expect(end).toEqual({ code: 1000, reason: '', terminated: true })
    }
    const padded = await Promise.all(
      [0, 1].map(async (channel) => Buffer.concat([await channelOf(call, channel), Buffer.alloc(480)])),
    )
    const sent = sessions.map(({ audio }) => Buffer.from(audio, 'base64'))
    expect(sent.map(({ length }) => length)).toEqual([56_800, 56_800])
    // Sessions end in either order.
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = sent[0]?.equals(padded[0]!) ? sent : sent.toReversed()
    expect(first.equals(padded[0]!)).toBe(true)
    expect(second.equals(padded[1]!)).toBe(true)

    const records = (await readFile(jsonl, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; order: number; channel: string; transcript: string })
    expect(records.filter(({ type }) => type === 'session').map(({ channel }) => channel)).toHaveLength(2)
    const turns = records.filter(({ type }) => type === 'turn')
    expect(turns.map(({ transcript }) => transcript)).toEqual([
      ...Array(2).fill('Good morning everybody.'),
      ...Array(2).fill('Good morning to you.'),
    ])
    expect(new Set(turns.map(({ channel }) => channel))).toEqual(new Set(['Agent', 'Customer']))
    expect(turns.every(({ order }, index) => index === 0 || order > turns[index - 1]!.order)).toBe(true)
  },
)
