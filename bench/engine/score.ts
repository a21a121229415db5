import { RttmRuns } from '../../src/captions/formats/scoring.ts'
import { wordRuns } from '../../src/captions/word-runs.ts'
import type { EngineWord } from '../../src/engine/engine.ts'
import { parseRttm, type SpeakerSpan } from '../../test/helpers/scoring.ts'

/** A final turn, as far as who spoke is concerned. */
export interface LabelledTurn {
  order: number
  speaker?: string
  words: readonly EngineWord[]
}

/** Who speaks when by `turns`, as the library's own RTTM says it. */
export function spansOf(turns: readonly LabelledTurn[]): SpeakerSpan[] {
  const runs = new RttmRuns()
  const lines = turns.map(({ order, speaker, words }) => {
    const turn = {
      sessionId: '',
      order,
      revision: 0,
      endOfTurn: true,
      formatted: false,
      transcript: words.map(({ text }) => text).join(' '),
      words: [...words],
      start: words[0]?.start ?? 0,
      end: words.at(-1)?.end ?? 0,
      ...(speaker !== undefined && { speaker }),
    }
    return wordRuns(turn)
      .map((segment) => runs.add(segment))
      .join('')
  })
  return parseRttm(lines.join('') + runs.end())
}
