import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatJsonlEvent, formatJsonlItem } from '../../../src/captions/formats/jsonl.ts'
import { exampleTurn, makeSegment, makeTurn } from '../example-turn.ts'
import { nastyText } from '../nasty-text.ts'

describe('formatJsonlItem', () => {
  it('writes a turn with its key first and all of its words', () => {
    const turn = exampleTurn({ order: 4, revision: 2 })
    const line = formatJsonlItem(turn, { A: 'Alice' })
    expect(line.startsWith('{"type":"turn","order":4,"revision":2,"sessionId":"session-1","endOfTurn":true')).toBe(true)
    expect(JSON.parse(line)).toEqual({ type: 'turn', ...turn, name: 'Alice' })
  })

  it('says of a turn that it was not confirmed', () => {
    expect(JSON.parse(formatJsonlItem(exampleTurn({ unconfirmed: true })))).toMatchObject({ unconfirmed: true })
    expect(formatJsonlItem(exampleTurn())).not.toContain('unconfirmed')
  })

  it('writes a segment with the key of its turn', () => {
    const segment = makeSegment('Hi there', 100, { speaker: 'B', channel: 'Agent', turn: { order: 7, revision: 1 } })
    const { turn, ...fields } = segment
    expect(JSON.parse(formatJsonlItem(segment))).toEqual({ type: 'segment', ...turn, ...fields })
  })

  it('writes in which language and by whom a segment is said', () => {
    const segment = makeSegment('Ja', 100, { speaker: 'B', speakerName: 'Berta', language: 'de' })
    const record = { speaker: 'B', speakerName: 'Berta', language: 'de' }
    expect(JSON.parse(formatJsonlItem(segment))).toMatchObject(record)
  })

  it('writes who says each line of a cue, and how high it stands', () => {
    const cue = { index: 3, start: 0, end: 900, lane: 1, lines: ['-Hi', '-Yes'], lineSpeakers: ['A', 'B'], words: [] }
    expect(JSON.parse(formatJsonlItem(cue))).toEqual({ type: 'cue', ...cue })
  })

  it('writes a cue', () => {
    const cue = { index: 3, start: 0, end: 900, speaker: 'A', lines: ['Hi', 'there'], words: [] }
    expect(JSON.parse(formatJsonlItem(cue, { A: 'Alice' }))).toEqual({ type: 'cue', name: 'Alice', ...cue })
  })

  it('leaves out what is absent', () => {
    expect(formatJsonlItem(makeTurn(0, ''))).not.toContain('speaker')
    const words = [{ text: 'a', start: 0, end: 100, final: true }]
    expect(JSON.parse(formatJsonlItem(makeTurn(0, '', { words })))).toMatchObject({ words })
    expect(formatJsonlItem(makeTurn(0, '', { words }))).not.toContain('confidence')
  })

  it('is one line of valid UTF-8 for any reader, whatever the text', () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        const line = formatJsonlItem(makeTurn(0, '', { transcript: text }))
        expect(line.endsWith('\n')).toBe(true)
        expect(line.slice(0, -1)).not.toMatch(/[\n\r\u2028\u2029\p{Surrogate}]/u)
        expect(JSON.parse(line)).toMatchObject({ transcript: text })
      }),
    )
  })
})

describe('formatJsonlEvent', () => {
  it('puts the type first and keeps the fields', () => {
    expect(formatJsonlEvent('gap', { start: 5, end: 9, type: 'other' })).toBe('{"type":"gap","start":5,"end":9}\n')
    expect(formatJsonlEvent('session', 'text')).toBe('{"type":"session","value":"text"}\n')
  })
})
