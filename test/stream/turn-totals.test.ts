import { describe, expect, it } from 'vitest'
import type { Turn } from '../../src/model.ts'
import { DonePosition, TurnTotals } from '../../src/stream/turn-totals.ts'

const turn = (start: number, end: number, more: Partial<Turn> = {}): Turn =>
  ({ start, end, endOfTurn: true, ...more }) as Turn

describe('how far a stream has come', () => {
  it('is what was sent, where nobody speaks', () => {
    const done = new DonePosition()
    expect([0, 5000, 90_000].map((ms) => done.at(ms))).toEqual([0, 5000, 90_000])
  })

  it('waits at the last final words for those that are not final yet', () => {
    const done = new DonePosition()
    done.begins(2000)
    done.begins(12_000)
    done.begins(22_000)
    expect(done.at(30_000)).toBe(0)
    done.turn(turn(500, 9000))
    expect(done.at(30_000)).toBe(9000)
    done.turn(turn(10_500, 19_500))
    expect(done.at(30_000)).toBe(19_500)
    done.turn(turn(20_500, 29_000))
    expect(done.at(30_000)).toBe(30_000)
  })

  it('does not wait on behind a short word, of which is told when it is over already', () => {
    const done = new DonePosition()
    done.begins(3000)
    done.turn(turn(1500, 1800))
    expect(done.at(60_000)).toBe(60_000)
  })

  it('goes by open turns where a server does not say that speech has begun', () => {
    const done = new DonePosition()
    done.turn(turn(4000, 5000, { endOfTurn: false }))
    expect(done.at(20_000)).toBe(0)
    done.turn(turn(4000, 9000))
    expect(done.at(20_000)).toBe(20_000)
  })

  it('never goes back', () => {
    const done = new DonePosition()
    expect(done.at(50_000)).toBe(50_000)
    done.begins(53_000)
    expect(done.at(60_000)).toBe(50_000)
  })

  it('is that of the channel that is furthest behind', () => {
    const done = new DonePosition()
    done.begins(3000, 'Agent')
    done.begins(3000, 'Customer')
    done.turn(turn(500, 8000, { channel: 'Agent' }))
    expect(done.at(30_000)).toBe(0)
    done.turn(turn(700, 6000, { channel: 'Customer' }))
    expect(done.at(30_000)).toBe(30_000)
  })
})

describe('what turns and words of no turn add up to', () => {
  it('counts a run of one speaker as a turn, which another turn ends', () => {
    const totals = new TurnTotals()
    const spoken = turn(0, 1000, { order: 0, revision: 0, speaker: 'B', words: [] })
    const counts = ['A', 'A', spoken, 'A', spoken, undefined, undefined, 'C'].map((said) => {
      if (typeof said === 'object') totals.add(said)
      else totals.addRun(said, [])
      return totals.turns
    })
    expect(counts).toEqual([1, 1, 2, 3, 4, 5, 5, 6])
    expect(totals.speakers).toEqual(['A', 'B', 'C'])
  })
})
