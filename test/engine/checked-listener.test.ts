import { describe, expect, it } from 'vitest'
import { checkedListener } from '../../src/engine/checked-listener.ts'
import type { EngineListener } from '../../src/engine/engine.ts'

const word = { text: 'a', start: 100, end: 200, final: true }
const turn = { order: 0, words: [word], transcript: 'a', endOfTurn: true, formatted: true, endOfTurnConfidence: 1 }

/** What becomes of one report by an engine that may be plain JavaScript. */
function reported(name: keyof EngineListener, ...report: unknown[]): { passed: number; failures: unknown[] } {
  let passed = 0
  const failures: unknown[] = []
  const count = (): void => void (passed += 1)
  const listener: Required<EngineListener> = {
    speechStarted: count,
    turn: count,
    revision: count,
    unrecognized: count,
    warning: count,
    failed: count,
  }
  const checked = checkedListener('own', listener, (error) => failures.push(error)) as Record<
    string,
    (...report: unknown[]) => void
  >
  checked[name]!(...report)
  return { passed, failures }
}

describe('a listener for an engine of anybody', () => {
  it.each<[keyof EngineListener, unknown]>([
    ['speechStarted', 0],
    ['turn', turn],
    ['turn', { ...turn, words: [], transcript: '' }],
    ['revision', [{ order: 0, words: [word] }]],
    ['revision', []],
    ['unrecognized', { start: 0.5, end: 100, reason: 'noWords' }],
    ['warning', { code: 'ODD', message: 'odd' }],
    ['failed', new Error('broken')],
  ])('passes on %s %j', (name, report) => {
    expect(reported(name, report, 0.9)).toEqual({ passed: 1, failures: [] })
  })

  it.each<[keyof EngineListener, unknown]>([
    ['speechStarted', Number.NaN],
    ['turn', undefined],
    ['turn', { ...turn, order: Number.NaN }],
    ['turn', { ...turn, transcript: undefined }],
    ['turn', { ...turn, words: undefined }],
    ['turn', { ...turn, words: [null] }],
    ['turn', { ...turn, words: [{ ...word, text: 5 }] }],
    ...[Number.NaN, -1, Infinity, undefined, '100', 1n].flatMap((time) =>
      ['start', 'end'].map((name): ['turn', unknown] => [
        'turn',
        { ...turn, words: [word, { ...word, [name]: time }] },
      ]),
    ),
    ['revision', null],
    ['revision', [{ order: 0 }]],
    ['revision', [{ order: 0, words: [{ ...word, start: Number.NaN }] }]],
    ['unrecognized', undefined],
    ['unrecognized', { start: -1, end: 100, reason: 'noWords' }],
    ['warning', undefined],
  ])('fails at %s %o, and lets the engine go on', (name, report) => {
    const { passed, failures } = reported(name, report, 0.9)
    expect(passed).toBe(0)
    expect(failures).toMatchObject([{ name: 'EngineError', code: 'ENGINE_FAILED', retryable: true }])
    expect((failures[0] as Error).message).toMatch(/^the own engine failed: it reported /)
  })

  it('fails with what the listener throws', () => {
    const failures: unknown[] = []
    const broken = new Error('broken')
    const listener = {
      turn: () => {
        throw broken
      },
    } as unknown as EngineListener
    checkedListener('own', listener, (error) => failures.push(error)).turn(turn)
    expect(failures).toEqual([broken])
  })
})
