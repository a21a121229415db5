import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Composer, Piece } from '../../../src/captions/composer/composer.ts'
import { srtComposer } from '../../../src/captions/composer/composers.ts'
import { layoutSettings } from '../../../src/captions/layout/options.ts'
import type { Turn } from '../../../src/model.ts'
import { makeTurn } from '../example-turn.ts'
import { parseSubtitles } from '../parsers.ts'
import { runs } from '../../helpers/runs.ts'

function makeComposer(): Composer {
  return srtComposer({ layout: layoutSettings({ labels: 'none' }), names: true })
}

/** What a file holds that is written anew. */
function rewritten(old: string, pieces: Iterable<Piece>): string {
  const bytes = Buffer.from(old)
  let text = ''
  for (const piece of pieces) {
    if (typeof piece === 'string') text += piece
    else {
      const copied = bytes.toString('utf8', piece.from, piece.to)
      text += piece.edit === undefined ? copied : piece.edit(copied)
    }
  }
  return text
}

const words = (turns: readonly Turn[]): string[] => turns.flatMap((turn) => turn.words.map((word) => word.text))

interface Step {
  gap: number
  text: string[]
  isReleased: boolean
  revised: { pick: number; speaker: string } | null
}

/** A turn, then perhaps the end of patience, then perhaps a revision of some turn. */
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    gap: fc.constantFrom(0, 50, 300, 800, 2500),
    text: fc.array(fc.constantFrom('A:yes', 'B:no', 'A:well', 'A:Right.', 'B:longer-words-too', 'A:so,'), {
      maxLength: 14,
    }),
    isReleased: fc.boolean(),
    revised: fc.option(fc.record({ pick: fc.nat(100), speaker: fc.constantFrom('A:', 'B:', 'C:') }), { freq: 3 }),
  }),
  { minLength: 1, maxLength: 12 },
)

/** The text of the steps as it is appended, and the newest revision of each turn. */
function play(composer: Composer, list: Step[]): { text: string; newest: Turn[] } {
  const newest: Turn[] = []
  let text = ''
  let clock = 0
  for (const { gap, text: spoken, isReleased, revised } of list) {
    const turn = makeTurn(newest.length, spoken.join(' '), { start: clock + gap })
    clock = Math.max(clock, turn.end)
    newest.push(turn)
    text += composer.add(turn)
    if (isReleased) text += composer.release()
    if (revised === null) continue
    const old = newest[revised.pick % newest.length] as Turn
    const again = old.words.map((word) => `${revised.speaker}${word.text}`).join(' ')
    const next = makeTurn(old.order, again, { start: old.start, revision: old.revision + 1 })
    newest[old.order] = next
    text += composer.add(next)
  }
  return { text: text + composer.end(), newest }
}

describe('Composer', () => {
  it('makes a text of the newest turns, whenever they came and whatever was revised', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const composer = makeComposer()
        const { text, newest } = play(composer, list)
        const final = composer.isStale ? rewritten(text, composer.rewrite()) : text
        composer.rewritten()
        expect([composer.isStale, composer.staleBlocks]).toEqual([false, 0])
        const cues = parseSubtitles(final)
        expect(cues.flatMap((cue) => cue.text.split(/\s/))).toEqual(words(newest))
        for (const [i, cue] of cues.entries()) expect(cue.start).toBeGreaterThanOrEqual(cues[i - 1]?.end ?? 0)
      }),
      { numRuns: runs(150) },
    )
  })

  it('returns every word once where nothing can be corrected', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const { text, newest } = play(makeComposer(), list)
        expect(parseSubtitles(text).flatMap((cue) => cue.text.split(/\s/))).toEqual(words(newest))
      }),
      { numRuns: runs(150) },
    )
  })

  it('copies what stands before the first change, and after the last', () => {
    const composer = makeComposer()
    let text = ''
    for (let order = 0; order < 20; order++) text += composer.add(makeTurn(order, `A:word${order}`))
    text += composer.add(makeTurn(9, 'A:other', { revision: 1 }))
    text += composer.end()
    const pieces = [...composer.rewrite()]
    expect(pieces[0]).toMatchObject({ from: 0, to: text.indexOf('9\n') })
    const made = pieces.filter((piece) => typeof piece === 'string').join('')
    expect(parseSubtitles(made).map((cue) => cue.text)).toEqual(['word8', 'other', 'word19'])
    expect(rewritten(text, pieces)).toBe(text.replace('word9', 'other'))
  })
})
