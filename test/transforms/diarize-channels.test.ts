import { type Duplex, PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { writeWavHeader } from '../../src/audio/wav.ts'
import type { Warning } from '../../src/errors.ts'
import type { Gap, ReconnectingRecord } from '../../src/stream/options.ts'
import type { Turn } from '../../src/model.ts'
import { serve, type StreamingServer } from '../../src/server/index.ts'
import { faultServer, toneEngine, type FaultServer, type ToneWord } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { requestFormat, type RequestedFormat, type UpstreamStage } from '../../src/stage.ts'
import { diarize } from '../../src/transforms/diarize.ts'
import type { SessionRecord, TerminationRecord } from '../../src/transforms/diarize-events.ts'
import type { DiarizeOptions } from '../../src/transforms/diarize-options.ts'
import { frame } from '../../src/transforms/frame.ts'
import { resample } from '../../src/transforms/resample.ts'
import { toneChannels } from '../helpers/tone-channels.ts'

let server: { url: string; close(): Promise<void> } | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

interface Outcome {
  turns: Turn[]
  sessions: SessionRecord[]
  gaps: Gap[]
  reconnecting: ReconnectingRecord[]
  warnings: Warning[]
  terminations: TerminationRecord[]
  progress: { audioMs: number; turns: number; speakers: string[] }
  error?: unknown
}

async function transcribe(source: Iterable<Buffer> | AsyncIterable<Buffer>, options: DiarizeOptions): Promise<Outcome> {
  const stage = diarize({ url: server!.url, apiKey: 'k', pace: 'unpaced', reconnect: { delay: 5 }, ...options })
  const outcome: Outcome = {
    turns: [],
    sessions: [],
    gaps: [],
    reconnecting: [],
    warnings: [],
    terminations: [],
    progress: { audioMs: 0, turns: 0, speakers: [] },
  }
  stage.on('session', (record) => outcome.sessions.push(record))
  stage.on('gap', (gap) => outcome.gaps.push(gap))
  stage.on('reconnecting', (record) => outcome.reconnecting.push(record))
  stage.on('warning', (warning) => outcome.warnings.push(warning))
  stage.on('termination', (record) => outcome.terminations.push(record))
  stage.on('progress', (progress) => (outcome.progress = progress))
  try {
    for await (const turn of Readable.from(source).pipe(stage)) outcome.turns.push(turn)
  } catch (error) {
    outcome.error = error
  }
  return outcome
}

function scriptsOf(channels: number, duration: number, speakers = 1): ToneWord[][] {
  return Array.from({ length: channels }, (_, channel) =>
    toneScript({ seed: channel + 1, duration, speakers, firstWord: channel * 100_000, turnWords: [1, 8] }),
  )
}

/** What should come of scripts: the words of each channel, in order, with their times. */
function expected(scripts: readonly (readonly ToneWord[])[], names: readonly string[]) {
  return Object.fromEntries(names.map((name, i) => [name, scripts[i]!.map(({ word, start }) => `w${word}@${start}`)]))
}

function heard(turns: readonly Turn[], names: readonly string[]) {
  const first = turns.filter(({ revision }) => revision === 0)
  return Object.fromEntries(
    names.map((name) => [
      name,
      first.filter(({ channel }) => channel === name).flatMap(({ words }) => words.map((w) => `${w.text}@${w.start}`)),
    ]),
  )
}

function orders(turns: readonly Turn[]): number[] {
  return turns.filter(({ revision }) => revision === 0).map(({ order }) => order)
}

const rising = (values: readonly number[]): boolean => values.every((value, i) => i === 0 || value > values[i - 1]!)

describe('diarize() with channels', () => {
  it('gives every word on its channel, in order, once, and turns in the order of time', async () => {
    server = await serve({ engine: toneEngine() })
    const names = ['Agent', 'Customer', 'Interpreter']
    const scripts = scriptsOf(3, 60_000)
    const { turns, sessions, terminations, progress, error } = await transcribe(toneChannels(scripts, 61_000), {
      channels: names,
    })
    expect(error).toBeUndefined()
    expect(heard(turns, names)).toEqual(expected(scripts, names))
    expect(rising(orders(turns))).toBe(true)
    const starts = turns.map(({ start }) => start)
    expect(starts).toEqual(starts.toSorted((a, b) => a - b))
    expect(new Set(sessions.map(({ channel }) => channel))).toEqual(new Set(names))
    expect(sessions).toHaveLength(3)
    expect(terminations).toEqual(
      names.map((channel) => ({ channel, audioMs: 61_000, sessionMs: expect.any(Number) as number })),
    )
    expect(progress).toEqual({
      audioMs: 61_000,
      doneMs: 61_000,
      turns: turns.length,
      speakers: expect.any(Array) as string[],
      languages: [],
      certainty: expect.objectContaining({ words: turns.flatMap((turn) => turn.words).length }) as object,
    })
    expect(progress.speakers.toSorted()).toEqual(names)
    // The channel is the speaker.
    expect(turns.flatMap(({ speaker, words }) => [speaker, ...words.map((word) => word.speaker)])).not.toContainEqual(
      expect.anything(),
    )
  })

  it('names channels by number, and speakers within them where asked', async () => {
    server = await serve({ engine: toneEngine() })
    const scripts = scriptsOf(2, 30_000, 2)
    const { turns, sessions } = await transcribe(toneChannels(scripts, 31_000), { channels: 2, speakerLabels: true })
    const names = ['Speaker 1', 'Speaker 2']
    expect(heard(turns, names)).toEqual(expected(scripts, names))
    const speakers = new Set(turns.flatMap(({ speaker, words }) => [speaker, ...words.map((word) => word.speaker)]))
    expect(speakers).toEqual(new Set(['Speaker 1/A', 'Speaker 1/B', 'Speaker 2/A', 'Speaker 2/B']))
    for (const { speaker, channel } of turns) expect(speaker).toMatch(new RegExp(`^${channel}/[AB]$`))
    expect(sessions.at(-1)?.speakers).toBeDefined()
  })

  it('gives partials at once, and each with its channel', async () => {
    server = await serve({ engine: toneEngine() })
    const scripts = scriptsOf(2, 20_000)
    const { turns } = await transcribe(toneChannels(scripts, 21_000), { channels: 2, partials: true })
    const partials = turns.filter(({ endOfTurn }) => !endOfTurn)
    expect(partials.length).toBeGreaterThan(10)
    expect(new Set(partials.map(({ channel }) => channel))).toEqual(new Set(['Speaker 1', 'Speaker 2']))
    expect(rising(orders(turns.filter(({ endOfTurn }) => endOfTurn)))).toBe(true)
  })

  it('leaves the other channels running when a session drops, and loses no word of any', async () => {
    const faults = await faultServer(
      (index) => (index < 3 || index === 4 ? { fault: 'drop', afterMs: 9000 + 4000 * index } : { fault: 'none' }),
      { engine: toneEngine() },
    )
    server = faults
    const names = ['Agent', 'Customer', 'Interpreter']
    const scripts = scriptsOf(3, 60_000)
    const { turns, reconnecting, gaps, error } = await transcribe(toneChannels(scripts, 61_000), { channels: names })
    expect(error).toBeUndefined()
    expect(heard(turns, names)).toEqual(expected(scripts, names))
    expect(rising(orders(turns))).toBe(true)
    expect(gaps).toEqual([])
    expect(reconnecting.length).toBeGreaterThanOrEqual(4)
    expect(new Set(reconnecting.map(({ channel }) => channel))).toEqual(new Set(names))
  })

  it('skips a channel as long as it is silent, and then loses nothing of it', async () => {
    server = await serve({ engine: toneEngine() })
    const names = ['Agent', 'Customer', 'Nobody']
    const [agent = [], late = []] = scriptsOf(2, 40_000)
    const scripts = [agent, late.filter(({ start }) => start > 20_000), []]
    const { turns, sessions, warnings, progress } = await transcribe(toneChannels(scripts, 41_000, 330), {
      channels: names,
      skipSilent: true,
    })
    expect(heard(turns, names)).toEqual(expected(scripts, names))
    expect(sessions.map(({ channel }) => channel)).toEqual(['Agent', 'Customer'])
    const first = scripts[1]![0]!.start
    expect(sessions[1]?.offset).toBeGreaterThan(first - 600)
    expect(sessions[1]?.offset).toBeLessThanOrEqual(first)
    expect(warnings).toMatchObject([{ code: 'CHANNEL_SILENT', channel: 'Nobody' }])
    expect(progress.audioMs).toBe(41_000)
  })

  it('gives no turn and no error where every channel is silent', async () => {
    server = await serve({ engine: toneEngine() })
    const { turns, sessions, error, terminations } = await transcribe([Buffer.alloc(64_000 * 2)], {
      channels: 2,
      skipSilent: true,
    })
    expect([turns, sessions, terminations, error]).toEqual([[], [], [], undefined])
  })

  describe('a channel that fails for good', () => {
    /** The session that opens second fails, and cannot be had again. */
    const failing = (): Promise<FaultServer> =>
      faultServer(
        (index) => (index === 1 ? { fault: 'error', code: 3006, text: 'no', afterMs: 10_000 } : { fault: 'none' }),
        { engine: toneEngine() },
      )

    it('ends the stream, and is named', async () => {
      server = await failing()
      const { error } = await transcribe(toneChannels(scriptsOf(2, 60_000), 61_000), {
        channels: ['Agent', 'Customer'],
      })
      expect(error).toMatchObject({
        name: 'SessionError',
        code: 'INVALID_REQUEST',
        retryable: false,
        closeCode: 3006,
        channel: expect.stringMatching(/^(Agent|Customer)$/) as string,
        message: expect.stringMatching(/^channel (Agent|Customer): ws:.*3006/) as string,
      })
    })

    it('gives out what was final by then', async () => {
      server = await failing()
      const options = { channels: 2, mergeDelay: 600_000, parameters: { includePartialTurns: false } } as const
      const turns: Turn[] = []
      const sink = new Writable({
        objectMode: true,
        write(turn: Turn, _encoding, done) {
          turns.push(turn)
          done()
        },
      })
      const stage = diarize({ url: server.url, ...options })
      const done = pipeline(Readable.from(toneChannels(scriptsOf(2, 60_000), 61_000)), stage, sink)
      await expect(done).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
      expect(new Set(turns.map(({ channel }) => channel))).toEqual(new Set(['Speaker 1', 'Speaker 2']))
    })

    it('leaves the others to their end where asked, and says what is missing', async () => {
      server = await failing()
      const names = ['Agent', 'Customer']
      const scripts = scriptsOf(2, 60_000)
      const { turns, error, gaps, warnings, terminations } = await transcribe(toneChannels(scripts, 61_000), {
        channels: names,
        channelFailure: 'continue',
      })
      expect(error).toBeUndefined()
      const [warning] = warnings
      expect(warning).toMatchObject({ code: 'CHANNEL_FAILED', error: { code: 'INVALID_REQUEST' } })
      const [good, bad] = warning?.['channel'] === 'Agent' ? ['Customer', 'Agent'] : ['Agent', 'Customer']
      expect(heard(turns, [good])).toEqual({ [good]: expected(scripts, names)[good] })
      expect(terminations.map(({ channel }) => channel)).toEqual([good])
      const last = turns.findLast(({ channel }) => channel === bad)
      expect(gaps).toEqual([{ start: last?.end, end: 61_000, channel: bad }])
    })

    it('ends the stream even so where none is left', async () => {
      server = await faultServer({ fault: 'error', code: 3006, afterMs: 3000 }, { engine: toneEngine() })
      const { error } = await transcribe(toneChannels(scriptsOf(2, 30_000), 31_000), {
        channels: 2,
        channelFailure: 'continue',
      })
      expect(error).toMatchObject({
        code: 'INVALID_REQUEST',
        channel: expect.stringMatching(/^Speaker [12]$/) as string,
      })
    })
  })

  it.each(['keep', 'drop'] as const)('with bleed %s', async (bleed) => {
    server = await serve({ engine: toneEngine() })
    const [agent = [], customer = []] = scriptsOf(2, 60_000)
    // The customer's microphone hears the agent, at a third of the level, wherever the customer is not speaking.
    const free = ({ start }: ToneWord): boolean => customer.every((word) => Math.abs(word.start - start) > 280)
    const both = [...customer, ...agent.filter(free)].toSorted((a, b) => a.start - b.start)
    const scripts = [agent, both]
    const loud = (word: ToneWord): number => (customer.includes(word) ? 1 : 0.3)
    const { turns, error } = await transcribe(toneChannels(scripts, 61_000, 1000, loud), { channels: 2, bleed })
    expect(error).toBeUndefined()
    const names = ['Speaker 1', 'Speaker 2']
    expect(heard(turns, names)).toEqual(expected(bleed === 'drop' ? [agent, customer] : scripts, names))
    expect(agent.filter(free).length).toBeGreaterThan(20)
    for (const turn of turns) expect(turn.transcript).toBe(turn.words.map(({ text }) => text).join(' '))
  })

  it('holds every channel where one server stops reading', async () => {
    const faults = await faultServer(
      (index) => (index === 1 ? { fault: 'stall', afterMs: 5000, forMs: 500 } : { fault: 'none' }),
      { engine: toneEngine() },
    )
    server = faults
    let ahead = 0
    const timer = setInterval(() => {
      const received = faults.connections.map(({ receivedMs }) => receivedMs)
      if (received.length === 3) ahead = Math.max(ahead, Math.max(...received) - Math.min(...received))
    }, 5)
    const scripts = scriptsOf(3, 60_000)
    const { turns, error } = await transcribe(toneChannels(scripts, 61_000), { channels: 3 })
    clearInterval(timer)
    expect(error).toBeUndefined()
    expect(orders(turns).length).toBeGreaterThan(10)
    // A second between the source and each socket, and what is on its way there.
    expect(ahead).toBeLessThan(5000)
  })

  it('keeps what the others said where the last channel fails at its end', async () => {
    server = await faultServer(
      (index) => (index === 1 ? { fault: 'error', code: 3006, afterTerminate: true } : { fault: 'none' }),
      { engine: toneEngine() },
    )
    const { error, terminations, warnings } = await transcribe(toneChannels(scriptsOf(2, 20_000), 21_000), {
      channels: 2,
      channelFailure: 'continue',
    })
    expect(error).toBeUndefined()
    expect(terminations).toHaveLength(1)
    expect(warnings).toMatchObject([{ code: 'CHANNEL_FAILED' }])
  })

  it('says which milliseconds of which channel a live source has lost', async () => {
    // The first session breaks, and no other can be had until the source has long gone on.
    const faults = await faultServer(
      (index) => {
        if (index === 0) return { fault: 'drop', afterMs: 500 }
        return index === 1 || index > 5 ? { fault: 'none' } : { fault: 'refuse', code: 3005 }
      },
      { engine: toneEngine() },
    )
    server = faults
    const live = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.alloc(64_000)
      await vi.waitFor(() => expect(faults.attempts).toBeGreaterThan(2), { timeout: 10_000 })
      for (let second = 1; second < 20; second++) yield Buffer.alloc(64_000)
    }
    const options = { channels: ['Agent', 'Customer'], live: true, replay: { max: 1000 }, reconnect: { delay: 50 } }
    const { gaps, error, progress } = await transcribe(live(), options)
    expect(error).toBeUndefined()
    expect(gaps).toEqual([
      { start: 0, end: expect.any(Number) as number, channel: expect.stringMatching(/^(Agent|Customer)$/) as string },
    ])
    expect(progress.audioMs).toBe(20_000)
  })

  it('closes every session when it is aborted', async () => {
    const faults = await faultServer({ fault: 'none' }, { engine: toneEngine() })
    server = faults
    const controller = new AbortController()
    const stage = diarize({ url: faults.url, channels: 4, signal: controller.signal })
    const done = pipeline(Readable.from(toneChannels(scriptsOf(4, 60_000), 60_000)), stage.resume())
    await vi.waitFor(() => expect(faults.connections.filter(({ receivedMs }) => receivedMs > 0)).toHaveLength(4))
    controller.abort()
    await expect(done).rejects.toMatchObject({ name: 'AbortError' })
    await vi.waitFor(() => expect(faults.connections.map(({ closeCode }) => closeCode)).not.toContain(undefined))
    expect(faults.attempts).toBe(4)
  })

  it('asks FFmpeg above it for the channels as they are', () => {
    const asked: RequestedFormat[] = []
    const above: UpstreamStage = new PassThrough()
    above[requestFormat] = (format) => asked.push(format) > 0
    above.pipe(diarize({ url: 'ws://127.0.0.1:9', channels: 2, sampleRate: 8000 }))
    above.pipe(diarize({ url: 'ws://127.0.0.1:9' }))
    expect(asked).toEqual([
      { sampleRate: 8000, encoding: 's16le' },
      { sampleRate: 16_000, encoding: 's16le', channels: 1 },
    ])
  })

  it('sends updates and endpoints to every channel', async () => {
    const strict: StreamingServer = await serve({ engine: toneEngine() })
    server = strict
    const messages: string[] = []
    strict.on('message', (_session, { binary, data }) => {
      if (!binary) messages.push(data)
    })
    const stage = diarize({ url: strict.url, apiKey: 'k', channels: 2 })
    stage.updateConfiguration({ maxTurnSilence: 700 })
    Readable.from(toneChannels(scriptsOf(2, 5000), 5000)).pipe(stage)
    await stage.toArray()
    expect(messages.toSorted()).toEqual([
      ...Array(2).fill('{"type":"Terminate"}'),
      ...Array(2).fill('{"type":"UpdateConfiguration","max_turn_silence":700}'),
    ])
  })

  it.each<[DiarizeOptions, RegExp]>([
    [{ channels: 0 }, /^channels, when given, must be an array of 1 to 8 names or an integer from 1 to 8; got 0$/],
    [{ channels: 2.5 }, /^channels, .* got 2.5$/],
    [{ channels: 'Agent' as never }, /^channels, .* got 'Agent'$/],
    [{ channels: [] }, /^channels, .* got an array of 0$/],
    [{ channels: Array(9).fill('x') as string[] }, /^channels, .* got an array of 9$/],
    [{ channels: ['Agent', ' '] }, /^channels\[1\], when given, must be a name of 1 to 100 characters; got ' '$/],
    [{ channels: ['Agent', 7 as never] }, /^channels\[1\], .* got 7$/],
    [{ channels: ['A', 'B', 'A'] }, /^channels\[2\], when given, must be a name that no other channel has; got 'A'$/],
    [{ channels: 2, mergeDelay: -1 }, /^mergeDelay, when given, must be an integer from 0 to 600000 ms; got -1$/],
    [{ channels: 2, skipSilent: 1 as never }, /^skipSilent, when given, must be true or false; got 1$/],
    [{ channels: 2, channelFailure: 'ignore' as never }, /^channelFailure, .* 'end' or 'continue'; got 'ignore'$/],
    [{ channels: 2, bleed: true as never }, /^bleed, when given, must be 'keep' or 'drop'; got true$/],
    [{ bleed: 'drop' }, /^bleed needs channels beside it$/],
    [{ channels: 2, parameters: { maxSpeakers: 2 } }, /^parameters.maxSpeakers needs speakerLabels/],
  ])('refuses %j', (options, message) => {
    expect(() => diarize(options)).toThrow(message)
    expect(() => diarize(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})

describe('audio that has not the channels it should have', () => {
  const wav = (channels: number): Buffer =>
    Buffer.concat([writeWavHeader({ sampleRate: 16_000, channels, encoding: 's16le' }), Buffer.alloc(9600 * channels)])

  /** The error, and the connections it has cost. */
  async function failure(stages: [Readable, ...Duplex[]]): Promise<unknown> {
    const attempts = await faultServer({ fault: 'none' })
    server = attempts
    const [source, ...others] = stages
    const stage = diarize({ url: attempts.url, channels: ['Agent', 'Customer'] })
    const error: unknown = await pipeline([source, ...others, stage.resume()]).catch((caught: unknown) => caught)
    expect(attempts.attempts).toBe(0)
    return error
  }

  it.each([
    ['mixed by resample()', [Readable.from([wav(2)]), resample()], 1, 'put resample'],
    ['of more channels', [Readable.from([wav(3)]), resample({ channels: 'keep' })], 3, 'one name for each of the 3'],
    ['framed with more', [Readable.from([wav(3)]), resample({ channels: 'keep' }), frame()], 3, 'one name for each'],
    ['WAV of one', [Readable.from([wav(1)])], 1, 'else leave channels out'],
    ['WAV of four', [Readable.from([wav(4)])], 4, 'one name for each of the 4'],
  ] as [string, [Readable, ...Duplex[]], number, string][])(
    'is refused: %s',
    async (_what, stages, channels, advice) => {
      expect(await failure(stages)).toMatchObject({
        name: 'InputError',
        code: 'CHANNEL_MISMATCH',
        expected: 2,
        channels,
        message: expect.stringContaining(advice) as string,
      })
    },
  )

  it('is refused where diarize() knows of one channel only', async () => {
    const stages = [
      Readable.from([wav(2)]),
      resample({ channels: 'keep' }),
      diarize({ url: 'ws://127.0.0.1:9' }).resume(),
    ]
    await expect(pipeline(stages)).rejects.toMatchObject({
      code: 'CHANNEL_MISMATCH',
      message: expect.stringMatching(/give diarize\(\) the names of its channels, or .* channels: 1$/) as string,
    })
  })
})
