/** A word of a {@link finalTurn}; times in ms. */
export interface FinalWord {
  text: string
  start: number
  end: number
}

/** A final, formatted turn of the v3 protocol, all by one speaker. */
export function finalTurn(order: number, speaker: string | undefined, words: readonly FinalWord[]): object {
  return {
    type: 'Turn',
    turn_order: order,
    turn_is_formatted: true,
    end_of_turn: true,
    end_of_turn_confidence: 1,
    transcript: words.map(({ text }) => text).join(' '),
    speaker_label: speaker,
    words: words.map((word) => ({ ...word, confidence: 1, word_is_final: true, speaker })),
  }
}
