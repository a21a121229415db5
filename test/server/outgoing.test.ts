import { describe, expect, it } from 'vitest'
import type { EngineTurn } from '../../src/engine/engine.ts'
import { revisionMessage, turnMessage, type MessageStyle } from '../../src/server/outgoing.ts'

const style: MessageStyle = { speakerLabels: true, languageDetection: true, unattributedLabel: 'PENDING' }
const turn: EngineTurn = {
  order: 2,
  words: [{ text: 'Ja.', start: 10, end: 10, confidence: 0.5, final: true }],
  transcript: 'Ja.',
  endOfTurn: true,
  formatted: true,
  endOfTurnConfidence: 0.75,
  language: 'de',
}

describe('turnMessage', () => {
  it('names what an engine could not attribute, at both levels', () => {
    const message = turnMessage(turn, style)
    expect(message).toMatchObject({ speaker_label: 'PENDING', words: [{ speaker: 'PENDING', start: 10, end: 10 }] })
  })

  it('gives a word without a confidence 0, for clients that want a number, and says that it means nothing', () => {
    const { confidence: _unknown, ...word } = turn.words[0]!
    const words = turnMessage({ ...turn, words: [word, turn.words[0]!] }, style)!.words
    expect(words[0]).toMatchObject({ confidence: 0, confidence_is_known: false })
    expect(words[1]).toMatchObject({ confidence: 0.5 })
    expect(words[1]).not.toHaveProperty('confidence_is_known')
    const [revised] = revisionMessage([{ order: 2, words: [word] }], style)!.revisions
    expect(revised!.words[0]).toMatchObject({ confidence: 0, confidence_is_known: false })
  })

  it('names the language on finals, when it is asked for', () => {
    expect(turnMessage(turn, style)?.language_code).toBe('de')
    expect(turnMessage({ ...turn, endOfTurn: false }, style)).not.toHaveProperty('language_code')
    expect(turnMessage(turn, { ...style, languageDetection: false })).not.toHaveProperty('language_code')
  })

  it('has an utterance on finals only', () => {
    expect(turnMessage(turn, style)?.utterance).toBe('Ja.')
    expect(turnMessage({ ...turn, endOfTurn: false }, style)?.utterance).toBe('')
  })

  it('is nothing for an empty final, but something for an empty partial', () => {
    const empty = { ...turn, words: [], transcript: '' }
    expect(turnMessage(empty, style)).toBeUndefined()
    expect(turnMessage({ ...empty, endOfTurn: false }, style)?.transcript).toBe('')
  })
})

describe('revisionMessage', () => {
  it('is sent only where there is something to say to somebody who asked', () => {
    const revision = { order: 2, words: turn.words }
    expect(revisionMessage([], style)).toBeUndefined()
    expect(revisionMessage([revision], { ...style, speakerLabels: false })).toBeUndefined()
    expect(revisionMessage([revision], style)?.revisions).toEqual([
      { turn_order: 2, speaker_label: 'PENDING', words: [expect.objectContaining({ speaker: 'PENDING' })] },
    ])
  })
})
