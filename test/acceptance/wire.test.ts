import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { certificate } from '../helpers/certificate.ts'
import { makeMedia } from './make-media.ts'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

const children: ChildProcess[] = []
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diarize-stream-wire-'))
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

function start(script: string, args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(process.execPath, [here(script), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

it('sends over wss, to a server in another process, what the protocol demands and nothing else', async () => {
  const video = await makeMedia(folder)
  const { key, cert, caFile } = await certificate()
  const server = start('./recording-server.mjs', [], { TLS_KEY: key, TLS_CERT: cert })
  const lines = createInterface({ input: server.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  const { url } = JSON.parse((await lines.next()).value) as { url: string }
  expect(url).toMatch(/^wss:\/\/localhost:\d+\/v3\/ws$/)

  const srt = join(folder, 'talk.srt')
  const jsonl = join(folder, 'talk.jsonl')
  const client = start('./wire-client.mjs', [video, url, srt, jsonl], { NODE_EXTRA_CA_CERTS: caFile })
  const [exitCode] = (await once(client, 'exit')) as [number]
  expect(exitCode).toBe(0)

  const record = JSON.parse((await lines.next()).value) as {
    keys: string[]
    parameters: object
    frameBytes: number[]
    audio: string
    messages: string[]
    lead: number
    end: object
  }
  expect(record.keys).toEqual(['test-key'])
  expect(record.parameters).toMatchObject({
    speechModel: 'u3-rt-pro',
    sampleRate: 16_000,
    encoding: 'pcm_s16le',
    speakerLabels: true,
    maxSpeakers: 2,
    keytermsPrompt: ['lake'],
  })
  // 3.52 s of video: 70 whole frames and a padded one.
  expect(record.frameBytes).toEqual(Array(71).fill(1600))
  const audio = Buffer.from(record.audio, 'base64')
  expect(audio.subarray(-960)).toEqual(Buffer.alloc(960))
  expect(audio.subarray(-1600, -960).some((byte) => byte !== 0)).toBe(true)
  expect(record.messages).toEqual(['{"type":"Terminate"}'])
  expect(record.end).toEqual({ code: 1000, reason: '', terminated: true })
  // Never ahead of the clock by more than the frame being sent; delays of the machine only make it less.
  expect(record.lead).toBeLessThan(150)

  expect(await readFile(srt, 'utf8')).toMatch(
    /^1\n00:00:00,200 --> 00:00:01,\d{3}\nSpeaker A: Good morning everybody\.\n\n2\n00:00:01,700 --> 00:00:0\d,\d{3}\nSpeaker B: Good morning to you\.\n\n$/,
  )
  const records = (await readFile(jsonl, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; revision?: number; speaker?: string })
  expect(records.map(({ type }) => type)).toEqual(['session', 'turn', 'turn', 'turn', 'summary'])
  expect(records.slice(1, -1).map(({ revision, speaker }) => [revision, speaker])).toEqual([
    [0, 'A'],
    [0, 'A'],
    [1, 'B'],
  ])
})
