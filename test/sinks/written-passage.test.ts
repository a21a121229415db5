import { describe, expect, it } from 'vitest'
import { wordRuns } from '../../src/captions/word-runs.ts'
import { WrittenPassage } from '../../src/sinks/written-passage.ts'
import { makeTurn } from '../captions/example-turn.ts'

const segments = wordRuns(makeTurn(0, 'A:one two. B:three'))

describe('WrittenPassage', () => {
  it('has the same segments packed and not, and can be given others', () => {
    const passage = new WrittenPassage({ turn: { order: 0, revision: 0 }, segments })
    expect([passage.packed, passage.segments]).toEqual([false, segments])
    passage.pack()
    expect([passage.packed, passage.segments]).toEqual([true, segments])
    passage.segments = []
    expect([passage.packed, passage.segments]).toEqual([false, []])
  })
})
