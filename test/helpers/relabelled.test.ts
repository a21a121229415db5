import { describe, expect, it } from 'vitest'
import type {
  EngineListener,
  EngineRevision,
  EngineTurn,
  EngineUnrecognizedSpeech,
  EngineWarning,
} from '../../src/engine/engine.ts'
import { resolveSettings } from '../../src/server/settings.ts'
import { scriptedEngine, type ScriptedEvent } from '../../src/testing/index.ts'
import { relabelled } from './relabelled.ts'

const word = { text: 'x', start: 0, end: 100 }
const turns = [
  {
    words: [
      { ...word, speaker: 'A' },
      { ...word, speaker: 'B', start: 100, end: 150 },
      { ...word, speaker: null },
    ],
    revisedSpeaker: 'C',
  },
]
const settings = resolveSettings({ speakerLabels: true, includePartialTurns: false }).engine

/** The letters of the final's words, of the final, and of its revision. */
async function labels(engine: ReturnType<typeof relabelled>): Promise<(string | undefined)[]> {
  const finals: EngineTurn[] = []
  const revisions: EngineRevision[] = []
  const listener: EngineListener = {
    speechStarted: () => {},
    turn: (turn) => finals.push(turn),
    revision: (revised) => revisions.push(...revised),
    failed: (error) => {
      throw error
    },
  }
  const session = await engine.open(settings, listener)
  await session.write(new Int16Array(32_000))
  await session.end()
  return [...finals[0]!.words, finals[0]!, revisions[0]!].map(({ speaker }) => speaker)
}

describe('relabelled', () => {
  it('gives each session other letters, the same ones throughout it', async () => {
    const engine = relabelled(scriptedEngine(turns), 1)
    const sessions: (string | undefined)[][] = []
    for (let opened = 0; opened < 20; opened++) sessions.push(await labels(engine))
    for (const [first, second, none, turn, revised] of sessions) {
      expect(none).toBeUndefined()
      expect(turn).toBe(first)
      expect(new Set([first, second, revised]).size).toBe(3)
      expect([first, second, revised].join('')).toMatch(/^[A-J]{3}$/)
    }
    expect(new Set(sessions.map((session) => session.join())).size).toBeGreaterThan(10)
  })

  it('repeats itself for the same seed', async () => {
    const draw = async (seed: number) => {
      const engine = relabelled(scriptedEngine(turns), seed)
      return [await labels(engine), await labels(engine)]
    }
    expect(await draw(7)).toEqual(await draw(7))
    expect(await draw(7)).not.toEqual(await draw(8))
  })

  it('passes on what the engine is and says', async () => {
    const events: ScriptedEvent[] = [
      {
        at: 0,
        report: (listener) => listener.warning?.({ code: 'AUDIO_LOST', message: 'lost', lost: { start: 0, end: 20 } }),
      },
      { at: 0, report: (listener) => listener.unrecognized?.({ start: 0, end: 500, reason: 'noWords' }) },
      { at: 0, report: (listener) => listener.failed(new Error('out of memory')) },
    ]
    const engine = relabelled(scriptedEngine([], { model: 'm', events, fasterThanRealTime: false }), 1)
    expect(engine).toMatchObject({ name: 'scripted', model: 'm', sampleRate: 16_000, fasterThanRealTime: false })
    await expect(
      (async () => {
        const failures: string[] = []
        const listener = {
          speechStarted() {},
          turn() {},
          revision() {},
          warning: ({ code }: EngineWarning) => failures.push(code),
          unrecognized: ({ end }: EngineUnrecognizedSpeech) => failures.push(`up to ${end}`),
          failed: (error: Error) => failures.push(error.message),
        }
        await (await engine.open(settings, listener)).write(new Int16Array(16))
        return failures
      })(),
    ).resolves.toEqual(['AUDIO_LOST', 'up to 500', 'out of memory'])
  })
})
