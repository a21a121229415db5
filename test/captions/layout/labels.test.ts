import { describe, expect, it } from 'vitest'
import { cueLabel } from '../../../src/captions/layout/labels.ts'
import { layoutSettings, type LabelStyle } from '../../../src/captions/layout/options.ts'

const as = (labels: LabelStyle) => layoutSettings({ labels, speakers: { A: 'Alice' } })
const cue = { speaker: 'A', start: 5000 }

describe('cueLabel', () => {
  it('writes each style', () => {
    expect(cueLabel(cue, undefined, as('name'))).toBe('Alice: ')
    expect(cueLabel(cue, undefined, as('capitals'))).toBe('ALICE: ')
    expect(cueLabel(cue, undefined, as('chevrons'))).toBe('>> ')
    expect(cueLabel(cue, undefined, as('none'))).toBe('')
  })

  it('is shown on a change of speaker, and again after a long silence', () => {
    expect(cueLabel(cue, { end: 4000, speaker: 'A' }, as('name'))).toBe('')
    expect(cueLabel(cue, { end: 4000, speaker: 'B' }, as('name'))).toBe('Alice: ')
    expect(cueLabel(cue, { end: 4000 }, as('name'))).toBe('Alice: ')
    expect(cueLabel({ ...cue, start: 14_000 }, { end: 4000, speaker: 'A' }, as('name'))).toBe('Alice: ')
  })

  it('is never shown for nobody', () => {
    expect(cueLabel({ start: 5000 }, { end: 4000, speaker: 'A' }, as('chevrons'))).toBe('')
    expect(cueLabel({ speaker: '\u200B', start: 5000 }, undefined, as('chevrons'))).toBe('')
  })

  it('is isolated from text written from right to left', () => {
    expect(cueLabel({ ...cue, lines: ['“שלום" he said'] }, undefined, as('name'))).toBe('\u200F\u2068Alice:\u2069 ')
    expect(cueLabel({ ...cue, lines: ['he said שלום'] }, undefined, as('name'))).toBe('Alice: ')
  })
})
