import { setImmediate as tick } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { EngineSettings } from '../../../src/engine/engine.ts'
import type { SpeakerTracker } from '../../../src/engine/parts.ts'
import { CrashingUtterance } from '../../../src/engine/parts.ts'
import { EmbeddedSession } from '../../../src/engine/turns/session.ts'
import { EngineError } from '../../../src/errors.ts'
import { ordinarySettings } from '../../helpers/engine-run.ts'
import {
  codedAudio,
  Listener,
  noiseWord,
  randomWords,
  type RecogniserManner,
  type SaidWord,
  ScriptedActivity,
  ScriptedRecogniser,
  ScriptedTracker,
} from '../coded-speech.ts'
import { randoms } from '../signals.ts'
import { runs } from '../../helpers/runs.ts'

interface Opened {
  session: EmbeddedSession
  activity: ScriptedActivity
  recogniser: ScriptedRecogniser
  heard: Listener
}

function open(
  settings: Partial<EngineSettings> = {},
  manner: RecogniserManner = {},
  speakers?: SpeakerTracker,
): Opened {
  const heard = new Listener()
  const activity = new ScriptedActivity()
  const recogniser = new ScriptedRecogniser(manner)
  const parts = { activity, recogniser, ...(speakers && { speakers }) }
  return {
    session: new EmbeddedSession(parts, { ...ordinarySettings, ...settings }, heard),
    activity,
    recogniser,
    heard,
  }
}

async function send(session: EmbeddedSession, samples: Int16Array, block = 800): Promise<void> {
  for (let at = 0; at < samples.length; at += block) await session.write(samples.subarray(at, at + block))
}

/** Sends as a microphone does: what is begun comes to its end between the blocks. */
async function sendLive(session: EmbeddedSession, samples: Int16Array): Promise<void> {
  for (let at = 0; at < samples.length; at += 800) {
    await session.write(samples.subarray(at, at + 800))
    for (let turn = 0; turn < 5; turn++) await tick()
  }
}

/** Lets everything happen that waits for nothing from outside. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await tick()
}

const texts = (heard: Listener): string[] => heard.finals.map((turn) => turn.transcript)

const twoTurns: SaidWord[] = [
  { id: 1, start: 500, end: 900 },
  { id: 2, start: 900, end: 1300 },
  { id: 3, start: 2500, end: 3300 },
]
/** `count` turns of one word of 700 ms each, one every 2 s. */
const turnsOfOne = (count: number): SaidWord[] =>
  Array.from({ length: count }, (_, index) => ({ id: index + 1, start: index * 2000 + 500, end: index * 2000 + 1200 }))

