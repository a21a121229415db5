import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EngineListener, EngineRevision, EngineSettings, EngineTurn } from '../../src/engine/engine.ts'
import type { HeardTurn, RecognisedWord, Recogniser, SpeakerTracker } from '../../src/engine/parts.ts'
import { EmbeddedSession } from '../../src/engine/session.ts'
import { ordinarySettings } from '../helpers/engine-run.ts'
import { randoms } from './signals.ts'

/**
 * The audio of these tests is a code: 0 is silence, -1 a noise that is taken for a word where it begins, and every other sample value is the number of the word that is
 * being said, so that a scripted recogniser can read back which words it was given.
 */
interface SaidWord {
  id: number
  start: number
  end: number
}

function codedAudio(words: readonly SaidWord[], ms: number): Int16Array {
  const samples = new Int16Array(ms * 16)
  for (const { id, start, end } of words) samples.fill(id, start * 16, end * 16)
  return samples
}

class ScriptedRecogniser implements Recogniser {
  heard: number[] = []
  accepted = 0
  finished: RecognisedWord[][] = []
  partials = 0
  closed = false
  gate: Promise<void> | undefined
  fail: Error | undefined

  async start(): Promise<void> {
    this.heard = []
  }
  async accept(samples: Int16Array): Promise<void> {
    await this.gate
    if (this.fail !== undefined) throw this.fail
    this.heard.push(...samples)
    this.accepted += samples.length
  }
  async partial(): Promise<RecognisedWord[]> {
    this.partials++
    return this.words()
  }
  async finish(): Promise<RecognisedWord[]> {
    this.finished.push(this.words())
    return this.words()
  }
  async close(): Promise<void> {
    this.closed = true
    await this.gate
  }
  words(): RecognisedWord[] {
    const words: RecognisedWord[] = []
    for (let at = 0; at < this.heard.length; at += 160) {
      const text = String(this.heard[at]! || this.heard[Math.min(at + 159, this.heard.length - 1)]!)
      const last = words.at(-1)
      if (text === '0' || (text === '-1' && at > 0)) continue
      if (last?.text === text) last.end = at / 16 + 10
      else words.push({ text, start: at / 16, end: at / 16 + 10, confidence: 0.9 })
    }
    return words
  }
}

const nobody: SpeakerTracker = { attribute: () => ({ words: [] }), revise: () => [] }

interface Heard extends EngineListener {
  finals: EngineTurn[]
  partials: EngineTurn[]
  revisions: EngineRevision[][]
  errors: Error[]
  started: number[]
}

function open(
  settings: Partial<EngineSettings> = {},
  speakers: SpeakerTracker = nobody,
): { session: EmbeddedSession; recogniser: ScriptedRecogniser; heard: Heard } {
  const heard: Heard = {
    finals: [],
    partials: [],
    revisions: [],
    errors: [],
    started: [],
    speechStarted: (at) => void heard.started.push(at),
    turn: (turn) => void (turn.endOfTurn ? heard.finals : heard.partials).push(turn),
    revision: (revisions) => void heard.revisions.push(revisions),
    failed: (error) => void heard.errors.push(error),
  }
  const recogniser = new ScriptedRecogniser()
  const activity = { frameSamples: 160, accept: (frame: Int16Array) => (frame.some((sample) => sample !== 0) ? 1 : 0) }
  const session = new EmbeddedSession({ activity, recogniser, speakers }, { ...ordinarySettings, ...settings }, heard)
  return { session, recogniser, heard }
}

async function send(session: EmbeddedSession, samples: Int16Array, block = 800): Promise<void> {
  for (let at = 0; at < samples.length; at += block) await session.write(samples.subarray(at, at + block))
}

const twoTurns: SaidWord[] = [
  { id: 1, start: 500, end: 900 },
  { id: 2, start: 900, end: 1300 },
  { id: 3, start: 2500, end: 3300 },
]

