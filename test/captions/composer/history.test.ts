import { describe, expect, it } from 'vitest'
import { History } from '../../../src/captions/composer/history.ts'
import { makeSegment } from '../example-turn.ts'

describe('History', () => {
  const utterance = (order: number, revision = 0) => ({
    turn: { order, revision, session: 'session-1' },
    segments: [makeSegment(`word ${order}.${revision}`)],
  })

  it('keeps a bounded number of turns of a session that never ends, and forgets seldom', () => {
    const history = new History()
    let most = 0
    let times = 0
    for (let order = 0; order < 50_000; order++) {
      Object.assign(history.record(utterance(order))?.entry ?? {}, { blocks: 1 })
      most = Math.max(most, history.kept.length)
      if (!history.hasOld) continue
      history.forget()
      times += 1
    }
    expect(most).toBeLessThanOrEqual(10_001)
    expect(times).toBeLessThan(20)
    // The newest can still be revised, the oldest not.
    const again = history.record(utterance(49_999, 1))
    expect(again).toMatchObject({ isNew: false, entry: { blocks: 1 } })
    expect(history.record(utterance(0, 1))).toBeUndefined()
    expect([history.isStale, history.staleBlocks]).toEqual([false, 1])
  })

  it('packs what is no longer under way, which can be revised all the same', () => {
    const history = new History()
    const [, , third] = [0, 1, 2, 3].map((order) => history.record(utterance(order))?.entry)
    history.packBefore(third)
    const packed = (): boolean[] => history.kept.map((kept) => kept.packed)
    expect(packed()).toEqual([true, true, false, false])
    expect(history.kept.map((kept) => kept.segments)).toEqual([0, 1, 2, 3].map((order) => utterance(order).segments))
    // The same words again change nothing; others do.
    expect(history.record({ ...utterance(0, 0), turn: { order: 0, revision: 1 } })).toBeUndefined()
    const revised = history.record(utterance(0, 2))?.entry
    expect(revised?.segments).toEqual(utterance(0, 2).segments)
    history.markStale(revised!)
    history.markWritten()
    history.packBefore(undefined)
    expect(packed()).toEqual([true, true, true, true])
    expect(history.kept[0]?.segments).toEqual(utterance(0, 2).segments)
  })

  it('puts interleaved segments of one turn together when the turn is revised', () => {
    const history = new History()
    const part = (text: string, order: number, revision = 0) => ({
      turn: { order, revision },
      segments: [makeSegment(text)],
    })
    for (const one of [part('a', 0), part('b', 1), part('c', 0)]) expect(history.record(one)).toBeDefined()
    for (const again of [part('a', 0), part('c', 0)]) expect(history.record(again)).toBeUndefined()
    const [a, , c] = history.kept
    for (const kept of history.kept) Object.assign(kept, { blocks: 1 })
    const recorded = history.record({
      turn: { order: 0, revision: 1 },
      segments: [makeSegment('a'), makeSegment('c')],
    })
    expect(recorded).toEqual({ entry: a, isNew: false, gone: [c], isMoved: false })
    if (recorded !== undefined) history.markStale(recorded.entry)
    expect(history.kept.map((kept) => kept.segments.map(({ text }) => text))).toEqual([['a', 'c'], ['b']])
    expect([history.isStale, history.staleBlocks]).toEqual([true, 2])
  })
})