afterEach(() => {
  vi.restoreAllMocks()
})

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
      twoTurns.map(({ id, start, end }) => ({ text: String(id), start, end, final: true })),
    )
    expect(heard.partials).toEqual([])
  })

  it('reports speech of which it makes no words, and what was repeated', async () => {
    const { session, heard, recogniser } = open()
    recogniser.repeated.set(1, 12)
    const said = [
      { id: noiseWord, start: 500, end: 3000 },
      { id: 3, start: 4500, end: 5300 },
    ]
    await send(session, codedAudio(said, 7000))
    await session.end()
    await session.destroy()
    expect(texts(heard)).toEqual(['3'])
    expect(heard.notUnderstood).toEqual([
      { start: 500, end: 3000, reason: 'noWords' },
      { start: 4300, end: 5500, reason: 'repetition', repeatedWords: 12 },
    ])
  })

  it('reports the last turn at the end of the audio, however short the silence', async () => {
    const { session, heard } = open()
    await send(session, codedAudio([{ id: 9, start: 100, end: 1000 }], 1000))
    expect(heard.finals).toEqual([])
    await session.end()
    expect(texts(heard)).toEqual(['9'])
    await session.destroy()
  })

  it('hears audio that ends in mid-speech to its last millisecond, and nothing behind it', async () => {
    const said = { id: 9, start: 100, end: 1021 }
    const { session, heard } = open()
    await send(session, codedAudio([said], said.end))
    await session.end()
    expect(heard.finals.flatMap(({ words }) => words)).toMatchObject([{ start: said.start, end: said.end }])
    await session.destroy()
  })

  it('ends the open turn on forceEndpoint before that resolves, and does nothing without one', async () => {
    const { session, heard } = open({}, { turns: () => 20 })
    await session.forceEndpoint()
    await send(session, codedAudio([{ id: 4, start: 200, end: 1200 }], 1200))
    await session.forceEndpoint()
    expect(texts(heard)).toEqual(['4'])
    await send(session, codedAudio([{ id: 5, start: 300, end: 1000 }], 1000))
    await session.end()
    expect(texts(heard)).toEqual(['4', '5'])
    expect(heard.finals[1]!.words[0]).toMatchObject({ start: 1500 })
    await session.destroy()
  })

  it('obeys settings changed in mid-session, and passes on those that are not its own', async () => {
    const words = [
      { id: 1, start: 0, end: 1000 },
      { id: 2, start: 1300, end: 2300 },
    ]
    const { session, heard, activity, recogniser } = open()
    session.configure({ minTurnSilence: 200, keyterms: ['Oslo'] })
    session.configure({ formatTurns: true, vadThreshold: 0.4 })
    await send(session, codedAudio(words, 3000))
    await session.end()
    expect(texts(heard)).toEqual(['1.', '2.'])
    expect(activity.thresholds).toEqual([0.4])
    expect(recogniser.keyterms).toEqual([['Oslo']])
    await session.destroy()
  })

  it('takes one call the moment another has ended', async () => {
    const { session, heard } = open()
    await session.write(codedAudio([{ id: 4, start: 100, end: 900 }], 900))
    await session.forceEndpoint()
    await session.end()
    await session.forceEndpoint()
    expect(texts(heard)).toEqual(['4'])
    await session.destroy()
  })

  it('keeps writes in order that nobody waits for', async () => {
    const { session, heard } = open()
    const audio = codedAudio(twoTurns, 5000)
    const writes = []
    for (let at = 0; at < audio.length; at += 20_000) writes.push(session.write(audio.subarray(at, at + 20_000)))
    await Promise.all([...writes, session.end()])
    expect(texts(heard)).toEqual(['1 2', '3'])
    await session.destroy()
  })

  it('keeps what it is given: the caller may write over its buffer', async () => {
    const { session, heard } = open()
    const buffer = new Int16Array(1600)
    const audio = codedAudio(twoTurns, 5000)
    const writes: Promise<void>[] = []
    for (let at = 0; at < audio.length; at += buffer.length) {
      buffer.set(audio.subarray(at, at + buffer.length))
      writes.push(session.write(buffer))
    }
    buffer.fill(0)
    await Promise.all([...writes, session.end()])
    expect(texts(heard)).toEqual(['1 2', '3'])
    await session.destroy()
  })

  it.each<[string, () => RecogniserManner & { partials?: boolean }]>([
    ['one utterance at a time', () => ({})],
    [
      'three at a time, which end in any order, with partials',
      () => {
        const random = randoms(7)
        return { parallel: 3, turns: () => Math.floor(random() * 60), partials: true }
      },
    ],
  ])('loses, doubles and shifts no word, whatever is said and however it is written: %s', async (_what, manner) => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 80, max: 20_000 }), async (seed, block) => {
        const words = randomWords(seed, 40_000)
        const total = words.at(-1)!.end + 500
        const { partials = false, ...how } = manner()
        const { session, heard } = open({ partials }, how)
        await send(session, codedAudio(words, total), block)
        await session.end()
        await session.destroy()
        const out = heard.finals.flatMap((turn) => turn.words)
        expect(heard.errors).toEqual([])
        expect(out.map(({ text, start, end }) => [text, start, end])).toEqual(
          words.map(({ id, start, end }) => [String(id), start, end]),
        )
        expect(heard.finals.map((turn) => turn.order)).toEqual(heard.finals.map((_, index) => index))
        for (const turn of heard.finals) {
          expect(turn.transcript).toBe(turn.words.map(({ text }) => text).join(' '))
        }
      }),
      { numRuns: 20 },
    )
  })
})

