import type { Segment, Word } from '../../src/index.ts'
import { PAUSE_MS } from './rivals.ts'

/** The words as an engine gives them: a turn, here of one segment, ends where the speaker changes or pauses. */
export function turnsOf(words: readonly Word[]): Segment[][] {
  const turns: Word[][] = []
  for (const word of words) {
    const turn = turns.at(-1)
    const last = turn?.at(-1)
    if (turn === undefined || last === undefined || startsTurn(last, word)) turns.push([word])
    else turn.push(word)
  }
  return turns.map((said, order) => {
    const [first, last] = [said[0]!, said.at(-1)!]
    return [
      {
        ...(first.speaker !== undefined && { speaker: first.speaker }),
        start: first.start,
        end: last.end,
        text: said.map(({ text }) => text).join(' '),
        words: said,
        turn: { order, revision: 0 },
      },
    ]
  })
}

function startsTurn(before: Word, word: Word): boolean {
  return before.speaker !== word.speaker || word.start - before.end >= PAUSE_MS
}
