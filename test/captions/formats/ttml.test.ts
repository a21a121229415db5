import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatTtmlCue, ttmlFooter, ttmlHeader } from '../../../src/captions/formats/ttml.ts'
import { cleanName, visibleLines } from '../../../src/captions/text.ts'
import { runs } from '../../helpers/runs.ts'
import { nastyText } from '../nasty-text.ts'

interface Content {
  kind: string
  text?: string
  contents?: Content[]
  styleAttrs?: Record<string, unknown>
}

interface Imsc {
  fromXML: (text: string, handler: Record<'info' | 'warn' | 'error' | 'fatal', (message: string) => void>) => object
}

interface Isd {
  generateISD: (document: object, seconds: number) => { contents: Content[] }
}

// The package has no types, and what draws needs a browser.
const load = createRequire(import.meta.url)
const { fromXML } = load('imsc/src/main/js/doc.js') as Imsc
const { generateISD } = load('imsc/src/main/js/isd.js') as Isd

/** What imscJS shows of a file at a time, and whatever it has to say of the file. */
function shownAt(body: string, ms: number): { text: string; troubles: string[]; colours: unknown[] } {
  const troubles: string[] = []
  const tell = (message: string) => void troubles.push(message)
  const document = fromXML(ttmlHeader + body + ttmlFooter, { info: tell, warn: tell, error: tell, fatal: tell })
  const colours: unknown[] = []
  const textOf = ({ kind, text = '', contents = [], styleAttrs = {} }: Content): string => {
    if (kind === 'br') return '\n'
    if (kind === 'span' && text !== '') colours.push(styleAttrs['http://www.w3.org/ns/ttml#styling color'])
    return text + contents.map(textOf).join('')
  }
  const text = generateISD(document, ms / 1000)
    .contents.map(textOf)
    .join('')
  return { text, troubles, colours }
}

const cue = (start: number, end: number, ...lines: string[]) => ({ start, end, lines })

describe('TTML', () => {
  it('is written as a paragraph', () => {
    const said = formatTtmlCue(cue(1000, 3_723_450, 'R&D <b>', '', 'there.'), {
      name: 'A & B',
      style: 'speaker2',
      label: 'Al: ',
    })
    expect(said).toBe(
      '<p begin="00:00:01.000" end="01:02:03.450" style="speaker2"><metadata><ttm:desc>A &amp; B</ttm:desc></metadata>' +
        '<span style="text">Al: R&amp;D &lt;b&gt;</span><br/><span style="text">there.</span></p>\n',
    )
    expect(formatTtmlCue(cue(0, 1, '', '\u0000'), { label: 'Al: ' })).toBe('')
  })

  it('says of what is written from right to left that it is', () => {
    const label = '\u2068Al:\u2069 '
    expect(formatTtmlCue(cue(0, 1000, 'שלום.', 'you'), { label })).toContain(
      'style="default" tts:direction="rtl"><span',
    )
    expect(formatTtmlCue(cue(0, 1000, 'Hello שלום.'), { label: 'שרה: ' })).not.toContain('direction')
    expect(shownAt(formatTtmlCue(cue(0, 1000, 'שלום.')), 500)).toMatchObject({ text: 'שלום.', troubles: [] })
  })

  it('has a colour for each speaker, also of two in a cue', () => {
    const pair = formatTtmlCue(cue(0, 1000, '-Hi.', '', '-You.'), { lineStyles: ['speaker1', 'speaker9', 'speaker2'] })
    const { text, troubles, colours } = shownAt(pair, 500)
    expect([text, troubles]).toEqual(['-Hi.\n-You.', []])
    expect(colours).toEqual([
      [0xff, 0xe1, 0x4d, 255],
      [0x5c, 0xe1, 0xff, 255],
    ])
  })

  it('shows cues at the same time above each other, and nothing between', () => {
    const body = formatTtmlCue(cue(0, 1000, 'one')) + formatTtmlCue(cue(500, 1500, 'two'))
    expect(shownAt(body, 700).text).toBe('onetwo')
    expect(shownAt(body, 1600).text).toBe('')
    expect(shownAt('', 0)).toEqual({ text: '', troubles: [], colours: [] })
  })

  it('shows any text at its time, as imscJS reads it', () => {
    const any = fc.array(fc.tuple(fc.array(nastyText, { maxLength: 3 }), nastyText), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(any, fc.nat(5), (all, at) => {
        const body = all
          .map(([lines, name], i) => formatTtmlCue(cue(i * 1000, i * 1000 + 900, ...lines), { name }))
          .join('')
        const { text, troubles } = shownAt(body, at * 1000 + 450)
        expect(troubles).toEqual([])
        // White space that is shown is that of XML only.
        expect(text).toBe(visibleLines(all[at]?.[0] ?? []).join('\n'))
        for (const [lines, name] of all) {
          const isNamed = visibleLines(lines).length > 0 && cleanName(name) !== ''
          expect(isNamed ? body : '<ttm:desc>').toContain('<ttm:desc>')
        }
      }),
      { numRuns: runs(300) },
    )
  })
})