describe('long speech', () => {
  /** Words without a pause between them, each of 400 ms. */
  const endless = (count: number): SaidWord[] =>
    Array.from({ length: count }, (_, i) => ({ id: i + 1, start: 500 + i * 400, end: 900 + i * 400 }))

  it('is cut before 29 s between two words, and its sentence goes on over the cut', async () => {
    const words = endless(180)
    const { session, heard, recogniser } = open({ formatTurns: true })
    await send(session, codedAudio(words, 74_000))
    await session.end()
    await session.destroy()
    expect(heard.finals.length).toBeGreaterThanOrEqual(3)
    expect(heard.finals.length).toBeLessThanOrEqual(5)
    // It has one full stop.
    expect(heard.finals.flatMap((turn) => turn.words.map((word) => word.text))).toEqual(
      words.map(({ id }) => (id === 180 ? '180.' : String(id))),
    )
    expect(heard.started).toEqual([500])
    for (const { heard: samples } of recogniser.utterances) expect(samples.length / 16).toBeLessThanOrEqual(29_000)
  })

  it('is cut in a pause where there is one', async () => {
    const words = endless(100).map((word) =>
      word.id > 60 ? { ...word, start: word.start + 300, end: word.end + 300 } : word,
    )
    const { session, heard } = open()
    await send(session, codedAudio(words, 43_000))
    await session.end()
    await session.destroy()
    expect(heard.finals[0]!.words.at(-1)!.text).toBe('60')
    expect(heard.finals.flatMap((turn) => turn.words.map((word) => word.text))).toEqual(
      words.map(({ id }) => String(id)),
    )
  })

  it('that is a noise is heard little of twice, whatever is taken for a word in it', async () => {
    const { session, recogniser, heard } = open()
    await send(session, codedAudio([{ id: noiseWord, start: 0, end: 120_000 }], 121_500))
    await session.end()
    await session.destroy()
    expect(heard.finals.length).toBeGreaterThan(1)
    const accepted = recogniser.utterances.reduce((sum, utterance) => sum + utterance.heard.length / 16, 0)
    expect(accepted).toBeLessThan(128_000)
  })
})

