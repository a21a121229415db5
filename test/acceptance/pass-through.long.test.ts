import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { findFfmpeg } from '../../src/ffmpeg/find.ts'
import { diarize, type DiarizeOptions, fileSource, resample, run, type Warning, type Word } from '../../src/index.ts'
import { type ReceivedMessage, serve, type ServerSession, type StreamingServer } from '../../src/server/index.ts'
import { faultServer, toneAudio, toneEngine, toneText } from '../../src/testing/index.ts'
import { relabelled } from '../helpers/relabelled.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { Collector } from '../trials/collector.ts'

const DURATION = 30_000
const script = toneScript({ seed: 3, duration: DURATION, speakers: 3, turnWords: [2, 12] })
const opus = ['-c:a', 'libopus', '-b:a', '96k', '-application', 'audio']

let directory: string
const file = (name: string): string => join(directory, name)

/** Writes files with the tones, as FFmpeg encodes them. */
function encode(...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const input = ['-v', 'error', '-y', '-f', 's16le', '-ar', '16000', '-ac', '1', '-i', 'pipe:0']
    const child = execFile(findFfmpeg(), [...input, ...args], (error) => (error ? reject(error) : resolve()))
    child.stdin?.end(toneAudio(script))
  })
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'diarize-stream-pass-through-'))
  const long = [...opus, '-frame_duration', '60']
  await encode(...opus, file('a.webm'), ...opus, file('a.opus'), ...long, file('long.webm'))
  // As a browser records it: nobody knows how long it and its clusters are.
  await encode(...long, '-live', '1', '-cluster_time_limit', '1000', file('recorded.webm'))
  const late = [
    '-itsoffset',
    '3.21',
    '-i',
    file('a.webm'),
    '-map',
    '0:v',
    '-map',
    '1:a',
    '-c:a',
    'copy',
    '-c:v',
    'libvpx',
  ]
  const picture = ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'color=s=16x16:r=5:d=10']
  await new Promise<void>((resolve, reject) => {
    execFile(findFfmpeg(), [...picture, ...late, file('late.webm')], (error) => (error ? reject(error) : resolve()))
  })
  await encode('-c:a', 'libvorbis', file('vorbis.ogg'), '-ac', '2', ...opus, file('stereo.opus'))
}, 60_000)
afterAll(() => rm(directory, { recursive: true }))

let server: StreamingServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

interface Heard {
  words: Word[]
  warnings: Warning[]
  reconnects: number
  gaps: unknown[]
  sessions: ServerSession[]
  bytes: number
}

async function hear(name: string, options: DiarizeOptions & { passThrough?: boolean }): Promise<Heard> {
  const { passThrough = true, ...diarizeOptions } = options
  const heard: Heard = { words: [], warnings: [], reconnects: 0, gaps: [], sessions: [], bytes: 0 }
  const onSession = (session: ServerSession): void => void heard.sessions.push(session)
  const onMessage = (_session: ServerSession, { binary, data }: ReceivedMessage): void => {
    if (binary) heard.bytes += data.length
  }
  server?.on('session', onSession).on('message', onMessage)
  const source = fileSource(file(name), { passThrough })
  const stage = diarize({ ...(server && { url: server.url, apiKey: 'key' }), ...diarizeOptions })
  source.on('warning', (warning) => heard.warnings.push(warning))
  stage.on('warning', (warning) => heard.warnings.push(warning))
  stage.on('reconnecting', () => (heard.reconnects += 1))
  stage.on('gap', (gap) => heard.gaps.push(gap))
  const collector = new Collector()
  await run(source, stage, collector)
  server?.off('session', onSession).off('message', onMessage)
  expect(collector.complaints).toEqual([])
  heard.words = collector.turns().flatMap((turn) => turn.words)
  return heard
}

const show = ({ text, start, end, speaker }: Word): string => `${text} ${start}-${end} ${speaker}`
const truth = new Set(script.map(({ word, start }) => `${toneText(word)} ${start}`))

/** What of the script is missing, and what was heard beside it, in order. */
function wrong(words: readonly Word[]): { missing: string[]; extra: string[] } {
  const heard = words.map(({ text, start }) => `${text} ${start}`)
  const missing = [...truth].filter((word) => !heard.includes(word))
  return { missing, extra: heard.filter((word, index) => !truth.has(word) || heard.indexOf(word) < index) }
}
const nothing = { missing: [], extra: [] }

