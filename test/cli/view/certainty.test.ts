import { expect, it } from 'vitest'
import { CertaintyCount, type CertaintyFigures } from '../../../src/certainty.ts'
import { certaintyLine, certaintyWarning } from '../../../src/cli/view/certainty.ts'

const nothing = new CertaintyCount().figures
const heard = (figures: Partial<CertaintyFigures>): CertaintyFigures => ({ ...nothing, ...figures })
const usual = { words: 300, spokenMs: 120_000, pacedMs: 110_000 }

it('says how many words are uncertain', () => {
  const figures = heard({ words: 5, rated: 4, uncertain: 2 })
  expect(certaintyWarning(figures, false)).toMatchObject({ code: 'WORDS_UNCERTAIN', ...figures })
  expect(certaintyWarning(figures, false)?.message).toContain('about 5 of 10 words are uncertain; --keyterms')
  expect(certaintyWarning(figures, true)?.message).toContain('a better model (diarize-stream models list) or a key')
  expect(certaintyLine(figures)).toBe('words       5, 2 of them uncertain (confidence below 0.5)')
})

it('is quiet where few are, whatever their pace', () => {
  expect(certaintyWarning(heard({ words: 8, rated: 8, uncertain: 1 }), true)).toBeUndefined()
  expect(certaintyWarning(heard({ words: 8, rated: 8, pacedMs: 10_000, denseMs: 10_000 }), true)).toBeUndefined()
})

it('does not praise what nobody rated, nor complain of it', () => {
  expect(certaintyWarning(heard(usual), true)).toBeUndefined()
  expect(certaintyLine(heard(usual))).toMatch(/how many are right is not known$/)
  // Captions of others have no words with times.
  expect(certaintyLine(nothing)).toMatch(/^words       captions do not say .* how many are right is not known$/)
})

it('doubts words that come faster or slower than anybody speaks', () => {
  const dense = certaintyWarning(heard({ ...usual, pacedMs: 50_000, denseMs: 10_000 }), true)
  expect(dense?.message).toContain('more than 6 words a second in 10 s of 50 s of speech, where people say 2 or 3')
  const sparse = certaintyWarning(heard({ ...usual, pacedMs: 20_000, sparseMs: 20_000 }), true)
  expect(sparse?.message).toContain('less than one in 2 seconds in 20 s of 20 s of speech')
})

it('doubts captions of speech for which there are no words', () => {
  const figures = heard({ ...usual, unrecognizedMs: 30_000 })
  const message = certaintyWarning(figures, true)?.message
  expect(message).toContain('no words for 30 s of 150 s of speech; a better model')
  expect(certaintyLine(figures)).toContain('; no words for 30 s of 150 s of speech')
  // A cough, and laughter here and there.
  expect(certaintyWarning(heard({ words: 2, spokenMs: 1000, unrecognizedMs: 2000 }), true)).toBeUndefined()
  expect(certaintyWarning(heard({ ...usual, unrecognizedMs: 12_000 }), true)).toBeUndefined()
})

it('doubts captions of which repetitions were cut', () => {
  const figures = heard({ ...usual, repeatedWords: 40 })
  expect(certaintyWarning(figures, true)?.message).toContain('40 words repeated without end, and left out')
  expect(certaintyWarning(heard({ ...usual, repeatedWords: 3 }), true)).toBeUndefined()
  expect(certaintyLine(heard({ ...usual, repeatedWords: 3 }))).toContain('3 words repeated without end')
})