describe('partials', () => {
  const long: SaidWord[] = Array.from({ length: 20 }, (_, i) => ({
    id: i + 1,
    start: 500 + i * 400,
    end: 900 + i * 400,
  }))

  it('come when asked for, with words that can still change, at most one for each second of audio', async () => {
    const { session, heard, recogniser } = open({ partials: true, formatTurns: true })
    await sendLive(session, codedAudio(long, 10_000))
    await session.end()
    await session.destroy()
    const [utterance] = recogniser.utterances
    expect(utterance!.partials).toBeGreaterThan(2)
    expect(utterance!.partials).toBeLessThanOrEqual(9)
    expect(heard.partials.length).toBeGreaterThan(2)
    for (const [index, partial] of heard.partials.entries()) {
      expect(partial).toMatchObject({ order: 0, endOfTurn: false, formatted: false, endOfTurnConfidence: 0 })
      expect(partial.words.every((word) => !word.final && word.speaker === undefined)).toBe(true)
      expect(partial.words.length).toBeGreaterThan(heard.partials[index - 1]?.words.length ?? 0)
    }
    expect(heard.finals[0]).toMatchObject({ order: 0, formatted: true })
  })

  it('are plain where no formatting is wanted, and have the capitals of the recogniser where it is', async () => {
    for (const [formatTurns, text] of [
      [true, 'Yes,'],
      [false, 'yes'],
    ] as const) {
      const { session, heard, recogniser } = open({ partials: true, formatTurns })
      const begin = recogniser.begin.bind(recogniser)
      recogniser.begin = () => {
        const utterance = begin()
        return Object.assign(utterance, {
          partial: () => Promise.resolve({ words: [{ text: 'Yes,', start: 0, end: 100 }] }),
        })
      }
      await send(session, codedAudio(long, 3000))
      await settle()
      expect(heard.partials[0]?.transcript).toBe(text)
      await session.destroy()
    }
  })

  it('are taken back where the utterance turns out to hold no words', async () => {
    const { session, heard, recogniser } = open({ partials: true })
    recogniser.hear = () => Promise.resolve({ words: [] })
    await sendLive(session, codedAudio(long, 3000))
    expect(heard.partials.at(-1)?.words).not.toEqual([])
    await session.end()
    expect(heard.partials.at(-1)).toMatchObject({ order: 0, endOfTurn: false, transcript: '', words: [] })
    expect(heard.finals).toEqual([])
    await session.destroy()
  })

  it('are asked for one at a time, and hold no final up', async () => {
    const { session, heard, recogniser } = open({ partials: true })
    await sendLive(session, codedAudio(long, 700))
    let release = (): void => {}
    recogniser.utterances[0]!.partialGate = new Promise((resolve) => (release = resolve))
    await sendLive(session, codedAudio(long, 8000))
    expect(recogniser.utterances[0]!.partials).toBe(1)
    await session.forceEndpoint()
    expect(heard.finals.length).toBeGreaterThan(0)
    expect(heard.partials).toEqual([])
    release()
    await settle()
    // It came too late for its turn.
    expect(heard.partials).toEqual([])
    await session.end()
    await session.destroy()
  })

  it('are not asked for while the words of an earlier utterance are looked for', async () => {
    const { session, heard, recogniser } = open({ partials: true }, { parallel: 2 })
    const release = recogniser.hold()
    const second = long.map(({ id, start, end }) => ({ id: id + 10, start: start + 2000, end: end + 2000 }))
    await send(session, codedAudio([{ id: 1, start: 0, end: 1000 }, ...second], 6000))
    await settle()
    expect(recogniser.utterances).toHaveLength(2)
    expect(recogniser.utterances[1]!.partials).toBe(0)
    release()
    await settle()
    await send(session, codedAudio([{ id: 40, start: 0, end: 3000 }], 3000))
    await settle()
    expect(recogniser.utterances[1]!.partials).toBeGreaterThan(0)
    expect(heard.partials[0]).toMatchObject({ order: 1 })
    await session.end()
    await session.destroy()
  })

  it('that find nothing new, or no time, are not told', async () => {
    const { session, heard, recogniser } = open({ partials: true })
    await sendLive(session, codedAudio([{ id: 1, start: 0, end: 6000 }], 6000))
    expect(recogniser.utterances[0]!.partials).toBeGreaterThan(2)
    expect(heard.partials).toHaveLength(1)
    recogniser.utterances[0]!.partial = () => Promise.resolve(undefined)
    await sendLive(session, codedAudio([{ id: 2, start: 0, end: 3000 }], 3000))
    recogniser.utterances[0]!.partial = () => Promise.reject(new Error('no'))
    await sendLive(session, codedAudio([{ id: 3, start: 0, end: 3000 }], 3000))
    expect(heard.partials).toHaveLength(1)
    await session.end()
    expect(texts(heard)).toEqual(['1 2 3'])
    expect(heard.errors).toEqual([])
    await session.destroy()
  })
})

