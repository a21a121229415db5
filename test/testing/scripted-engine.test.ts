import type { EngineListener } from '../../src/engine/engine.ts'
import { resolveSettings } from '../../src/server/settings.ts'
import { scriptedEngine, type ScriptedEngine, type ScriptedTurn } from '../../src/testing/index.ts'
import { engineRevision, engineTurn, planTurn } from '../../src/testing/scripted-engine.ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const turns: ScriptedTurn[] = [
  { words: 'one two three', start: 100, end: 400, speaker: 'A' },
  { words: 'four five', start: 1500, end: 1900, speaker: 'A', revisedSpeaker: 'B' },
]

/** Everything an engine reports, as short text. */
function recorder(): { said: string[]; listener: EngineListener } {
  const said: string[] = []
  const listener: EngineListener = {
    speechStarted: (at) => said.push(`speech ${at}`),
    turn: (turn) => said.push(`${turn.endOfTurn ? 'final' : 'partial'} ${turn.order} ${turn.transcript}`),
    revision: (revisions) =>
      said.push(`revision ${revisions.map(({ order, speaker }) => order + (speaker ?? '?')).join()}`),
    failed: (error) => said.push(`failed ${error.message}`),
  }
  return { said, listener }
}

const settings = resolveSettings({ speakerLabels: true }).engine

async function play(engine: ScriptedEngine, chunks: readonly number[], given = settings): Promise<string[]> {
  const { said, listener } = recorder()
  const session = await engine.open(given, listener)
  for (const ms of chunks) await session.write(new Int16Array(ms * 16))
  await session.end()
  await session.destroy()
  return said
}

const whole = [
  'speech 100',
  'partial 0 one',
  'partial 0 one two',
  'final 0 one two three',
  'speech 1500',
  'partial 1 four',
  'final 1 four five',
  'revision 1B',
]

describe('scriptedEngine', () => {
  it('reports the same however the audio is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 15 }), async (chunks) => {
        const rest = Math.max(3000 - chunks.reduce((sum, ms) => sum + ms, 0), 0)
        expect(await play(scriptedEngine(turns), [...chunks, rest])).toEqual(whole)
      }),
    )
  })

  it('has heard only what the audio reached', async () => {
    expect(await play(scriptedEngine(turns), [250])).toEqual(['speech 100', 'partial 0 one', 'final 0 one two'])
    expect(await play(scriptedEngine(turns), [100])).toEqual(['speech 100'])
    expect(await play(scriptedEngine(turns), [])).toEqual([])
  })

  it('follows its settings', async () => {
    const plain = resolveSettings({ includePartialTurns: false }).engine
    expect(await play(scriptedEngine(turns), [3000], plain)).toEqual([
      'speech 100',
      'final 0 one two three',
      'speech 1500',
      'final 1 four five',
    ])
  })

  it('splits a turn at a forced end', async () => {
    const { said, listener } = recorder()
    const engine = scriptedEngine(turns)
    const session = await engine.open(settings, listener)
    await session.forceEndpoint()
    await session.write(new Int16Array(250 * 16))
    await session.forceEndpoint()
    await session.write(new Int16Array(3000 * 16))
    await session.end()
    expect(said.filter((line) => line.startsWith('final'))).toEqual([
      'final 0 one two',
      'final 1 three',
      'final 2 four five',
    ])
    expect(engine.sessions[0]).toMatchObject({ forcedEndpoints: 2, receivedMs: 3250, state: 'ended' })
  })

  it('revises in mid-session where the script says when', async () => {
    const [first, second] = turns
    const early = [{ ...first, words: 'one', revisedSpeaker: 'C', revisionAt: 1600 }, second] as ScriptedTurn[]
    expect(await play(scriptedEngine(early), [3000])).toEqual([
      'speech 100',
      'final 0 one',
      'speech 1500',
      'revision 0C',
      'partial 1 four',
      'final 1 four five',
      'revision 1B',
    ])
  })

  it('reports events at their time, and nothing once destroyed', async () => {
    const { said, listener } = recorder()
    const events = [
      { at: 1000, report: (to: EngineListener) => to.failed(new Error('late')) },
      { at: 200, report: (to: EngineListener) => to.failed(new Error('early')) },
    ]
    const session = await scriptedEngine([], { events }).open(settings, listener)
    await session.write(new Int16Array(500 * 16))
    await session.destroy()
    await session.write(new Int16Array(1000 * 16))
    expect(said).toEqual(['failed early'])
  })

  it('can be slow, and stops at once when destroyed', async () => {
    const engine = scriptedEngine(turns, { writeDelay: 600_000 })
    const session = await engine.open(settings, recorder().listener)
    const writing = session.write(new Int16Array(16))
    await session.destroy()
    await writing
    expect(engine.sessions[0]?.state).toBe('destroyed')
  })

  it('can fail to open', async () => {
    const engine = scriptedEngine([], { openError: new Error('no model'), openDelay: 1 })
    await expect(engine.open(settings, recorder().listener)).rejects.toThrow('no model')
    expect(engine.sessions).toEqual([])
  })
})