describe('Opus that is passed through', () => {
  it('is heard as its sound, at the very times', async () => {
    server = await serve({ engine: toneEngine() })
    const passed = await hear('a.opus', {})
    expect(passed.sessions[0]?.parameters.encoding).toBe('ogg_opus')
    expect(passed.warnings).toEqual([])
    expect(wrong(passed.words)).toEqual(nothing)
  })

  it.each(['a.webm', 'long.webm', 'recorded.webm', 'late.webm'])('lies in %s where its sound does', async (name) => {
    server = await serve({ engine: toneEngine() })
    const passed = await hear(name, {})
    const decoded = await hear(name, { passThrough: false })
    expect(passed.sessions.map(({ parameters }) => parameters.encoding)).toEqual(['ogg_opus'])
    expect(decoded.words).toHaveLength(script.length)
    expect(passed.words.map(({ text }) => text)).toEqual(decoded.words.map(({ text }) => text))
    const shifts = new Set(passed.words.map(({ start }, index) => start - decoded.words[index]!.start))
    // Silence before it is made of packets of 2.5 ms at least.
    expect([...shifts].filter((shift) => Math.abs(shift) > 2)).toEqual([])
  })

  it('loses and doubles nothing through connections that are cut, and sessions that break', async () => {
    const faults = [
      { fault: 'drop', afterMs: 9000 },
      { fault: 'reset', afterMs: 7370 },
      { fault: 'error', afterMs: 12_330, code: 3005 },
      { fault: 'drop', afterMs: 5010 },
    ] as const
    const faulty = await faultServer(faults, { engine: relabelled(toneEngine(), 7) })
    try {
      const { words, reconnects, gaps } = await hear('a.opus', { url: faulty.url, reconnect: { delay: 10 } })
      expect({ reconnects, gaps }).toEqual({ reconnects: faults.length, gaps: [] })
      expect(wrong(words)).toEqual(nothing)
    } finally {
      await faulty.close()
    }
  })

  it('goes through changes of session without a trace', async () => {
    server = await serve({ engine: relabelled(toneEngine(), 7), maxSessionDuration: 4000 })
    const rolled = await hear('a.opus', { pace: 4, reconnect: { beforeExpiry: 1500 }, replay: { context: 2000 } })
    expect(rolled.sessions.length).toBeGreaterThan(2)
    expect(rolled.reconnects).toBe(0)
    expect(wrong(rolled.words)).toEqual(nothing)
    await server.close()
    server = await serve({ engine: relabelled(toneEngine(), 7) })
    expect(rolled.words.map(show)).toEqual((await hear('a.opus', {})).words.map(show))
  })

  it('is as many bytes as it was, and some for pages', async () => {
    server = await serve({ engine: toneEngine() })
    const passed = await hear('a.opus', {})
    const decoded = await hear('a.opus', { passThrough: false })
    const { size } = await stat(file('a.opus'))
    expect(decoded.bytes).toBeGreaterThan(31 * DURATION)
    expect(passed.bytes).toBeLessThan(1.05 * size)
    expect(passed.bytes).toBeGreaterThan(0.95 * size)
  })
})

describe('what cannot be passed through is decoded, and said', () => {
  it.each<[string, string, DiarizeOptions, string]>([
    ['another codec', 'vorbis.ogg', {}, 'the track is vorbis, not Opus'],
    ['several channels', 'stereo.opus', {}, 'the track has several channels, which must be mixed'],
    ['parts', 'a.opus', { parallel: 2 }, 'parts of it are heard at the same time'],
  ])('%s', async (_what, name, options, reason) => {
    server = await serve({ engine: toneEngine() })
    const { words, warnings, sessions } = await hear(name, options)
    expect(sessions[0]?.parameters.encoding).toBe('pcm_s16le')
    const message = `the audio of ${file(name)} is decoded and not passed through: ${reason}`
    expect(warnings.filter(({ code }) => code === 'PASS_THROUGH_UNUSED')).toEqual([
      { code: 'PASS_THROUGH_UNUSED', message, reason },
    ])
    // Vorbis moves each word by part of a sample, which the engine does not forgive.
    expect(name === 'vorbis.ogg' ? nothing : wrong(words)).toEqual(nothing)
  })

  it('files that were joined, all of which are heard', async () => {
    const one = await readFile(file('a.opus'))
    await writeFile(file('joined.opus'), Buffer.concat([one, one]))
    server = await serve({ engine: toneEngine() })
    const { words, warnings, sessions } = await hear('joined.opus', {})
    expect(sessions[0]?.parameters.encoding).toBe('pcm_s16le')
    expect(warnings.map(({ reason }) => reason)).toEqual(['the input comes as bytes, and may be several files'])
    const length = toneAudio(script).length / 32
    expect(wrong(words.filter(({ start }) => start < length))).toEqual(nothing)
    const second = words.filter(({ start }) => start >= length)
    expect(wrong(second.map((word) => ({ ...word, start: word.start - length })))).toEqual(nothing)
  })

  it('speech of which voices are made', async () => {
    server = await serve({ engine: toneEngine() })
    const { words, warnings } = await hear('a.opus', { voices: true })
    expect(warnings.map(({ reason }) => reason)).toEqual(['voices are made of samples'])
    expect(wrong(words)).toEqual(nothing)
  })

  it('an engine in this process', async () => {
    const { words, warnings } = await hear('a.opus', { engine: toneEngine() })
    expect(warnings.map(({ reason }) => reason)).toEqual(['the engine in this process takes samples'])
    expect(wrong(words)).toEqual(nothing)
  })

  it('a stage between that takes samples', async () => {
    server = await serve({ engine: toneEngine() })
    const source = fileSource(file('a.opus'), { passThrough: true })
    const warnings: Warning[] = []
    source.on('warning', (warning) => warnings.push(warning))
    const collector = new Collector()
    await run(source, resample(), diarize({ url: server.url, apiKey: 'key' }), collector)
    expect(warnings.map(({ reason }) => reason)).toEqual(['no stage that takes Opus stands straight below'])
    expect(wrong(collector.turns().flatMap((turn) => turn.words))).toEqual(nothing)
  })
})

it('passThrough must be true or false', () => {
  expect(() => fileSource('a.webm', { passThrough: 1 as never })).toThrow(/^passThrough, when given, must be/)
})