describe('the words of an utterance', () => {
  it('are looked for in a pause already, but only where audio comes as it is said', async () => {
    const words = turnsOfOne(6)
    const audio = codedAudio(words, 13_000)
    const found: unknown[] = []
    for (const live of [true, false]) {
      let now = 0
      vi.spyOn(performance, 'now').mockImplementation(() => now)
      const { session, heard, recogniser } = open()
      for (let at = 0; at < audio.length; at += 800) {
        if (live) now += 50
        await session.write(audio.subarray(at, at + 800))
        await settle()
      }
      await session.end()
      await session.destroy()
      // Nobody can tell the first two seconds of a file from a caller.
      const prepared = recogniser.utterances.slice(1).map((utterance) => utterance.prepared)
      expect(prepared).toEqual([1, 1, 1, 1, 1].map((count) => (live ? count : 0)))
      expect(recogniser.utterances.slice(1).map(({ keptUp }) => keptUp > 0)).toEqual(prepared.map(() => live))
      expect(recogniser.hurried).toBe(true)
      const whole = recogniser.utterances.slice(1).map((each) => each.preparedAt === each.heard.length)
      expect(whole).toEqual([live, live, live, live, live])
      found.push(heard.finals)
    }
    expect(found[0]).toEqual(found[1])
    expect(found[0]).toHaveLength(6)
  })

  it('come in order, whatever order they are found in', async () => {
    const turns = [60, 5, 30, 0, 90, 1]
    const { session, heard, recogniser } = open({}, { parallel: 3, turns: () => turns.shift() ?? 0 })
    await send(session, codedAudio(turnsOfOne(6), 13_000))
    await session.end()
    expect(recogniser.mostPending).toBeGreaterThan(1)
    expect(heard.finals.map(({ order, transcript }) => `${order} ${transcript}`)).toEqual(
      turnsOfOne(6).map(({ id }) => `${id - 1} ${id}`),
    )
    await session.destroy()
  })

  it('are of the language that the recogniser says', async () => {
    const { session, heard, recogniser } = open()
    recogniser.hear = () => Promise.resolve({ words: [{ text: 'ja', start: 0, end: 100 }], language: 'de' })
    await send(session, codedAudio([{ id: 4, start: 100, end: 900 }], 2000))
    await session.end()
    expect(heard.finals).toMatchObject([{ transcript: 'ja', language: 'de' }])
    await session.destroy()
  })

  it('make no turn where there are none', async () => {
    const { session, heard, recogniser } = open()
    recogniser.hear = () => Promise.resolve({ words: [] })
    await send(session, codedAudio(twoTurns, 5000))
    await session.end()
    expect(recogniser.utterances).toHaveLength(2)
    expect([heard.finals, heard.errors, heard.warnings]).toEqual([[], [], []])
    await session.destroy()
  })
})

describe('back-pressure', () => {
  it('holds a writer back after about a second that nobody has listened to', async () => {
    const { session, activity } = open()
    let release = (): void => {}
    activity.gate = new Promise((resolve) => (release = resolve))
    const speech = codedAudio([{ id: 1, start: 0, end: 5000 }], 5000)
    let written = 0
    const writing = (async () => {
      for (let at = 0; at < speech.length; at += 800) {
        await session.write(speech.subarray(at, at + 800))
        written = at + 800
      }
    })()
    await settle()
    expect(written).toBeGreaterThanOrEqual(8000)
    expect(written).toBeLessThanOrEqual(16_000)
    release()
    await writing
    expect(written).toBe(speech.length)
    await session.destroy()
  })

  it.each([1, 3])('lets no more utterances wait than one more than the %i that can be worked on', async (parallel) => {
    const { session, heard, recogniser } = open({}, { parallel })
    const release = recogniser.hold()
    const audio = codedAudio(turnsOfOne(12), 25_000)
    let written = 0
    const writing = (async () => {
      for (let at = 0; at < audio.length; at += 800) {
        await session.write(audio.subarray(at, at + 800))
        written = at + 800
      }
    })()
    await settle()
    expect(recogniser.pending).toBe(parallel + 1)
    expect(written).toBeLessThan(audio.length)
    release()
    await writing
    await session.end()
    expect(heard.finals).toHaveLength(12)
    expect(recogniser.mostPending).toBe(parallel + 1)
    await session.destroy()
  })
})