describe('planTurn', () => {
  it('spreads the words of a text evenly', () => {
    const plan = planTurn({ words: ' one two  three ', start: 100, end: 400 })
    expect(plan.words).toEqual([
      { text: 'one', start: 100, end: 200 },
      { text: 'two', start: 200, end: 300 },
      { text: 'three', start: 300, end: 400 },
    ])
    expect(plan.partialsAt).toEqual([200, 300])
    expect(plan.finalAt).toBe(1040)
  })

  it('refuses turns it cannot place in time', () => {
    expect(() => planTurn({ words: 'one' })).toThrow(/needs start and end/)
    expect(() => planTurn({ words: 'one', start: 5, end: 4 })).toThrow(RangeError)
    expect(() => planTurn({ words: [] })).toThrow(/at least one word/)
    expect(() => planTurn({ words: '  ', start: 0, end: 1 })).toThrow(/at least one word/)
  })
})

describe('engineTurn', () => {
  const plan = planTurn({
    words: [
      { text: 'a', start: 0, end: 100, speaker: 'A' },
      { text: 'b', start: 100, end: 400, speaker: 'B' },
      { text: 'c', start: 400, end: 500, speaker: null, revisedSpeaker: 'A' },
    ],
    language: 'en',
  })
  const facts = { order: 3, final: true, formatted: true, speakerLabels: true }

  it('labels the words of a final, and the turn by whoever spoke longest', () => {
    const turn = engineTurn(plan, plan.words, facts)
    expect(turn).toMatchObject({ order: 3, speaker: 'B', language: 'en', transcript: 'a b c', endOfTurn: true })
    expect(turn.words.map((word) => word.speaker)).toEqual(['A', 'B', undefined])
  })

  it('labels nothing in a partial, or where speakers are not wanted', () => {
    for (const other of [
      { ...facts, final: false },
      { ...facts, speakerLabels: false },
    ]) {
      const turn = engineTurn(plan, plan.words, other)
      expect(turn).not.toHaveProperty('speaker')
      expect(turn.words.every((word) => !('speaker' in word))).toBe(true)
    }
  })

  it('revises what the script says, and keeps text and times', () => {
    const final = engineTurn(plan, plan.words, facts)
    const revision = engineRevision(plan, final)
    expect(revision?.words.map((word) => word.speaker)).toEqual(['A', 'B', 'A'])
    expect(revision?.words.map(({ text, start, end }) => [text, start, end])).toEqual(
      final.words.map(({ text, start, end }) => [text, start, end]),
    )
    expect(revision?.speaker).toBe('B')
    expect(engineRevision(planTurn({ words: 'x', start: 0, end: 1 }), final)).toBeUndefined()
  })
})
