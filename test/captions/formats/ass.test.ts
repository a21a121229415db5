import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assHeaderOf, formatAssCue, sanitizeAssLine, sanitizeAssName } from '../../../src/captions/formats/ass.ts'
import { SPEAKER_COLOURS, SpeakerStyles } from '../../../src/captions/formats/speaker-styles.ts'
import { assTimestamp } from '../../../src/captions/formats/timestamps.ts'
import { cleanText } from '../../../src/captions/text.ts'
import { nastyText } from '../nasty-text.ts'

const word = (text: string, start: number) => ({ text, start, end: start + 100, final: true })
const cue = (start: number, end: number, ...lines: string[]) => ({ start, end, lines })

/** Has FFmpeg read ASS and write its bare text as SRT, and reads that: our text has no empty line and no arrow. */
function throughFfmpeg(events: string): { start: number; end: number; text: string }[] {
  const options = ['-v', 'error', '-f', 'ass', '-i', 'pipe:0', '-c:s', 'text', '-f', 'srt', 'pipe:1']
  const child = spawnSync('ffmpeg', options, { input: assHeaderOf() + events })
  if (child.status !== 0) throw new Error(`ffmpeg: ${String(child.stderr)}`)
  const blocks = child.stdout.toString().replaceAll('\r\n', '\n').split('\n\n').slice(0, -1)
  return blocks.map((block) => {
    const [, times = '', ...lines] = block.split('\n')
    const [start = 0, end = 0] = times.split(' --> ').map((time) => {
      const [hours = 0, minutes = 0, seconds = 0, ms = 0] = time.split(/[:,]/).map(Number)
      return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
    })
    return { start, end, text: lines.join('\n') }
  })
}

/** Hundredths of a second in which the event begins and ends. */
function timesOf(event: string): [number, number] {
  const [, start = '', end = ''] = event.split(',')
  const parse = (time: string) => {
    const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number)
    return Math.round(((hours * 60 + minutes) * 60 + seconds) * 100)
  }
  return [parse(start), parse(end)]
}

describe('assHeader', () => {
  it('declares the styles, each with as many fields as named', () => {
    const lines = assHeaderOf().split('\n')
    const fields = lines.find((line) => line.startsWith('Format: Name'))?.split(',').length
    const styles = lines.filter((line) => line.startsWith('Style: '))
    expect(styles).toHaveLength(11)
    for (const style of styles) expect(style.split(',')).toHaveLength(fields ?? 0)
    expect(styles[1]).toMatch(/^Style: Speaker1,Arial,60,&H004DE1FF,/)
  })

  it('has colours that can be read on black and told apart', () => {
    const channels = SPEAKER_COLOURS.map((colour) =>
      [0, 2, 4].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)),
    )
    const linear = (value: number) => (value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
    for (const [red = 0, green = 0, blue = 0] of channels) {
      const luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
      expect((luminance + 0.05) / 0.05).toBeGreaterThan(7)
    }
    for (const [i, one] of channels.entries()) {
      for (const other of channels.slice(i + 1)) {
        expect(Math.hypot(...one.map((value, at) => value - (other[at] ?? 0)))).toBeGreaterThan(45)
      }
    }
  })
})

describe('SpeakerStyles', () => {
  it('gives a style to each speaker and keeps it', () => {
    const styles = new SpeakerStyles()
    const names = Array.from({ length: 11 }, (_, i) => `Speaker ${i}`)
    const given = names.map((name) => styles.styleOf(name))
    expect(given).toEqual([...Array.from({ length: 10 }, (_, i) => `Speaker${i + 1}`), 'Speaker1'])
    expect(names.map((name) => styles.styleOf(name))).toEqual(given)
    expect(styles.styleOf(undefined)).toBe('Default')
  })
})

