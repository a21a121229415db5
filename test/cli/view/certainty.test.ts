import { finished } from 'node:stream/promises'
import { expect, it } from 'vitest'
import { Certainty, PACE_STRETCH_MS, paceOf, USUAL_PACE } from '../../../src/cli/view/certainty.ts'
import type { Turn } from '../../../src/model.ts'
import { makeTurn } from '../../captions/example-turn.ts'

function rated(confidences: readonly (number | undefined)[], change: Partial<Turn> = {}): Turn {
  const turn = makeTurn(0, confidences.map(() => 'A:word').join(' '))
  const words = turn.words.map(({ text, start, end, final }, at) => {
    const confidence = confidences[at]
    return { text, start, end, final, ...(confidence !== undefined && { confidence }) }
  })
  return { ...turn, ...change, words }
}

async function count(...turns: Turn[]): Promise<Certainty> {
  const certainty = new Certainty()
  for (const turn of turns) certainty.write(turn)
  certainty.end()
  await finished(certainty)
  return certainty
}

it('says how many words are uncertain, once for each, whatever its speaker becomes', async () => {
  const bad = rated([0.2, 0.4, 0.9, 0.95, undefined])
  const certainty = await count(bad, { ...bad, revision: 1 }, { ...bad, endOfTurn: false })
  expect(certainty.warning(false)).toMatchObject({ code: 'WORDS_UNCERTAIN', words: 5, rated: 4, uncertain: 2 })
  expect(certainty.warning(false)?.message).toContain('about 5 of 10 words are uncertain; --keyterms')
  expect(certainty.warning(true)?.message).toContain('a better model (diarize-stream models list)')
  expect(certainty.line).toBe('words       5, 2 of them uncertain (confidence below 0.5)')
})

it('does not praise what nobody rated, nor complain of it', async () => {
  const certainty = await count(rated([undefined, undefined]))
  expect(certainty.warning(true)).toBeUndefined()
  expect(certainty.line).toContain('how many are right is not known')
})

it('is quiet where few are', async () => {
  expect((await count(rated([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.1]))).warning(true)).toBeUndefined()
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

/** A turn of words that begin every so many ms, nobody sure of them. */
function paced(
  words: number,
  everyMs: number,
  { text = 'word', confidence }: { text?: string; confidence?: number } = {},
) {
  const said = Array.from({ length: words }, (_, at) => {
    const start = at * everyMs
    return { text, start, end: start + everyMs, final: true, ...(confidence !== undefined && { confidence }) }
  })
  return { ...makeTurn(0, 'A:word'), words: said }
}

it('doubts words that come faster or slower than anybody speaks, where nobody rated them', async () => {
  const dense = await count(paced(100, 400), paced(101, 100))
  expect(dense.figures).toMatchObject({ rated: 0, pacedMs: 50_000, denseMs: 10_000, sparseMs: 0 })
  const warning = dense.warning(true)
  expect(warning).toMatchObject({ code: 'WORDS_UNCERTAIN', words: 201, rated: 0, denseMs: 10_000 })
  expect(warning?.message).toContain('more than 6 words a second in 10 s of 50 s of speech')
  expect(warning?.message).toContain('a better model (diarize-stream models list) or a key')
  expect(dense.line).toContain('more than 6 words a second in 10 s')
  const sparse = await count(paced(4, 2500), paced(4, 2500))
  expect(sparse.warning(true)?.message).toContain('less than one in 2 seconds in 20 s of 20 s of speech')
})

it('finds what repeats itself within a turn, and judges no stretch that is too short', async () => {
  const loop = paced(100, 100).words.map((word) => ({ ...word, start: word.start + 40_000, end: word.end + 40_000 }))
  const turn = paced(100, 400)
  expect((await count({ ...turn, words: [...turn.words, ...loop] })).figures.denseMs).toBe(10_000)
  expect((await count(paced(50, 100))).figures.pacedMs).toBe(0)
})

it('has no doubt of usual speech, of rated words for their pace, and of characters that count as words', async () => {
  expect((await count(paced(100, 400))).warning(true)).toBeUndefined()
  expect((await count(paced(400, 100, { confidence: 0.9 }))).warning(true)).toBeUndefined()
  expect((await count(paced(400, 100, { text: '\u6211' }))).warning(true)).toBeUndefined()
})
