import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatLrcCue, formatLrcEnd, formatSbvCue } from '../../../src/captions/formats/sbv-lrc.ts'
import { lrcTimestamp, sbvTimestamp } from '../../../src/captions/formats/timestamps.ts'
import { visibleLines } from '../../../src/captions/text.ts'
import { joinedTexts } from '../../../src/scripts.ts'
import { runs } from '../../helpers/runs.ts'
import { nastyText } from '../nasty-text.ts'
import { throughFfmpeg } from '../parsers.ts'

const anyCues = fc
  .array(fc.tuple(fc.nat(5000), fc.integer({ min: 1, max: 7000 }), fc.array(nastyText, { maxLength: 3 })), {
    minLength: 20,
    maxLength: 40,
  })
  .map((steps) => {
    let time = 0
    return steps.flatMap(([gap, duration, lines]) => {
      const start = time + gap
      time = start + duration
      return visibleLines(lines).length === 0 ? [] : [{ start, end: time, lines }]
    })
  })

describe('SBV', () => {
  it('is written as YouTube has it', () => {
    const cue = { start: 3_661_001, end: 3_662_500, lines: ['', 'Hi,', '0:00:01.000,0:00:02.000', '[br]x'] }
    expect(formatSbvCue(cue, 'Al: ')).toBe('1:01:01.001,1:01:02.500\nAl: Hi,\n0:00:01.000, 0:00:02.000\n [ br]x\n\n')
    expect(formatSbvCue({ start: 0, end: 1, lines: ['\u0000'] }, 'Al: ')).toBe('')
    expect(sbvTimestamp(100 * 3_600_000)).toBe('100:00:00.000')
  })

  it('gives back any text and times to a reader of blocks', () => {
    fc.assert(
      fc.property(anyCues, (cues) => {
        const blocks = cues
          .map((cue) => formatSbvCue(cue))
          .join('')
          .split('\n\n')
        expect(blocks.pop()).toBe('')
        const read = blocks.map((block) => {
          const [times, ...lines] = block.split('\n')
          const text = lines.map((line) => line.replace(/^ \[/, '[')).join('\n')
          return { times, text: text.replaceAll(', ', ',').replaceAll('[ ', '[') }
        })
        expect(read).toEqual(
          cues.map(({ start, end, lines }) => {
            const text = visibleLines(lines).join('\n').replaceAll(', ', ',').replaceAll('[ ', '[')
            return { times: `${sbvTimestamp(start)},${sbvTimestamp(end)}`, text }
          }),
        )
      }),
      { numRuns: runs(300) },
    )
  })
})

describe('LRC', () => {
  it('has a line for each cue, and one without text where nothing is shown', () => {
    const cue = { start: 61_009, lines: ['[01:02.00] a', 'b <00:01>'] }
    expect(formatLrcCue(cue, '', 60_001)).toBe('[01:00.01]\n[01:01.00] [ 01:02.00] a b < 00:01>\n')
    expect(formatLrcCue(cue, 'Al: ', 61_009)).toBe('[01:01.00]Al: [ 01:02.00] a b < 00:01>\n')
    expect(formatLrcCue({ start: 0, lines: [''] }, 'Al: ')).toBe('')
    expect(formatLrcCue({ start: 0, lines: ['今日は', 'いい天気'] })).toBe('[00:00.00]今日はいい天気\n')
    const words = ['Donaudampf-schifffahrt', 'ahoy'].map((text) => ({ text, start: 0, end: 1, final: true }))
    const cut = { start: 0, lines: ['Donaudampf-', 'schifffahrt ahoy'], words }
    expect(formatLrcCue(cut, 'Al: ')).toBe('[00:00.00]Al: Donaudampf-schifffahrt ahoy\n')
    const marks = ['Well', ',', 'yes', '!'].map((text) => ({ text, start: 0, end: 1, final: true }))
    expect(formatLrcCue({ start: 0, lines: ['Well,', 'yes!'], words: marks })).toBe('[00:00.00]Well, yes!\n')
    expect([formatLrcEnd(undefined), formatLrcEnd(1001)]).toEqual(['', '[00:01.01]\n'])
    expect(lrcTimestamp(100 * 360_000)).toBe('6000:00.00')
  })
})

const noFfmpeg = spawnSync('ffmpeg', ['-version']).status !== 0
if (noFfmpeg) console.warn('skipped: SBV and LRC as FFmpeg reads them, since no FFmpeg was found')

describe.skipIf(noFfmpeg)('FFmpeg', () => {
  // What it writes as SRT it leaves as it is; it takes an arrow apart, and markup for markup.
  const plain = (text: string) => text.replaceAll(/[^\p{L}\p{N}]+/gu, ' ').trim()
  const isPlain = ({ lines }: { lines: string[] }) =>
    !/[<{}\\[|]|-->/.test(lines.join(' ')) && plain(lines.join(' ')) !== ''

  it('reads lines of SBV that begin with a bracket', () => {
    const texts = [['Thank you.'], ['[laughter]'], ['So', '[door closes]'], ['[br]x', '[y]'], ['We begin.']]
    const cues = texts.map((lines, i) => ({ start: 2000 * i, end: 2000 * i + 1500, lines }))
    const read = throughFfmpeg('subviewer', cues.map((cue) => formatSbvCue(cue)).join(''))
    const said = ['Thank you', 'laughter', 'So door closes', 'br x y', 'We begin']
    expect(read.map(({ text }) => plain(text))).toEqual(said)
  })

  it.each([
    [
      'subviewer',
      (cues: { start: number; end: number; lines: string[] }[]) => cues.map((cue) => formatSbvCue(cue)).join(''),
    ],
    [
      'lrc',
      (cues: { start: number; end: number; lines: string[] }[]) =>
        cues.map((cue, i) => formatLrcCue(cue, '', cues[i - 1]?.end)).join('') + formatLrcEnd(cues.at(-1)?.end),
    ],
  ] as const)('reads %s as it was written', (format, write) => {
    fc.assert(
      fc.property(anyCues, (all) => {
        const cues = all.filter(isPlain)
        const read = throughFfmpeg(format, write(cues)).filter(({ text }) => plain(text) !== '')
        // Of lines that become one, some scripts put no space between.
        const joined = (lines: string[]) => (format === 'lrc' ? joinedTexts(lines) : lines.join(' '))
        expect(read.map(({ text }) => plain(text))).toEqual(cues.map(({ lines }) => plain(joined(visibleLines(lines)))))
        for (const [i, { start, end }] of read.entries()) {
          expect(Math.abs(start - (cues[i]?.start ?? 0))).toBeLessThan(10)
          expect(Math.abs(end - (cues[i]?.end ?? 0))).toBeLessThan(20)
        }
      }),
      { numRuns: 20, endOnFailure: true },
    )
  })
})