describe('formatAssCue', () => {
  it('writes one line', () => {
    const options = { name: 'Smith, Al', style: 'Speaker2', label: 'Al: ' }
    expect(formatAssCue(cue(1040, 3_723_450, 'Hello, you,', 'there.'), options)).toBe(
      'Dialogue: 0,0:00:01.04,1:02:03.45,Speaker2,Smith Al,0,0,0,,Al: Hello, you,\\Nthere.\n',
    )
    expect(formatAssCue(cue(0, 1000, 'Hi.'))).toBe('Dialogue: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,Hi.\n')
  })

  it('gives each line of a cue of two speakers its own style', () => {
    const event = formatAssCue(cue(0, 1000, '-Hi.', '', '-You.'), { lineStyles: ['Speaker1', 'Speaker9', 'Speaker2'] })
    expect(event).toContain(',Default,,0,0,0,,{\\rSpeaker1}-Hi.\\N{\\rSpeaker2}-You.\n')
    expect(throughFfmpeg(event)).toEqual([{ start: 0, end: 1000, text: '-Hi.\n-You.' }])
    const partly = formatAssCue(cue(0, 1000, 'a', 'b', 'c'), { style: 'Speaker3', lineStyles: [undefined, 'Speaker1'] })
    expect(partly).toContain(',Speaker3,,0,0,0,,a\\N{\\rSpeaker1}b\\N{\\rSpeaker3}c\n')
  })

  it('drops empty lines, and the whole cue where no text is left', () => {
    expect(formatAssCue(cue(0, 1000, '', 'a', '\u2028', 'b'))).toContain(',,a\\Nb\n')
    expect(formatAssCue(cue(0, 1000, '', '\u0000'), { label: 'Al: ' })).toBe('')
  })

  it('rounds outward, but never into the cue before', () => {
    expect(timesOf(formatAssCue(cue(1009, 2001, 'a')))).toEqual([100, 201])
    expect(timesOf(formatAssCue(cue(2001, 3000, 'b'), { previousEnd: 2001 }))).toEqual([201, 300])
    expect(timesOf(formatAssCue(cue(2009, 3000, 'b'), { previousEnd: 2000 }))).toEqual([200, 300])
    // Cues that overlap on purpose still do.
    expect(timesOf(formatAssCue(cue(1500, 3000, 'b'), { previousEnd: 2001 }))).toEqual([150, 300])
  })

  it('keeps any cues that follow each other apart, within 10 ms of their times', () => {
    const steps = fc.array(fc.record({ gap: fc.nat({ max: 60 }), length: fc.integer({ min: 1, max: 60 }) }))
    fc.assert(
      fc.property(steps, (cues) => {
        let clock = 0
        let written = 0
        for (const { gap, length } of cues) {
          const previousEnd = clock
          const start = clock + gap
          clock = start + length
          const [from, to] = timesOf(formatAssCue(cue(start, clock, 'a'), { previousEnd }))
          expect(from).toBeGreaterThanOrEqual(written)
          expect(Math.abs(from * 10 - start)).toBeLessThan(10)
          expect(Math.abs(to * 10 - clock)).toBeLessThan(10)
          expect(to - from).toBeGreaterThan(length >= 10 ? 0 : -1)
          written = to
        }
      }),
    )
  })

  it('is read by FFmpeg with the same times and text, for any text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(nastyText, { minLength: 1, maxLength: 3 }), { minLength: 20, maxLength: 40 }),
        (all) => {
          const cues = all.map((lines, i) => cue(i * 2000 + i * 7, i * 2000 + 1500 + i * 3, ...lines))
          const shown = cues.filter(({ lines }) => lines.some((line) => cleanText(line) !== ''))
          const read = throughFfmpeg(cues.map((one) => formatAssCue(one, { name: 'Al' })).join(''))
          expect(read.map(({ text }) => text)).toEqual(
            shown.map(({ lines }) =>
              lines
                .map(sanitizeAssLine)
                .filter((line) => line !== '')
                .join('\n'),
            ),
          )
          for (const [i, { start, end }] of read.entries()) {
            expect(Math.abs(start - (shown[i]?.start ?? 0))).toBeLessThan(10)
            expect(Math.abs(end - (shown[i]?.end ?? 0))).toBeLessThan(10)
          }
        },
      ),
      { numRuns: 15 },
    )
  })
})

