import fc from 'fast-check'
import type { Segment } from '../../src/model.ts'
import { makeSegment } from './example-turn.ts'
import { nastyText } from './nasty-text.ts'

/** A segment of one speaker from `start` to `end`, in milliseconds. */
export function spoken(speaker: string | undefined, start: number, end: number, overrides: Partial<Segment> = {}) {
  return makeSegment('', start, { ...(speaker !== undefined && { speaker }), end, text: 'Yes.', ...overrides })
}

const nastyWord = fc.record({
  text: nastyText,
  gap: fc.integer({ min: -300, max: 3000 }),
  length: fc.integer({ min: -5, max: 900 }),
  confidence: fc.double({ min: -1, max: 2 }),
})

/** Segments in the order of a conversation, of nasty words with times that are not always in order. */
export const nastySegments = fc
  .array(
    fc.record({
      speaker: fc.option(fc.oneof(fc.constantFrom('A', 'B', 'Agent/A'), nastyText), { nil: undefined }),
      channel: fc.option(fc.constantFrom('Agent', 'the customer'), { nil: undefined }),
      words: fc.array(nastyWord, { minLength: 1, maxLength: 6 }),
    }),
    { maxLength: 12 },
  )
  .map((runs) => {
    let clock = 0
    return runs.map(({ speaker, channel, words: spokenWords }) => {
      const words = spokenWords.map(({ text, gap, length, confidence }) => {
        const start = Math.max(0, clock + gap)
        clock = start + length
        return { text, start, end: clock, confidence, final: true }
      })
      const named = { ...(speaker !== undefined && { speaker }), ...(channel !== undefined && { channel }) }
      return makeSegment('', 0, {
        ...named,
        words,
        start: words[0]?.start ?? 0,
        end: words.at(-1)?.end ?? 0,
        text: words.map((word) => word.text.trim()).join(' '),
      })
    })
  })

/** The lines of a text, each of which must have its line end. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new Error('the last line has no line end')
  return lines
}