describe('speakers', () => {
  it('are on words and turns, and a turn ends where another speaks', async () => {
    const tracker = new ScriptedTracker((utterance, word) => [['A', undefined, 'B'], ['B']][utterance]![word])
    tracker.revisions = [
      [
        { id: 0, words: ['A', 'A', 'C'] },
        { id: 1, words: ['B'] },
      ],
    ]
    const { session, heard } = open({ formatTurns: true }, {}, tracker)
    const words = [1, 2, 3].map((id) => ({ id, start: id * 500, end: id * 500 + 480 }))
    await send(session, codedAudio([...words, { id: 4, start: 4000, end: 4800 }], 6500))
    await session.end()
    await session.destroy()
    expect(heard.finals).toMatchObject([
      { order: 0, transcript: '1 2.', speaker: 'A', words: [{ speaker: 'A' }, {}] },
      { order: 1, transcript: '3.', speaker: 'B', words: [{ speaker: 'B' }] },
      { order: 2, transcript: '4.', speaker: 'B', words: [{ speaker: 'B' }] },
    ])
    expect(heard.finals[0]!.words[1]).not.toHaveProperty('speaker')
    // Only the turns whose labels change are revised, and their words stay as they were.
    const [first, second] = heard.finals
    expect(heard.revisions).toEqual([
      [
        { order: 0, speaker: 'A', words: first!.words.map((word) => ({ ...word, speaker: 'A' })) },
        { order: 1, speaker: 'C', words: second!.words.map((word) => ({ ...word, speaker: 'C' })) },
      ],
    ])
  })

  it('are found in the audio, the speech and the words of each utterance', async () => {
    const tracker = new ScriptedTracker()
    const { session } = open({}, {}, tracker)
    await send(session, codedAudio(twoTurns, 5000))
    await session.end()
    await session.destroy()
    expect(tracker.heard.map(({ id }) => id)).toEqual([0, 1])
    const [first, second] = tracker.heard
    expect(first!.words).toMatchObject([
      { start: 500, end: 900 },
      { start: 900, end: 1300 },
    ])
    expect(second!.samples.findIndex((sample) => sample !== 0) / 16 + second!.offset).toBe(2500)
    expect(second!.speech.indexOf(true) * 10 + second!.offset).toBe(2500)
    expect(second!.speech.filter(Boolean)).toHaveLength(80)
  })

  it('are asked for in order, however the words are found', async () => {
    const turns = [60, 0, 30, 0]
    const tracker = new ScriptedTracker()
    const { session } = open({}, { parallel: 4, turns: () => turns.shift() ?? 0 }, tracker)
    await send(session, codedAudio(turnsOfOne(4), 9000))
    await session.end()
    await session.destroy()
    expect(tracker.heard.map(({ id, offset }) => [id, Math.floor(offset / 2000)])).toEqual(
      [0, 1, 2, 3].map((id) => [id, id]),
    )
  })

  it('are revised in the middle of a session where that is wanted, and at its end', async () => {
    for (const [revisionInterval, times] of [
      [0, 1],
      [1000, 3],
    ] as const) {
      const tracker = new ScriptedTracker()
      const { session, heard } = open({ revisionInterval }, {}, tracker)
      await send(session, codedAudio(twoTurns, 5000))
      await session.end()
      expect(tracker.revised).toBe(times)
      // Nothing was to be said.
      expect(heard.revisions).toEqual([])
      await session.destroy()
    }
  })
})

