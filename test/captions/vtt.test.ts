import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanText } from '../../src/captions/clean-text.ts'
import { escapeVttText, formatVttCue, sanitizeVttName, vttHeader } from '../../src/captions/vtt.ts'
import type { Cue } from '../../src/model.ts'
import { NASTY, nastyText } from './nasty-text.ts'
import { parseSubtitles, parseVtt, throughFfmpeg } from './parsers.ts'

const cue = (index: number, ...lines: string[]): Cue => ({
  index,
  start: index * 2000,
  end: index * 2000 + 1500,
  lines,
  words: [],
})

const cleanLines = (lines: readonly string[]) =>
  lines
    .map(cleanText)
    .filter((line) => line !== '')
    .map((line) => line.replaceAll(/-{2,}>/g, '->'))

describe('formatVttCue', () => {
  it('writes number, times, voice and one blank line', () => {
    expect(formatVttCue(cue(1, 'Hello there,', 'world.'), 'Alice')).toBe(
      '1\n00:00:02.000 --> 00:00:03.500\n<v Alice>Hello there,\nworld.</v>\n\n',
    )
    expect(formatVttCue(cue(1, 'Hi.'))).toBe('1\n00:00:02.000 --> 00:00:03.500\nHi.\n\n')
  })

  it('escapes text', () => {
    expect(escapeVttText(['a --> b', 'R&D <i>'])).toBe('a -&gt; b\nR&amp;D &lt;i&gt;')
  })

  it('takes out of names what readers disagree on', () => {
    expect(sanitizeVttName('A & B <c>\nd -->')).toBe('A B c d -')
    expect(formatVttCue(cue(1, 'Hi.'), '<>&')).toContain('\nHi.\n')
  })

  it('drops empty lines, and the whole cue where no text is left', () => {
    expect(formatVttCue(cue(1, '', 'a', ' \u2028 ', 'b'))).toContain('.500\na\nb\n\n')
    expect(formatVttCue(cue(1, '', '\u0000'), 'Alice')).toBe('')
  })
})

describe('WebVTT read by others', () => {
  const name = fc.option(nastyText, { nil: undefined })

  it('has no error for the W3C parser, and comes back whole, whatever the text was', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(nastyText, { maxLength: 3 }), name)), (texts) => {
        const visible = texts.filter(([lines]) => cleanLines(lines).length > 0)
        const file = vttHeader + texts.map(([lines, voice], i) => formatVttCue(cue(i + 1, ...lines), voice)).join('')
        const { errors, cues } = parseVtt(file)
        expect(errors).toEqual([])
        expect(cues.map(({ text }) => text)).toEqual(visible.map(([lines]) => cleanLines(lines).join('\n')))
        expect(cues.map(({ voice }) => voice?.trim() ?? '')).toEqual(
          visible.map(([, voice]) => sanitizeVttName(voice ?? '')),
        )
      }),
    )
  })

  it('comes back from the npm package subtitle', () => {
    const file = vttHeader + formatVttCue(cue(1, 'one', 'two'), 'Alice') + formatVttCue(cue(2, '3 < 4 & 5'), 'Bob')
    expect(parseSubtitles(file)).toEqual([
      { start: 2000, end: 3500, text: '<v Alice>one\ntwo</v>' },
      { start: 4000, end: 5500, text: '<v Bob>3 &lt; 4 &amp; 5</v>' },
    ])
  })

  it('comes back from FFmpeg with every cue and its plain text', () => {
    const texts = NASTY.map((text) => cleanLines(text.split('\n'))).filter((lines) => lines.length > 0)
    const cues = texts.map((lines, i) => cue(i + 1, ...lines))
    const read = throughFfmpeg('webvtt', vttHeader + cues.map((one) => formatVttCue(one, 'Alice')).join(''))
    expect(read.map(({ start, end }) => [start, end])).toEqual(cues.map(({ start, end }) => [start, end]))
    // FFmpeg writes SRT without escapes of its own: what looks like codes of that format is not compared.
    const plain = (lines: readonly string[]) => !/[<{\\]/.test(lines.join(''))
    expect(read.map(({ text }) => text).filter((_, i) => plain(texts[i] ?? []))).toEqual(
      texts.filter(plain).map((lines) => lines.join('\n')),
    )
  })

  it('is valid with nothing but the header', () => {
    expect(parseVtt(vttHeader)).toEqual({ errors: [], cues: [] })
  })
})
