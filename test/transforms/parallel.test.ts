import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { serve, type ServerOptions, type StreamingServer } from '../../src/server/index.ts'
import type { Turn } from '../../src/model.ts'
import { faultServer, scriptedEngine, toneAudio, toneEngine, toneText, type ToneWord } from '../../src/testing/index.ts'
import { relabelled } from '../helpers/relabelled.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { diarize } from '../../src/transforms/diarize.ts'
import type { DiarizeOptions } from '../../src/transforms/diarize-options.ts'
import { cutAtPauses } from '../../src/transforms/parallel.ts'
import { imprecise } from '../trials/faults/imprecise.ts'

const servers: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function start(options: Partial<ServerOptions> = {}): Promise<StreamingServer> {
  const server = await serve({ engine: toneEngine(), apiKeys: ['key'], ...options })
  servers.push(server)
  return server
}

const MS = 80_000
/** Two people who take turns of a few words, so that both speak in every overlap. */
const conversation = toneScript({ seed: 3, duration: MS - 1000, speakers: 2, turnWords: [1, 4], turnGap: [700, 900] })

function* audio(words: readonly ToneWord[], ms = MS): Generator<Buffer> {
  for (let at = 0; at < ms; at += 1000) yield toneAudio(words, { from: at, to: Math.min(ms, at + 1000) })
}

function parallel(url: string, options: DiarizeOptions = {}) {
  return diarize({ url, apiKey: 'key', parallel: 8, replay: { context: 10_000 }, ...options })
}

/** The last revision of every turn, in the order in which the turns first came. */
async function turnsOf(stage: ReturnType<typeof diarize>, words = conversation, ms = MS): Promise<Turn[]> {
  const turns = new Map<number, Turn>()
  for await (const turn of Readable.from(audio(words, ms)).pipe(stage)) turns.set(turn.order, turn)
  return [...turns.values()]
}

function expectEveryWord(turns: readonly Turn[], script = conversation): void {
  const heard = turns.flatMap(({ words }) => words.map(({ text, start }) => `${text}@${start}`))
  expect(heard).toEqual(script.map(({ word, start: at }) => `${toneText(word)}@${at}`))
  expect(turns.map(({ order }) => order)).toEqual(turns.map((_turn, index) => index))
}

// Of its own: what tests of other files keep for a moment is none of these.
const folder = mkdtempSync(path.join(tmpdir(), 'parallel-'))
beforeEach(() => void vi.stubEnv('TMPDIR', folder))
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const spools = (): string[] => readdirSync(folder)

