import { expect, it } from 'vitest'
import { tryMany } from './messages/try-many.ts'

it.each([6, 9, 11, 12, 13])(
  'random orders of messages and junk end in turns or in one typed error, and leave nothing open: seed %i',
  async (seed) => {
    const { failures, leftOpen } = await tryMany({ seed, cases: 500, atOnce: 32 })
    expect(failures).toEqual([])
    expect(leftOpen).toEqual([])
  },
  180_000,
)
