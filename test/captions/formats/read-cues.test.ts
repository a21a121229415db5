import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { characterOf } from '../../../src/captions/formats/character-references.ts'
import { readCues } from '../../../src/captions/formats/read-cues.ts'
import { formatSrtCue, sanitizeSrtText } from '../../../src/captions/formats/srt.ts'
import { formatVttCue, sanitizeVttName, vttHeader } from '../../../src/captions/formats/vtt.ts'
import { cleanLine, visibleLines } from '../../../src/captions/text.ts'
import { runs } from '../../helpers/runs.ts'
import { nastyText } from '../nasty-text.ts'

/** Cues of a file of one cue after the other, a second each. */
const srt = (...texts: string[]) =>
  texts.map((text, i) => `${i + 1}\n00:00:0${i},000 --> 00:00:0${i},900\n${text}\n\n`).join('')
const vtt = (...texts: string[]) =>
  `WEBVTT\n\n${texts.map((text, i) => `00:0${i}.000 --> 00:0${i}.900\n${text}\n\n`).join('')}`

const shown = (file: string, prefixes?: boolean) =>
  readCues(file, prefixes)?.map(({ speaker, lineSpeakers, lines }) => [lineSpeakers ?? speaker, ...lines])

const steps = fc.array(fc.tuple(fc.nat(5000), fc.integer({ min: 1, max: 7000 }), fc.array(nastyText, { maxLength: 3 })))

/** Cues of any text, one after the other. */
const anyCues = steps.map((all) => {
  let time = 0
  return all.map(([gap, duration, lines], i) => {
    const start = time + gap
    time = start + duration
    return { index: i + 1, start, end: time, lines, words: [] }
  })
})

