import { describe, expect, it } from 'vitest'
import { formatVttCue, sanitizeVttName, vttHeader } from '../../../src/captions/formats/vtt.ts'
import type { Cue } from '../../../src/model.ts'
import { parseVtt } from '../parsers.ts'

const cue = (index: number, ...lines: string[]): Cue => ({
  index,
  start: index * 2000,
  end: index * 2000 + 1500,
  lines,
  words: [],
})

describe('formatVttCue', () => {
  it('writes number, times, voice and one blank line', () => {
    expect(formatVttCue(cue(1, 'Hello there,', 'world.'), { voice: 'Alice' })).toBe(
      '1\n00:00:02.000 --> 00:00:03.500\n<v Alice>Hello there,\nworld.</v>\n\n',
    )
    expect(formatVttCue(cue(1, 'Hi.'))).toBe('1\n00:00:02.000 --> 00:00:03.500\nHi.\n\n')
  })

  it('escapes text', () => {
    expect(formatVttCue(cue(1, 'a --> b', 'R&D <i>'))).toContain('.500\na -&gt; b\nR&amp;D &lt;i&gt;\n\n')
  })

  it('takes out of names what readers disagree on', () => {
    expect(sanitizeVttName('A & B <c>\nd\\\u00A0{e}-->')).toBe('A B c d e -')
    expect(formatVttCue(cue(1, 'Hi.'), { voice: '<>&' })).toContain('\nHi.\n')
  })

  it('drops empty lines, and the whole cue where no text is left', () => {
    expect(formatVttCue(cue(1, '', 'a', ' \u2028 ', 'b'))).toContain('.500\na\nb\n\n')
    expect(formatVttCue(cue(1, '', '\u0000'), { voice: 'Alice', label: 'Alice: ' })).toBe('')
  })

  it('shows a label before the first line', () => {
    const told = formatVttCue(cue(1, ' ', 'Hi.', 'You.'), { voice: 'Al & Co', label: '>> Al & Co: ' })
    expect(told).toContain('.500\n<v Al Co>&gt;&gt; Al &amp; Co: Hi.\nYou.</v>\n\n')
    expect(formatVttCue(cue(1, 'Hi.'), { label: '\u0000\n' })).toContain('.500\nHi.\n')
  })

  it('gives each line a voice of its own where they differ, and closes every one', () => {
    const two = cue(1, '-hello', '-hi')
    expect(formatVttCue(two, { voices: ['Alice', 'Bob'] })).toContain('.500\n<v Alice>-hello</v>\n<v Bob>-hi</v>\n\n')
    expect(formatVttCue(two, { voices: [undefined, 'Bob'] })).toContain('.500\n-hello\n<v Bob>-hi</v>\n\n')
    expect(formatVttCue(two, { voices: ['Alice'] })).toContain('.500\n<v Alice>-hello</v>\n-hi\n\n')
    const three = cue(1, '\u200B', '-hello', '-hi')
    expect(formatVttCue(three, { voices: ['A', 'B', 'C'] })).toContain('.500\n<v B>-hello</v>\n<v C>-hi</v>\n\n')
  })

  it('shields lines that look like settings or comments', () => {
    expect(formatVttCue(cue(1, 'line: 3', 'line: 4'))).toContain('.500\n<c>line: 3</c>\nline: 4\n\n')
    expect(formatVttCue(cue(1, 'line: 3'), { voice: 'A' })).toContain('.500\n<v A>line: 3</v>\n\n')
    expect(formatVttCue(cue(1, 'NOTE a', 'NOTE b'), { voice: 'A' })).toContain(
      '.500\n<v A>NOTE a\n<c>NOTE b</c></v>\n\n',
    )
  })
})

describe('vttHeader', () => {
  it('is a valid file', () => {
    expect(parseVtt(vttHeader)).toEqual({ errors: [], cues: [] })
  })
})
