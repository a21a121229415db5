import { describe, expect, it } from 'vitest'
import { contextFrom, TurnRecord, turnsOf } from '../../src/checkpoint/turn-record.ts'
import { spokenTurn } from './turns.ts'

const tenWords = Array.from({ length: 10 }, (_, at) => `w${at}`)

describe('the record of turns', () => {
  it('holds each turn as it was last revised, and counts it once', () => {
    const record = new TurnRecord()
    record.add(spokenTurn(0, 0, ['one']))
    record.add(spokenTurn(1, 1000, ['two']))
    const revised = { ...spokenTurn(0, 0, ['one'], 'B'), revision: 1 }
    record.add(revised)
    const { nextOrder, totals } = record.state
    expect({ nextOrder, turns: totals.turns }).toEqual({ nextOrder: 2, turns: 2 })
    expect(turnsOf(record.state)).toEqual([revised, spokenTurn(1, 1000, ['two'])])
  })

  it('names the speakers by how turns were last revised, as the run itself does', () => {
    const record = new TurnRecord()
    const [first, second] = [spokenTurn(0, 0, ['one']), spokenTurn(1, 1000, ['two'], 'B')]
    for (const turn of [first, second]) record.add(turn)
    expect(record.state.totals.speakers).toEqual(['A', 'B'])
    record.add({ ...spokenTurn(0, 0, ['one'], 'B'), revision: 1 })
    expect(record.state.totals.speakers).toEqual(['B'])
    expect(new TurnRecord(record.state).state.totals.speakers).toEqual(['B'])
  })

  it('forgets what no output needs, but for the last minutes, however long the stream is', () => {
    const record = new TurnRecord()
    for (let order = 0; order < 5000; order += 1) {
      record.add(spokenTurn(order, order * 4000, tenWords))
      record.forgetBefore(order)
    }
    const { turns, nextOrder, totals } = record.state
    expect(turns.length).toBeLessThan(50)
    expect({ nextOrder, turns: totals.turns }).toEqual({ nextOrder: 5000, turns: 5000 })
    record.add({ ...spokenTurn(3, 12_000, ['late'], 'C'), revision: 1 })
    expect(record.state.turns).toEqual(turns)
  })

  it('goes on from what it was', () => {
    const record = new TurnRecord()
    record.add({ ...spokenTurn(0, 0, ['one']), language: 'en' })
    record.addUnrecognized({ start: 100, end: 400, reason: 'noWords' })
    const again = new TurnRecord(record.state)
    expect(again.state).toEqual(record.state)
    again.add({ ...spokenTurn(1, 500, ['two'], 'B'), language: 'en' })
    expect(again.state).toMatchObject({
      totals: {
        turns: 2,
        speakers: ['A', 'B'],
        languages: { en: 2 },
        certainty: { figures: { words: 2, unrecognizedMs: 300 } },
      },
      unrecognizedUntil: 400,
    })
  })
})

describe('what a session that goes on hears again', () => {
  it('begins where all who spoke lately are heard for two seconds', () => {
    const turns = [
      spokenTurn(1, 5000, tenWords, 'A'),
      spokenTurn(2, 20_000, tenWords, 'B'),
      spokenTurn(3, 30_000, ['yes'], 'C'),
      spokenTurn(4, 40_000, tenWords, 'C'),
      spokenTurn(5, 50_000, tenWords, 'C'),
    ]
    expect(contextFrom(turns)).toBe(4200)
    expect(contextFrom(turns.slice(1))).toBe(19_200)
    expect(contextFrom([spokenTurn(0, 2000, tenWords, 'A'), ...turns])).toBe(0)
    expect(contextFrom([])).toBe(Infinity)
  })

  it('is two minutes at most, and no more words than can be compared', () => {
    const silent = [spokenTurn(0, 5000, tenWords, 'A'), spokenTurn(1, 200_000, tenWords, 'B')]
    expect(contextFrom(silent)).toBe(199_200)
    const hasty = Array.from({ length: 100 }, (_, at) => spokenTurn(at, at * 1000, tenWords, at === 0 ? 'A' : 'B'))
    expect(contextFrom(hasty)).toBe(98_200)
  })
})
