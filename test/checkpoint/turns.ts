import type { Turn } from '../../src/model.ts'

/** A final turn of `words`, 300 ms each, said by `speaker`. */
export function spokenTurn(order: number, start: number, words: readonly string[], speaker = 'A'): Turn {
  const spoken = words.map((text, index) => {
    const begin = start + 300 * index
    return { text, start: begin, end: begin + 250, speaker, final: true }
  })
  return {
    sessionId: 's',
    order,
    revision: 0,
    endOfTurn: true,
    formatted: true,
    transcript: words.join(' '),
    speaker,
    words: spoken,
    start,
    end: spoken.at(-1)?.end ?? start,
  }
}