describe('an end', () => {
  it('by destroy() reports nothing more, waits for what is under way and releases all who wait', async () => {
    const { session, recogniser, activity, heard } = open({ partials: true })
    const release = recogniser.hold()
    const writing = session.write(codedAudio(turnsOfOne(2), 5000))
    const ending = session.end()
    await settle()
    expect(recogniser.pending).toBeGreaterThan(0)
    let destroyed = false
    const destroying = session.destroy().then(() => (destroyed = true))
    const { told } = heard
    await Promise.all([writing, ending])
    expect(destroyed).toBe(false)
    release()
    await destroying
    expect([recogniser.closed, activity.closed]).toEqual([true, true])
    session.warn({ code: 'LATE', message: 'too late' })
    await session.write(new Int16Array(1600))
    await session.forceEndpoint()
    await session.end()
    session.configure({ formatTurns: true })
    session.fail(new Error('too late'))
    await session.destroy()
    await settle()
    expect(heard.told).toBe(told)
  })

  it('lets everybody go, whatever is called in whatever order', async () => {
    const call = fc.oneof(
      fc.record({ call: fc.constant('write' as const), wait: fc.boolean() }),
      fc.record({
        call: fc.constantFrom('forceEndpoint' as const, 'configure' as const, 'end' as const, 'destroy' as const),
        wait: fc.boolean(),
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 14 }), fc.integer(), async (calls, seed) => {
        const random = randoms(seed)
        const tracker = new ScriptedTracker(() => 'A')
        const manner = { parallel: 2, turns: () => Math.floor(random() * 8) }
        const { session, heard, recogniser, activity } = open({ partials: true }, manner, tracker)
        const audio = codedAudio(twoTurns, 4000)
        const promises: Promise<void>[] = []
        let toldAtDestroy: number | undefined
        for (const { call: name, wait } of calls) {
          if (name === 'configure') session.configure({ minTurnSilence: 100 + Math.floor(random() * 900) })
          else {
            const promise = name === 'write' ? session.write(audio) : session[name]()
            if (name === 'destroy') toldAtDestroy ??= heard.told
            promises.push(promise)
            if (wait) await promise
          }
        }
        await Promise.all(promises)
        const toldAtEnd = heard.told
        await session.destroy()
        expect(toldAtDestroy ?? toldAtEnd).toBe(toldAtEnd)
        expect([recogniser.closed, activity.closed]).toEqual([true, true])
        expect(heard.errors).toEqual([])
        expect(heard.finals.map(({ order }) => order)).toEqual(heard.finals.map((_, index) => index))
      }),
      { numRuns: runs(100) },
    )
  })

  it('does not wait for words that never come', async () => {
    const { session, recogniser, heard } = open()
    recogniser.hear = () => new Promise(() => {})
    await send(session, codedAudio([{ id: 1, start: 0, end: 1000 }], 2000))
    const ending = session.end()
    await settle()
    await session.destroy()
    await ending
    expect([heard.finals, heard.errors]).toEqual([[], []])
  })
})

