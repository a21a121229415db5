import { expect, it } from 'vitest'
import { CertaintyCount, PACE_STRETCH_MS, paceOf, USUAL_PACE } from '../src/certainty.ts'
import type { Word } from '../src/model.ts'

const word = (confidence?: number): Word => ({
  text: 'word',
  start: 0,
  end: 1,
  final: true,
  ...(confidence !== undefined && { confidence }),
})

function figuresOf(...turns: readonly (readonly Word[])[]) {
  const count = new CertaintyCount()
  for (const words of turns) count.add(words)
  return count.figures
}

it('counts the words that somebody rated, and those of low confidence', () => {
  const figures = figuresOf([0.2, 0.4, 0.5, 0.95, undefined].map(word))
  expect(figures).toMatchObject({ words: 5, rated: 4, uncertain: 2 })
})

it('holds words against the pace of speech', () => {
  const { least, most } = USUAL_PACE
  expect(paceOf(25, PACE_STRETCH_MS)).toBe('usual')
  expect(paceOf(least * 10, 10_000)).toBe('usual')
  expect(paceOf(least * 10 - 1, 10_000)).toBe('sparse')
  expect(paceOf(most * 10, 10_000)).toBe('usual')
  expect(paceOf(most * 10 + 1, 10_000)).toBe('dense')
  expect(paceOf(1, 0)).toBe('dense')
})

/** Words that begin every so many ms. */
function paced(words: number, everyMs: number, { text = 'word', from = 0 } = {}): Word[] {
  return Array.from({ length: words }, (_, at) => {
    const start = from + at * everyMs
    return { text, start, end: start + everyMs, final: true }
  })
}

it('judges the pace of stretches that are long enough, within a turn, too', () => {
  expect(figuresOf(paced(100, 400), paced(101, 100))).toMatchObject({
    pacedMs: 50_000,
    denseMs: 10_000,
    sparseMs: 0,
    spokenMs: 50_100,
  })
  expect(figuresOf(paced(4, 2500), paced(4, 2500))).toMatchObject({ sparseMs: 20_000 })
  const loop = paced(100, 100, { from: 40_000 })
  expect(figuresOf([...paced(100, 400), ...loop]).denseMs).toBe(10_000)
  expect(figuresOf(paced(50, 100)).pacedMs).toBe(0)
  // What counts as a word is up to the engine there.
  expect(figuresOf(paced(400, 100, { text: '\u6211' })).pacedMs).toBe(0)
})

it('adds up speech without words, and what was repeated', () => {
  const count = new CertaintyCount()
  count.addUnrecognized({ start: 100, end: 900, reason: 'noWords' })
  count.addUnrecognized({ start: 0, end: 20_000, reason: 'repetition', repeatedWords: 40 })
  expect(count.figures).toMatchObject({ unrecognizedMs: 800, repeatedWords: 40, words: 0 })
})

it('goes on from its state as if it had never stopped', () => {
  const turns = [paced(30, 300), paced(40, 100), paced(90, 140)]
  const [whole, first, rest] = [new CertaintyCount(), new CertaintyCount(), new CertaintyCount()] as const
  for (const turn of turns) whole.add(turn)
  first.add(turns[0]!)
  first.addUnrecognized({ start: 0, end: 5, reason: 'noWords' })
  whole.addUnrecognized({ start: 0, end: 5, reason: 'noWords' })
  rest.resumeFrom(JSON.parse(JSON.stringify(first.state)) as typeof first.state)
  for (const turn of turns.slice(1)) rest.add(turn)
  expect(rest.state).toEqual(whole.state)
})
