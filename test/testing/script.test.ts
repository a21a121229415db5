import { describe, expect, it } from 'vitest'
import { engineRevision, engineTurn, planTurn } from '../../src/testing/script.ts'

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