describe('trouble', () => {
  it.each<[string, (opened: Opened & { tracker: ScriptedTracker }, error: Error) => void]>([
    ['the detector of speech', ({ activity }, error) => (activity.fail = error)],
    ['a word', ({ recogniser }, error) => void recogniser.failures.set(1, error)],
    ['a speaker', ({ tracker }, error) => (tracker.fail.attribute = error)],
    ['a revision', ({ tracker }, error) => (tracker.fail.revise = error)],
  ])('with %s is told once, and everybody may go', async (_what, cause) => {
    for (const error of [new Error('it broke'), new EngineError('MODEL_UNUSABLE', 'it broke')]) {
      const tracker = new ScriptedTracker()
      const opened = open({ partials: true }, { parallel: 2 }, tracker)
      const { session, heard } = opened
      cause({ ...opened, tracker }, error)
      await send(session, codedAudio(turnsOfOne(5), 10_000))
      await session.forceEndpoint()
      await session.end()
      expect(heard.errors).toHaveLength(1)
      expect(heard.errors[0]).toMatchObject({
        code: error instanceof EngineError ? 'MODEL_UNUSABLE' : 'ENGINE_FAILED',
        message: expect.stringContaining('it broke') as string,
      })
      const { told } = heard
      session.fail(new Error('another'))
      await send(session, codedAudio(turnsOfOne(5), 10_000))
      await session.end()
      await session.destroy()
      expect(heard.told).toBe(told)
    }
  })

  it('that is told from outside while words are looked for lets everybody go at once', async () => {
    const { session, recogniser, heard } = open()
    const release = recogniser.hold()
    await send(session, codedAudio([{ id: 1, start: 0, end: 1000 }], 2000))
    const waiting = [session.forceEndpoint(), session.end()]
    await settle()
    session.fail(new EngineError('MODEL_UNUSABLE', 'the model is damaged'))
    await Promise.all(waiting)
    expect(heard.errors).toMatchObject([{ code: 'MODEL_UNUSABLE' }])
    release()
    await session.destroy()
    expect(heard.finals).toEqual([])
  })

  it('with one utterance is a warning with what is lost, and the others are heard', async () => {
    const { session, recogniser, heard } = open({}, { parallel: 3 })
    for (const number of [1, 2, 4, 5]) recogniser.failures.set(number, new CrashingUtterance('ended by SIGSEGV'))
    await send(session, codedAudio(turnsOfOne(7), 15_000))
    await session.end()
    await session.destroy()
    expect(texts(heard)).toEqual(['1', '4', '7'])
    expect(heard.finals.map(({ order }) => order)).toEqual([0, 1, 2])
    expect(heard.errors).toEqual([])
    expect(heard.warnings).toHaveLength(4)
    heard.warnings.forEach((warning, index) => {
      const { start, end } = turnsOfOne(7)[[1, 2, 4, 5][index]!]!
      expect(warning).toMatchObject({ code: 'AUDIO_LOST', message: expect.stringContaining('SIGSEGV') as string })
      expect(warning.lost!.start).toBeLessThanOrEqual(start)
      expect(warning.lost!.start).toBeGreaterThan(start - 300)
      expect(warning.lost!.end).toBeGreaterThanOrEqual(end)
      expect(warning.lost!.end).toBeLessThan(end + 300)
    })
  })

  it('with three utterances in a row ends the session', async () => {
    const { session, recogniser, heard } = open()
    for (const number of [1, 2, 3]) recogniser.failures.set(number, new CrashingUtterance('ended by SIGSEGV'))
    await send(session, codedAudio(turnsOfOne(7), 15_000))
    await session.end()
    await session.destroy()
    expect(texts(heard)).toEqual(['1'])
    expect(heard.warnings).toHaveLength(2)
    expect(heard.errors).toMatchObject([
      { code: 'ENGINE_FAILED', message: expect.stringContaining('SIGSEGV') as string },
    ])
  })

  it('with an utterance that had to be cut is a warning, too', async () => {
    const words = Array.from({ length: 90 }, (_, i) => ({ id: i + 1, start: 500 + i * 400, end: 900 + i * 400 }))
    const { session, recogniser, heard } = open()
    recogniser.failures.set(0, new CrashingUtterance('ended by SIGSEGV'))
    await send(session, codedAudio(words, 38_000))
    await session.end()
    await session.destroy()
    expect(heard.errors).toEqual([])
    expect(heard.warnings).toMatchObject([{ code: 'AUDIO_LOST' }])
    const { lost } = heard.warnings[0]!
    expect(lost!.end - lost!.start).toBeGreaterThan(13_000)
    const said = words.filter(({ end }) => end > lost!.end).map(({ id }) => String(id))
    expect(heard.finals.flatMap((turn) => turn.words.map((word) => word.text))).toEqual(said)
  })

  it('of which a session knows from the beginning is told with the first audio, once', async () => {
    const { session, heard } = open()
    session.warn({ code: 'KEYTERMS_IGNORED', message: 'no keyterms' })
    await settle()
    expect(heard.warnings).toEqual([])
    await session.write(new Int16Array(160))
    await session.write(new Int16Array(160))
    expect(heard.warnings).toEqual([{ code: 'KEYTERMS_IGNORED', message: 'no keyterms' }])
    await session.destroy()
  })
})