describe('readCues', () => {
  it('gives back any SubRip that was written', () => {
    fc.assert(
      fc.property(anyCues, (cues) => {
        const visible = cues.filter(({ lines }) => visibleLines(lines).length > 0)
        const read = readCues(cues.map((cue) => formatSrtCue(cue)).join(''), false)
        expect(read).toEqual(
          visible.map(({ start, end, lines }, i) => {
            const text = sanitizeSrtText(lines)
              .split('\n')
              .map((line) => cleanLine(line))
            return { index: i + 1, start, end, lines: text, words: [] }
          }),
        )
      }),
      { numRuns: runs(1000) },
    )
  })

  it('gives back any WebVTT that was written, with its voices', () => {
    const voiced = fc.tuple(anyCues, nastyText)
    fc.assert(
      fc.property(voiced, ([cues, voice]) => {
        const visible = cues.filter(({ lines }) => visibleLines(lines).length > 0)
        const read = readCues(vttHeader + cues.map((cue) => formatVttCue(cue, { voice })).join(''), false)
        const text = (lines: string[]) => visibleLines(lines).map((line) => cleanLine(line.replaceAll(/-{2,}>/g, '->')))
        expect(read?.map(({ start, end, lines }) => ({ start, end, lines }))).toEqual(
          visible.map(({ start, end, lines }) => ({ start, end, lines: text(lines) })),
        )
        const name = sanitizeVttName(voice)
        const isLabel = name === '' || /^(?:unknown|pending|speaker [a-z]{1,2})$/i.test(name) || name.length > 200
        const known = read?.map(({ speaker }) => speaker)
        expect(isLabel ? [] : known).toEqual(isLabel ? [] : visible.map(() => name))
      }),
      { numRuns: runs(1000) },
    )
  })

  it('reads what stands for a character in WebVTT', () => {
    const file = vtt(
      '<v Ren&eacute; &Eacute;mile>It&rsquo;s caf&eacute; &mdash; wait&hellip; &copy; &#8217;&#x2019; &frac12;&nbsp;&euro;',
      'R&D; &AMP; &amp;eacute; &Eacute;&eacute; &nobody; &#0; Q&A;',
    )
    expect(shown(file)?.map((cue) => cue.slice(1))).toEqual([
      ['It’s café — wait… © ’’ ½\u00A0€'],
      ['R&D; & &eacute; Éé &nobody; &#0; Q&A;'],
    ])
    expect(shown(file)?.[0]?.[0]).toBe('René Émile')
  })

  it('knows the names of characters that HTML knows', () => {
    // What HTML 4 calls them, and where: the first, the last, and those beside gaps.
    const known = {
      nbsp: 0xa0,
      shy: 0xad,
      iquest: 0xbf,
      Agrave: 0xc0,
      times: 0xd7,
      szlig: 0xdf,
      agrave: 0xe0,
      yuml: 0xff,
    }
    const others = { OElig: 0x152, Yuml: 0x178, ensp: 0x2002, thinsp: 0x2009, zwj: 0x200d, Dagger: 0x2021, ge: 0x2265 }
    for (const [name, code] of Object.entries({ ...known, ...others })) {
      expect([name, characterOf(name)?.codePointAt(0)]).toEqual([name, code])
    }
  })

  it('knows speakers by voices, each on lines of their own where there are several', () => {
    const file = vtt(
      '<v Speaker A>Hi, <b>you</b> &amp; R&D;</v>',
      '<v.loud Bob>-One.</v>\n<v Speaker A>-Two.</v>',
      '<v Bob>Yes? <v Al>No!',
      'Anna: a text.',
      '<v Bob>Bob: so</v>',
      '<v Dr. Böse, MD>DR. BÖSE, MD: well</v>',
      'Unknown: who is it?',
    )
    expect(shown(file)).toEqual([
      ['A', 'Hi, you & R&D;'],
      [['Bob', 'A'], '-One.', '-Two.'],
      [['Bob', 'Al'], '-Yes?', '-No!'],
      [undefined, 'Anna: a text.'],
      ['Bob', 'so'],
      ['Dr. Böse, MD', 'well'],
      [undefined, 'Unknown: who is it?'],
    ])
  })

  it('knows speakers by names before the texts, which hold until there is another', () => {
    const file = srt(
      'Speaker A: Good\nmorning.',
      'So: it goes on at 10:30.',
      '-Yes.\n-No.',
      'nobody knows',
      '[SPEAKER_01]: Hm.',
      'DR. VAN DEN BERG:\nWell.',
      '-Alice: Hi.\n-Bob: Yo.',
    )
    expect(shown(file)).toEqual([
      ['A', 'Good', 'morning.'],
      ['So', 'it goes on at 10:30.'],
      [undefined, '-Yes.', '-No.'],
      [undefined, 'nobody knows'],
      ['SPEAKER_01', 'Hm.'],
      ['DR. VAN DEN BERG', 'Well.'],
      [['Alice', 'Bob'], '-Hi.', '-Yo.'],
    ])
    expect(shown(file, false)?.[0]).toEqual([undefined, 'Speaker A: Good', 'morning.'])
  })

  it.each([
    'It was 10:30: late.',
    'He said: go.',
    'Note: no.',
    'Step 3: open it.',
    'Chapter 2 (part 1): the fall.',
    'Note (in short): no.',
    'Bob & : what?',
    'http://a.b',
    'And then I said to him: go.',
  ])('takes nothing in %s for a name', (text) => {
    expect(shown(srt(text, text))).toEqual([
      [undefined, text],
      [undefined, text],
    ])
  })

  it.each(['Bob (the host)', 'Bob [host]', 'Bob & Co', 'MAN #1', 'Agent/B', 'Bob/2', 'speaker_1', 'R2-D2', 'محمد'])(
    'knows %s for a name',
    (name) => {
      const known = ['Alice', name, 'Alice', name]
      expect(shown(srt(...known.map((one) => `${one}: Hello.`)))).toEqual(known.map((one) => [one, 'Hello.']))
    },
  )

  it.each(['\u200F\u2068Bob:\u2069', '\u2068Bob:\u2069', 'Bob:'])('knows the label %s before Hebrew', (label) => {
    expect(shown(srt(`${label} שלום`, `${label} כן`))).toEqual([
      ['Bob', 'שלום'],
      ['Bob', 'כן'],
    ])
  })

  it.each(['bob', '4th man', 'María José García López Ruiz'])('holds no name where %s may be another', (name) => {
    expect(shown(srt('Alice: Hi.', `${name}: Hello.`, 'there', 'Alice: Yes.', 'I told him: go.'))).toEqual([
      ['Alice', 'Hi.'],
      [undefined, `${name}: Hello.`],
      [undefined, 'there'],
      ['Alice', 'Yes.'],
      ['Alice', 'I told him: go.'],
    ])
  })

  it('lets a name hold for ten seconds, and takes a single colon in the middle of a file for none', () => {
    const late = '9\n00:01:00,000 --> 00:01:01,000\nlater\n'
    expect(shown(srt('Ann: Hi.', 'and', 'on') + late)).toEqual([
      ['Ann', 'Hi.'],
      ['Ann', 'and'],
      ['Ann', 'on'],
      [undefined, 'later'],
    ])
    expect(shown(srt('Hi.', 'Remarkable: a colon.'))).toEqual([
      [undefined, 'Hi.'],
      [undefined, 'Remarkable: a colon.'],
    ])
  })

  it('reads what other programs write', () => {
    const odd =
      '\r\n00:00:05.5 --> 0:00:06,000  X1:1\r\n{\\an8}<font color="red">two\r\n\r\nafter an empty line</font>\r\n' +
      '1\r\n00:00:01,000 --> 00:00:01,000\r\n42\r\n\r\n'
    expect(readCues(odd)).toEqual([
      { index: 1, start: 1000, end: 1001, lines: ['42'], words: [] },
      { index: 2, start: 5500, end: 6000, lines: ['two', 'after an empty line'], words: [] },
    ])
    const rich =
      'WEBVTT - a title\n\nNOTE\nnot shown\n\nSTYLE\n::cue { color: red }\n\nid\n01:00.000 --> 01:02.000 line:-4\n' +
      '<c.red>a</c> <00:01:01.000>b&nbsp;&#100;\n\nNOTE neither\n'
    expect(readCues(rich)).toEqual([
      { index: 1, start: 60_000, end: 62_000, lane: 1, lines: ['a b\u00A0d'], words: [] },
    ])
    expect(readCues('no captions at all')).toBeUndefined()
  })

  it.each([
    ['00:00:01, 500 --> 00: 00: 02, 500', 1500, 2500],
    ['-00:00:01,000 --> 00:00:02,000', 0, 2000],
    ['-00:00:03,000 --> -00:00:02,000', 0, 1],
    ['00:00:01.123456 --> 00:00:02.123456', 1123, 2123],
    ['00:00:01,000 --> 00:00:02,000 X1:1\u2028', 1000, 2000],
  ])('reads the times %s, as others do, and loses no cue', (times, start, end) => {
    const file = `1\n${times}\nHi\n\n2\n00:00:09,000 --> 00:00:10,000\nYo\n`
    for (const text of [file, `WEBVTT\n\n${file}`]) {
      const cues = readCues(text)?.map((cue) => [cue.start, cue.end, ...cue.lines])
      expect(cues).toEqual([
        [start, end, 'Hi'],
        [9000, 10_000, 'Yo'],
      ])
    }
  })

  it('takes a line end that was made one of Windows twice for one', () => {
    const twice = (file: string) => file.replaceAll('\n', '\r\r\n')
    expect(shown(twice(srt('Hi\nyou', 'Yo')))).toEqual(shown(srt('Hi\nyou', 'Yo')))
    expect(shown(twice(vtt('Hi\nyou', 'Yo')))).toEqual(shown(vtt('Hi\nyou', 'Yo')))
    expect(shown(srt('Hi', 'Yo').replaceAll('\n', '\r'))).toEqual(shown(srt('Hi', 'Yo')))
  })

  it('finds nothing in files of nothing', () => {
    expect([readCues(''), readCues('WEBVTT')]).toEqual([[], []])
  })
})
