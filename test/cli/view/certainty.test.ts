import { finished } from 'node:stream/promises'
import { expect, it } from 'vitest'
import { Certainty } from '../../../src/cli/view/certainty.ts'
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
