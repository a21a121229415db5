import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withSpeaker } from '../../src/stream/turn-assembler.ts'
import type { Turn } from '../../src/model.ts'
import { TurnTotals } from '../../src/transforms/turn-totals.ts'
import { makeTurn } from '../captions/example-turn.ts'

const saying = (order: number, speakers: string, revision = 0): Turn => ({
  ...makeTurn(order, Array.from(speakers, (speaker) => `${speaker}:word`).join(' ')),
  revision,
})

function totalsOf(...turns: Turn[]): TurnTotals {
  const totals = new TurnTotals()
  for (const turn of turns) totals.add(turn)
  return totals
}

describe('TurnTotals', () => {
  it('forget a speaker whose turns have all become those of another', () => {
    const totals = totalsOf(saying(0, 'A'), saying(1, 'B'), saying(2, 'B'), saying(1, 'A', 1))
    expect(totals.speakers).toEqual(['A', 'B'])
    totals.add(saying(2, 'A', 1))
    expect(totals).toMatchObject({ turns: 3, speakers: ['A'] })
    totals.add(saying(2, 'AB', 2))
    expect(totals.speakers).toEqual(['A', 'B'])
  })

  it('keep the order of appearance, whatever is revised', () => {
    expect(totalsOf(saying(0, 'B'), saying(1, 'C'), saying(2, 'A'), saying(0, 'A', 1)).speakers).toEqual(['A', 'C'])
  })

  it('take the speaker of a turn for words without one, and the channel where nobody is told apart', () => {
    const words = saying(0, 'A').words.map((word) => withSpeaker(word, undefined))
    const more = { words, channel: 'Agent' }
    expect(totalsOf({ ...saying(0, 'A'), ...more, speaker: 'Agent/A' }).speakers).toEqual(['Agent/A'])
    expect(totalsOf({ ...saying(0, 'A'), ...more }).speakers).toEqual(['Agent'])
    expect(totalsOf({ ...saying(0, 'A'), words: [], speaker: 'B' }).speakers).toEqual(['B'])
    expect(totalsOf({ ...saying(0, 'A'), words }).speakers).toEqual([])
  })

  it('say which language most turns are of first', () => {
    const totals = totalsOf(
      ...['de', 'en', undefined, 'en'].map((language, order) => ({
        ...saying(order, 'A'),
        ...(language !== undefined && { language }),
      })),
    )
    expect(totals.languages).toEqual(['en', 'de'])
  })

  it('end with the speakers that the turns have, in bounded memory, where only the last turns are revised', () => {
    const step = fc.record({ back: fc.integer({ min: -5, max: 3 }), speakers: fc.stringMatching(/^[A-E]{1,3}$/) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const totals = new TurnTotals(4)
        const last = new Map<number, Turn>()
        for (const { back, speakers } of steps) {
          const order = back >= 0 && last.size > back ? last.size - 1 - back : last.size
          const turn = saying(order, speakers, last.has(order) ? last.get(order)!.revision + 1 : 0)
          last.set(order, turn)
          totals.add(turn)
          const all = [...last.values()].flatMap(({ words }) => words.map((word) => word.speaker))
          expect(totals).toMatchObject({ turns: last.size, speakers: [...new Set(all)] })
        }
      }),
      { numRuns: 500 },
    )
  })

  it('tell of no more than a thousand speakers of a server that makes them up', () => {
    const totals = new TurnTotals(10)
    for (let order = 0; order < 2000; order++) {
      totals.add({ ...saying(order, ''), words: [], speaker: `speaker ${order}` })
    }
    expect(totals.speakers).toHaveLength(1000)
  })
})