describe('EmbeddedSession', () => {
  it('reports turns with words at their place in the stream', async () => {
    const { session, heard } = open()
    await send(session, codedAudio(twoTurns, 5000))
    await session.end()
    await session.destroy()
    expect(heard.started).toEqual([500, 2500])
    expect(
      heard.finals.map(({ order, transcript, endOfTurn, formatted }) => [order, transcript, endOfTurn, formatted]),
    ).toEqual([
      [0, '1 2', true, false],
      [1, '3', true, false],
    ])
    expect(heard.finals.flatMap((turn) => turn.words)).toEqual(
      twoTurns.map(({ id, start, end }) => ({ text: String(id), start, end, confidence: 0.9, final: true })),
    )
    expect(heard.partials).toEqual([])
  })

  it('reports the last turn at the end of the audio, however short the silence', async () => {
    const { session, heard } = open()
    await send(session, codedAudio([{ id: 9, start: 100, end: 1000 }], 1000))
    expect(heard.finals).toEqual([])
    await session.end()
    expect(heard.finals.map((turn) => turn.transcript)).toEqual(['9'])
    await session.destroy()
  })

  it('gives partials when asked, with words that can still change, no oftener than every 400 ms', async () => {
    const { session, heard, recogniser } = open({ partials: true, formatTurns: true })
    await send(session, codedAudio(twoTurns, 5000))
    await session.end()
    await session.destroy()
    expect(heard.partials.length).toBeGreaterThan(2)
    expect(recogniser.partials).toBeLessThanOrEqual(3000 / 400)
    for (const partial of heard.partials) {
      expect(partial).toMatchObject({ endOfTurn: false, formatted: false, endOfTurnConfidence: 0 })
      expect(partial.words.every((word) => !word.final && word.speaker === undefined)).toBe(true)
    }
    expect(heard.finals[0]).toMatchObject({ formatted: true, transcript: '1 2.' })
  })

  it('ends the open turn on forceEndpoint before that resolves, and does nothing without one', async () => {
    const { session, heard } = open()
    await session.forceEndpoint()
    await send(session, codedAudio([{ id: 4, start: 200, end: 1200 }], 1200))
    await session.forceEndpoint()
    expect(heard.finals.map((turn) => turn.transcript)).toEqual(['4'])
    await send(session, codedAudio([{ id: 5, start: 300, end: 1000 }], 1000))
    await session.end()
    expect(heard.finals.map((turn) => turn.transcript)).toEqual(['4', '5'])
    expect(heard.finals[1]!.words[0]).toMatchObject({ start: 1500, end: 2200 })
    await session.destroy()
  })

  it('obeys silences changed in mid-session', async () => {
    const words = [
      { id: 1, start: 0, end: 1000 },
      { id: 2, start: 1300, end: 2300 },
    ]
    const { session, heard } = open()
    session.configure({ minTurnSilence: 200 })
    await send(session, codedAudio(words, 3000))
    await session.end()
    expect(heard.finals).toHaveLength(2)
    await session.destroy()
  })

  it('puts the labels of the tracker on words and turn, and sends what it revises', async () => {
    const turns: HeardTurn[] = []
    const speakers: SpeakerTracker = {
      attribute(turn) {
        turns.push(turn)
        return turn.order === 0 ? { words: ['A', undefined], speaker: 'A' } : { words: [undefined] }
      },
      revise: () => [{ order: 1, words: ['B'], speaker: 'B' }],
    }
    const { session, heard } = open({}, speakers)
    await send(session, codedAudio(twoTurns, 5000))
    await session.end()
    await session.destroy()
    expect(heard.finals[0]).toMatchObject({ speaker: 'A', words: [{ speaker: 'A' }, {}] })
    expect(heard.finals[0]!.words[1]).not.toHaveProperty('speaker')
    expect(heard.finals[1]).not.toHaveProperty('speaker')
    const [word] = heard.finals[1]!.words
    expect(heard.revisions).toEqual([[{ order: 1, speaker: 'B', words: [{ ...word, speaker: 'B' }] }]])
    expect(turns.map((turn) => turn.order)).toEqual([0, 1])
    expect(turns[1]!.samples.indexOf(3) / 16 + turns[1]!.offset).toBe(2500)
    expect(turns[1]!.speech.indexOf(1) * 10 + turns[1]!.offset).toBe(2500)
  })

  it('asks no tracker and sends no revision without speaker labels', async () => {
    const refuse = (): never => {
      throw new Error('not wanted')
    }
    const { session, heard } = open({ speakerLabels: false }, { attribute: refuse, revise: refuse })
    await send(session, codedAudio(twoTurns, 5000))
    await session.end()
    await session.destroy()
    expect(heard.errors).toEqual([])
    expect(heard.finals).toHaveLength(2)
  })

  it('revises in the middle of a session when asked', async () => {
    const speakers: SpeakerTracker = { ...nobody, revise: () => [{ order: 0, words: ['A', 'A'] }] }
    const { session, heard } = open({ revisionInterval: 1000 }, speakers)
    await send(session, codedAudio(twoTurns, 5000))
    await session.forceEndpoint()
    expect(heard.revisions).toHaveLength(2)
    await session.destroy()
  })

  it('cuts a turn of ten seconds, and one of sixty without speaker labels', async () => {
    const words = Array.from({ length: 50 }, (_, i) => ({ id: i + 1, start: i * 400, end: i * 400 + 380 }))
    for (const [speakerLabels, turns] of [
      [true, 3],
      [false, 1],
    ] as const) {
      const { session, heard } = open({ speakerLabels, formatTurns: true })
      await send(session, codedAudio(words, 20_500))
      await session.end()
      await session.destroy()
      expect(heard.finals).toHaveLength(turns)
      // The cuts lie within a sentence, which has one full stop.
      expect(heard.finals.flatMap((turn) => turn.words.map((word) => word.text))).toEqual(
        words.map(({ id }) => (id === 50 ? '50.' : String(id))),
      )
    }
  })

  it('hears little of a long noise twice, whatever is taken for a word in it', async () => {
    const { session, recogniser, heard } = open()
    await send(session, codedAudio([{ id: -1, start: 0, end: 60_000 }], 61_500))
    await session.end()
    await session.destroy()
    expect(heard.finals.length).toBeGreaterThan(1)
    expect(recogniser.accepted / 16).toBeLessThan(65_000)
  })

  it('makes what each speaker says in a turn a sentence, and a revision leaves the text as it was', async () => {
    const speakers: SpeakerTracker = {
      attribute: () => ({ words: ['A', undefined, 'B'], speaker: 'A' }),
      revise: () => [{ order: 0, words: ['B', 'B', 'B'], speaker: 'B' }],
    }
    const { session, heard } = open({ formatTurns: true }, speakers)
    const words = [1, 2, 3].map((id) => ({ id, start: id * 500, end: id * 500 + 480 }))
    await send(session, codedAudio(words, 4000))
    await session.end()
    await session.destroy()
    const [turn] = heard.finals
    expect(turn).toMatchObject({ transcript: '1 2. 3.', speaker: 'A', formatted: true })
    expect(turn!.words.map((word) => word.text).join(' ')).toBe(turn!.transcript)
    expect(heard.revisions.flat().map((revision) => revision.words.map((word) => word.text))).toEqual([
      turn!.words.map((word) => word.text),
    ])
  })

  it('takes one call the moment another has ended', async () => {
    const { session, heard } = open()
    await session.write(codedAudio([{ id: 4, start: 100, end: 900 }], 900))
    await session.forceEndpoint()
    await session.end()
    await session.forceEndpoint()
    expect(heard.finals.map((turn) => turn.transcript)).toEqual(['4'])
    await session.destroy()
  })

  it('loses, doubles and shifts no word, whatever is said and however it is written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 80, max: 20_000 }), async (seed, block) => {
        const random = randoms(seed)
        const words: SaidWord[] = []
        let at = 100
        while (at < 24_000) {
          const length = 20 * (4 + Math.floor(random() * 30))
          words.push({ id: words.length + 1, start: at, end: at + length })
          at += length + 10 * Math.floor(random() ** 4 * 120)
        }
        const total = at + 1500
        const { session, heard } = open()
        await send(session, codedAudio(words, total), block)
        await session.end()
        await session.destroy()
        const out = heard.finals.flatMap((turn) => turn.words)
        expect(heard.errors).toEqual([])
        expect(out.map((word) => word.text)).toEqual(words.map(({ id }) => String(id)))
        expect(heard.finals.map((turn) => turn.order)).toEqual(heard.finals.map((_, index) => index))
        let before = 0
        out.forEach((word, index) => {
          expect(word.start).toBeGreaterThanOrEqual(before)
          expect(word.end).toBeGreaterThanOrEqual(word.start)
          expect(Math.abs(word.start - words[index]!.start)).toBeLessThanOrEqual(10)
          before = word.end
        })
        expect(before).toBeLessThanOrEqual(total)
      }),
      { numRuns: 25 },
    )
  })

  it('holds a writer back after about a second of audio', async () => {
    const { session, recogniser } = open()
    let open1 = (): void => {}
    recogniser.gate = new Promise((resolve) => (open1 = resolve))
    const speech = codedAudio([{ id: 1, start: 0, end: 5000 }], 5000)
    let written = 0
    const writing = (async () => {
      for (let at = 0; at < speech.length; at += 800) {
        await session.write(speech.subarray(at, at + 800))
        written = at + 800
      }
    })()
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(written).toBeGreaterThan(0)
    expect(written).toBeLessThanOrEqual(16_000 + 1600)
    open1()
    await writing
    await session.destroy()
  })

  it('keeps writes in order that nobody waits for', async () => {
    const { session, heard } = open()
    const audio = codedAudio(twoTurns, 5000)
    const writes = []
    for (let at = 0; at < audio.length; at += 20_000) writes.push(session.write(audio.subarray(at, at + 20_000)))
    await Promise.all([...writes, session.end()])
    expect(heard.finals.map((turn) => turn.transcript)).toEqual(['1 2', '3'])
    await session.destroy()
  })

  it('reports nothing after destroy(), which waits for the call under way and releases all who wait', async () => {
    const { session, recogniser, heard } = open({ partials: true })
    let release = (): void => {}
    recogniser.gate = new Promise((resolve) => (release = resolve))
    const writing = session.write(codedAudio([{ id: 1, start: 0, end: 3000 }], 3000))
    const ending = session.end()
    await new Promise((resolve) => setImmediate(resolve))
    let destroyed = false
    const destroying = session.destroy().then(() => (destroyed = true))
    await Promise.all([writing, ending])
    const before = heard.partials.length + heard.finals.length
    expect(destroyed).toBe(false)
    release()
    await destroying
    expect(recogniser.closed).toBe(true)
    await session.write(new Int16Array(1600))
    await session.end()
    await session.destroy()
    expect(heard.partials.length + heard.finals.length).toBe(before)
    expect(heard.errors).toEqual([])
  })

  it('tells a failure once and lets everybody go', async () => {
    const { session, recogniser, heard } = open()
    recogniser.fail = new Error('the decoder broke')
    await send(session, codedAudio(twoTurns, 5000))
    await session.end()
    expect(heard.errors).toHaveLength(1)
    expect(heard.errors[0]).toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringContaining('the decoder broke'),
    })
    expect(heard.finals).toEqual([])
    await session.destroy()
  })
})