describe('diarize({ parallel })', () => {
  it('hears every word once, in order, at its time, with as many sessions as parts', async () => {
    const engine = toneEngine()
    const { url } = await start({ engine })
    const stage = parallel(url)
    const offsets: number[] = []
    const progress: number[] = []
    stage.on('session', ({ offset }) => offsets.push(offset))
    stage.on('progress', ({ audioMs }) => progress.push(audioMs))
    expectEveryWord(await turnsOf(stage))
    expect(engine.opened).toBe(8)
    // The second hears the first whole again.
    expect(new Set(offsets).size).toBe(7)
    expect(progress.at(-1)).toBe(MS)
    expect(spools()).toEqual([])
  })

  it('has one letter for each speaker who talks in the overlaps, also as corrected at the end', async () => {
    const { url } = await start({ engine: toneEngine({ unattributedWords: 3, mistakenWords: 2 }) })
    const turns = await turnsOf(parallel(url))
    expectEveryWord(turns)
    const speakers = turns.flatMap(({ words }) => words.map(({ speaker }) => speaker))
    const letters = new Map(conversation.map(({ speaker }, index) => [`${speaker} is ${speakers[index]}`, speaker]))
    expect(new Set(letters.values()).size).toBe(2)
    expect(letters.size).toBe(2)
  })

  it('loses nothing where sessions break off', async () => {
    const faults = [
      { fault: 'none' },
      { fault: 'drop', afterMs: 3000 },
      { fault: 'drop', afterMs: 5000 },
      { fault: 'drop', afterMs: 9000 },
    ] as const
    const server = await faultServer([...faults], { engine: toneEngine() })
    servers.push(server)
    const stage = parallel(server.url, { reconnect: { delay: 1 } })
    let reconnects = 0
    stage.on('reconnecting', () => (reconnects += 1))
    expectEveryWord(await turnsOf(stage))
    expect(reconnects).toBe(3)
  })

  // Turns follow each other closely, and the first word of one may begin before the last one of the turn before.
  it.each([5, 6, 22])(
    'has every word once from a server that places words as roughly as the service, %i',
    async (seed) => {
      const ms = 120_000
      const words = toneScript({ seed, duration: ms - 1000, turnWords: [1, 9], turnGap: [20, 90], wordGap: [20, 90] })
      const { url } = await start({ engine: imprecise(relabelled(toneEngine(), seed), seed), pacing: 'off' })
      const turns = await turnsOf(parallel(url, { parallel: 6, voices: false }), words, ms)
      const heard = turns.flatMap((turn) => turn.words.map(({ text }) => text.replace(/^x\d(?=w)/, '')))
      expect(heard).toEqual(words.map(({ word }) => toneText(word)))
    },
  )

  it('keeps its turns for a reader who is slow, without a word on it', async () => {
    const words = toneScript({ seed: 4, duration: MS - 1000, speakers: 2, turnWords: [1, 1], turnGap: [660, 700] })
    const { url } = await start()
    const stage = parallel(url, { parallel: 2, parameters: { minTurnSilence: 100, maxTurnSilence: 200 } })
    const warnings: unknown[] = []
    stage.on('warning', (warning) => warnings.push(warning))
    const turns = new Map<number, Turn>()
    let most = 0
    for await (const turn of Readable.from(audio(words)).pipe(stage)) {
      turns.set(turn.order, turn)
      await new Promise((resolve) => setImmediate(resolve))
      most = Math.max(most, stage.readableLength)
    }
    expectEveryWord([...turns.values()], words)
    expect(most).toBeLessThanOrEqual(stage.readableHighWaterMark)
    expect(warnings).toEqual([])
  })

  it('fails as a whole where a part cannot be heard, and leaves nothing', async () => {
    const server = await faultServer([{ fault: 'none' }, { fault: 'refuse', code: 3006 }], { engine: toneEngine() })
    servers.push(server)
    await expect(turnsOf(parallel(server.url))).rejects.toMatchObject({
      code: expect.any(String),
      name: 'SessionError',
    })
    expect(spools()).toEqual([])
  })

  it('asks once where the key is wrong', async () => {
    const server = await start({ apiKeys: ['another'] })
    let refused = 0
    server.on('refused', () => (refused += 1))
    await expect(turnsOf(parallel(server.url))).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(refused).toBe(1)
  })

  it.each(['while audio comes', 'while parts are heard'])('ends at once when it is aborted %s', async (when) => {
    const server = await start({ engine: scriptedEngine([], { fasterThanRealTime: false }) })
    const controller = new AbortController()
    const stage = parallel(server.url, { signal: controller.signal })
    if (when === 'while audio comes') stage.write(toneAudio(conversation, { to: 20_000 }), () => controller.abort())
    else {
      let begun = 0
      server.on('session', () => (begun += 1) === 8 && controller.abort())
      Readable.from(audio(conversation)).pipe(stage)
    }
    const [error] = (await once(stage, 'error')) as [Error]
    expect(error.name).toBe('AbortError')
    if (!stage.closed) await once(stage, 'close')
    expect(spools()).toEqual([])
  })

  it('opens any number of sessions at the same time, without a word of Node on listeners', async () => {
    const { url } = await start()
    const said: string[] = []
    const note = (warning: Error): void => void said.push(warning.name)
    process.on('warning', note)
    let asked = 0
    let allAsked = (): void => {}
    const all = new Promise<void>((resolve) => (allAsked = resolve))
    const apiKey = async (): Promise<string> => {
      asked += 1
      if (asked === 16) allAsked()
      // The others are opened once the first has begun.
      if (asked > 1) await all
      return 'key'
    }
    // Who counts sessions elsewhere may let in all at once.
    const stage = diarize({ url, apiKey, parallel: 16, admission: () => Promise.resolve(), voices: false })
    const ms = 2 * MS
    const longer = toneScript({ seed: 3, duration: ms - 1000, speakers: 2, turnWords: [1, 4], turnGap: [700, 900] })
    expectEveryWord(await turnsOf(stage, longer, ms), longer)
    process.off('warning', note)
    expect(said).toEqual([])
  })

  it('says that it is of no use with an engine in this process', async () => {
    const engine = toneEngine()
    const stage = diarize({ engine, parallel: 8 })
    const codes: string[] = []
    stage.on('warning', ({ code }) => codes.push(code))
    expectEveryWord(await turnsOf(stage))
    expect([engine.opened, codes]).toEqual([1, ['PARALLEL_UNUSED']])
  })

  it('says once, not for each part, that the server runs another model', async () => {
    const { url } = await start({ engine: toneEngine({ model: 'another' }) })
    const stage = parallel(url)
    const warnings: unknown[] = []
    stage.on('warning', (warning) => warnings.push(warning))
    expectEveryWord(await turnsOf(stage))
    const message = 'asked for the model universal-3-6-pro, but the server runs another'
    expect(warnings).toEqual([{ code: 'CONFIGURATION_MISMATCH', message }])
  })

  it('needs audio', async () => {
    const { url } = await start()
    const stage = parallel(url)
    stage.end()
    await expect(stage.toArray()).rejects.toMatchObject({ code: 'NO_AUDIO' })
  })

  it.each([
    [{ parallel: 0 }, /^parallel, when given, must be an integer from 1 to 100/],
    [{ channels: ['Agent', 'Customer'] }, /parallel/],
    [{ live: true }, /parallel/],
  ])('refuses %j', (wrong, message) => {
    expect(() => parallel('ws://127.0.0.1:1', wrong)).toThrow(message)
  })
})

describe('cutAtPauses()', () => {
  const loud = (frames: number): number[] => Array.from({ length: frames }, () => 1)
  const quiet = (frames: number): number[] => Array.from({ length: frames }, () => 0)

  it('cuts in the pause that is nearest to the even place', () => {
    // 60 s in frames of 50 ms: the even place is at 600, pauses are in 520 to 531 and 650 to 661.
    const levels = [...loud(520), ...quiet(12), ...loud(118), ...quiet(12), ...loud(538)]
    const [first, second] = cutAtPauses(levels, 50, 2)
    expect(first).toBe(0)
    expect(second).toBeGreaterThanOrEqual(650)
    expect(second).toBeLessThan(662)
  })

  it('cuts evenly where there is no pause, and not into too many parts', () => {
    expect(cutAtPauses(loud(1200), 50, 8)).toEqual([0, 200, 400, 600, 800, 1000])
    expect(cutAtPauses(loud(100), 50, 8)).toEqual([0])
    expect(cutAtPauses(loud(1), 50, 8)).toEqual([0])
  })
})