describe('formatAssCue with highlightWords', () => {
  const words = [word('Good', 1040), word('day,', 1300), word('C:\\N', 1900)]
  const options = { highlightWords: true, label: 'Al: ' }

  it('says for how many hundredths of a second each word is the newest', () => {
    const timed = { ...cue(1000, 3000, 'Good day,', 'C:\\N'), words }
    expect(formatAssCue(timed, options)).toContain(',,{\\k4}Al: {\\k26}Good {\\k60}day,\\N{\\k110}C:\\ N\n')
    expect(formatAssCue(timed, { highlightWords: true })).toContain(',,{\\k4}{\\k26}Good ')
  })

  it('says nothing where it is not known, and for two speakers', () => {
    expect(formatAssCue(cue(1000, 3000, 'Good day'), options)).toContain(',,Al: Good day\n')
    const pair = { ...cue(1000, 3000, '-Good day,', '-C:\\N'), words }
    expect(formatAssCue(pair, { highlightWords: true, lineStyles: ['Speaker1', 'Speaker2'] })).not.toContain('\\k')
  })

  it('changes neither times nor text, as FFmpeg reads it, and adds up to the length of the cue', () => {
    const said = fc.array(nastyText, { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(said, { minLength: 20, maxLength: 30 }), (all) => {
        const cues = all.map((texts, i) => ({
          ...cue(i * 2000, i * 2000 + 1500, texts.join(' ')),
          words: texts.map((text, j) => word(text, i * 2000 + j * 100)),
        }))
        const timed = cues.map((one) => formatAssCue(one, { highlightWords: true }))
        const bare = (text: string) => text.replaceAll(/(?<=\\) (?=[Nnh])/g, '')
        expect(throughFfmpeg(timed.join('')).map(({ text }) => bare(text))).toEqual(
          throughFfmpeg(cues.map((one) => formatAssCue(one)).join('')).map(({ text }) => bare(text)),
        )
        for (const line of timed) {
          const parts = [...line.matchAll(/\{\\k(\d+)\}/g)].map(([, part]) => Number(part))
          const [from, to] = line === '' ? [0, 0] : timesOf(line)
          const total = parts.reduce((sum, part) => sum + part, 0)
          expect(parts.length === 0 ? to - from : total).toBe(to - from)
        }
      }),
      { numRuns: 4, endOnFailure: true },
    )
  })
})

describe('assHeaderOf', () => {
  /** Where pixels of a white picture are dark that shows a cue: the columns of each, from the left. */
  const darkPixels = (header: string, event: string): number[] => {
    const folder = mkdtempSync(path.join(tmpdir(), 'ass-'))
    try {
      writeFileSync(path.join(folder, 'a.ass'), header + event)
      const input = ['-v', 'error', '-f', 'lavfi', '-i', 'color=white:s=640x360:d=0.1', '-vf', 'ass=a.ass']
      const output = ['-frames:v', '1', '-pix_fmt', 'gray', '-f', 'rawvideo', 'pipe:1']
      const child = spawnSync('ffmpeg', [...input, ...output], { cwd: folder })
      if (child.status !== 0) throw new Error(String(child.stderr))
      return Array.from(child.stdout).flatMap((pixel, i) => (pixel < 40 ? [i % 640] : []))
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

  it('puts text on a box', () => {
    const event = formatAssCue(cue(0, 1000, 'Hello, you.'))
    const boxed = darkPixels(assHeaderOf({ box: true }), event).length
    expect(boxed).toBeGreaterThan(1.5 * darkPixels(assHeaderOf(), event).length)
  })

  it.each([false, true])('begins Hebrew at the right, and English at the left (word by word: %s)', (highlightWords) => {
    /** How far from the middle most of the text is, of which the end has little ink. */
    const lean = (begin: string) => {
      const words = [begin, begin, '......'].map((text, i) => word(text, 100 * i))
      const line = words.map(({ text }) => text).join(' ')
      const dark = darkPixels(
        assHeaderOf({ highlightWords }),
        formatAssCue({ ...cue(0, 1000, line), words }, { highlightWords }),
      )
      expect(dark.length).toBeGreaterThan(100)
      return dark.reduce((sum, x) => sum + x, 0) / dark.length - (Math.min(...dark) + Math.max(...dark)) / 2
    }
    expect(lean('שלום')).toBeGreaterThan(1)
    expect(lean('Hello')).toBeLessThan(-1)
  })

  it('greys words until they are said', () => {
    expect(assHeaderOf({ highlightWords: true })).toContain('Style: Speaker1,Arial,60,&H004DE1FF,&H00A0A0A0,')
  })
})

describe('sanitizeAssLine', () => {
  it('leaves what every reader shows as it is', () => {
    for (const text of ['3 < 4 & 5 > 4', 'R&D, <i>', '&amp;', 'C:\\Users', 'ends \\', 'x -> y']) {
      expect(sanitizeAssLine(text)).toBe(text)
    }
  })

  it('defuses codes', () => {
    expect(sanitizeAssLine('{\\an8}top')).toBe('(\\an8)top')
    expect(sanitizeAssLine('one\\Ntwo\\hthree --> four')).toBe('one\\ Ntwo\\ hthree -> four')
  })
})

describe('sanitizeAssName', () => {
  it('has no end of a field', () => {
    expect(sanitizeAssName(' Smith,\nAl {x}')).toBe('Smith Al x')
  })
})

describe('assTimestamp', () => {
  it('carries, and takes more digits for long streams', () => {
    expect(assTimestamp(5999)).toBe('0:00:59.99')
    expect(assTimestamp(360_000 * 30 + 6000 * 59 + 5999)).toBe('30:59:59.99')
  })
})
