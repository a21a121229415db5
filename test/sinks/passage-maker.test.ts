import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { layoutSettings } from '../../src/captions/layout/options.ts'
import { formatSrtCue } from '../../src/captions/formats/srt.ts'
import type { Cue, Turn } from '../../src/model.ts'
import type { LayoutState } from '../../src/captions/layout/channels.ts'
import { captionPassages } from '../../src/sinks/caption-text.ts'
import { FileDestination } from '../../src/sinks/destination.ts'
import { PassageMaker } from '../../src/sinks/passage-maker.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { parseSubtitles } from '../captions/parsers.ts'
import { temporaryDirectories } from './temporary.ts'

const directory = temporaryDirectories()

function makeMaker(): PassageMaker<LayoutState> {
  const layout = layoutSettings({ labels: 'none' })
  const format = { header: '', cue: (cue: Cue) => formatSrtCue(cue), isNumbered: true, layout }
  return new PassageMaker(captionPassages(format), {}, () => {})
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

/** Makes text of the steps; `write` takes each piece. Returns the newest revision of each turn. */
async function play(
  maker: PassageMaker<LayoutState>,
  list: Step[],
  write: (text: string) => Promise<void>,
): Promise<Turn[]> {
  const newest: Turn[] = []
  let clock = 0
  for (const { gap, text, isReleased, revised } of list) {
    const turn = makeTurn(newest.length, text.join(' '), { start: clock + gap })
    clock = turn.end
    newest.push(turn)
    await write(await maker.next(turn))
    if (isReleased) await write(maker.release())
    if (revised === null) continue
    const old = newest[revised.pick % newest.length] as Turn
    const again = old.words.map((word) => `${revised.speaker}${word.text}`).join(' ')
    const next = makeTurn(old.order, again, { start: old.start, revision: old.revision + 1 })
    newest[old.order] = next
    await write(await maker.next(next))
  }
  await write(await maker.rest())
  return newest
}

it('makes a file of the newest turns, whenever they came and whatever was revised', async () => {
  const file = path.join(directory(), 'out.srt')
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const maker = makeMaker()
      const destination = new FileDestination(file)
      const newest = await play(maker, list, (text) => (text === '' ? Promise.resolve() : destination.write(text)))
      await maker.complete(destination)
      await destination.finish('')
      const cues = parseSubtitles(readFileSync(file, 'utf8'))
      expect(cues.flatMap((cue) => cue.text.split(/\s/))).toEqual(words(newest))
      for (const [i, cue] of cues.entries()) expect(cue.start).toBeGreaterThanOrEqual(cues[i - 1]?.end ?? 0)
    }),
    { numRuns: 150 },
  )
})

it('writes every word once where nothing can be corrected', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      let all = ''
      const newest = await play(makeMaker(), list, (text) => {
        all += text
        return Promise.resolve()
      })
      expect(parseSubtitles(all).flatMap((cue) => cue.text.split(/\s/))).toEqual(words(newest))
    }),
    { numRuns: 150 },
  )
})
