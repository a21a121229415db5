import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  assSink,
  csvSink,
  ctmSink,
  lrcSink,
  rttmSink,
  sbvSink,
  srtSink,
  stmSink,
  textSink,
  ttmlSink,
  vttSink,
  whisperJsonSink,
} from '../../src/sinks/caption-sinks.ts'
import type { SinkTarget } from '../../src/sinks/destination.ts'
import { sinkOf } from '../../src/sinks/formats.ts'
import { layout } from '../../src/transforms/layout.ts'
import type { Word } from '../../src/model.ts'
import { ttmlFooter, ttmlHeader } from '../../src/captions/formats/ttml.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { nastyText, openMarks } from '../captions/nasty-text.ts'
import { parseSubtitles, parseVtt } from '../captions/parsers.ts'
import { temporaryDirectories, TextCollector, untilFileHolds } from './temporary.ts'
import { runs } from '../helpers/runs.ts'

const directory = temporaryDirectories()

const turns = [
  makeTurn(0, 'A:One. A:Two.', { start: 0 }),
  makeTurn(1, 'B:Three.', { start: 2000 }),
  makeTurn(2, 'B:Four.', { start: 6000 }),
]

const sinks: [string, (target: SinkTarget) => Writable, string, string][] = [
  [
    'rttmSink',
    (target) => rttmSink(target, { file: 'talk' }),
    'SPEAKER talk 1 0.000 0.450 <NA> <NA> Speaker_A <NA> <NA>\nSPEAKER talk 1 2.000 0.200 <NA> <NA> Speaker_B <NA> <NA>\n' +
      'SPEAKER talk 1 6.000 0.200 <NA> <NA> Speaker_B <NA> <NA>\n',
    'SPEAKER talk 1 2.000 0.200 <NA> <NA> Speaker_C <NA> <NA>\n',
  ],
  [
    'ctmSink',
    (target) => ctmSink(target),
    'audio 1 0.000 0.200 One. 1.000\naudio 1 0.250 0.200 Two. 1.000\naudio 1 2.000 0.200 Three. 1.000\n' +
      'audio 1 6.000 0.200 Four. 1.000\n',
    'audio 1 2.000 0.200 Three! 1.000\n',
  ],
  [
    'stmSink',
    (target) => stmSink(target, { speakers: { A: 'Ann Lee' } }),
    'audio 1 Ann_Lee 0.000 0.450 One. Two.\naudio 1 Speaker_B 2.000 2.200 Three.\naudio 1 Speaker_B 6.000 6.200 Four.\n',
    'audio 1 Speaker_C 2.000 2.200 Three!\n',
  ],
  [
    'textSink',
    (target) => textSink(target),
    '[00:00:00] Speaker A: One. Two.\n\n[00:00:02] Speaker B: Three.\n\n[00:00:06] Speaker B: Four.\n',
    '[00:00:02] Speaker C: Three!\n',
  ],
  [
    'csvSink',
    (target) => csvSink(target, { speakers: { B: 'Bob' } }),
    '\uFEFFstart_ms,end_ms,speaker,text\r\n0,450,"Speaker A","One. Two."\r\n2000,2200,Bob,Three.\r\n6000,6200,Bob,Four.\r\n',
    '2000,2200,"Speaker C",Three!\r\n',
  ],
  [
    'ttmlSink',
    (target) => ttmlSink(target, { speakers: { B: 'Bob' } }),
    ttmlHeader +
      [
        ['00:00:00.000', '00:00:00.950', 'speaker1', 'Speaker A', 'One. Two.'],
        ['00:00:02.000', '00:00:02.833', 'speaker2', 'Bob', 'Three.'],
        ['00:00:06.000', '00:00:06.833', 'speaker2', 'Bob', 'Four.'],
      ]
        .map(
          ([begin, end, style, name, text]) =>
            `<p begin="${begin}" end="${end}" style="${style}"><metadata><ttm:desc>${name}</ttm:desc></metadata>` +
            `<span style="text">${text}</span></p>\n`,
        )
        .join('') +
      ttmlFooter,
    'style="speaker3"><metadata><ttm:desc>Speaker C</ttm:desc></metadata><span style="text">Three!</span></p>\n',
  ],
  [
    'sbvSink',
    (target) => sbvSink(target),
    '0:00:00.000,0:00:00.950\nSpeaker A: One. Two.\n\n0:00:02.000,0:00:02.833\nSpeaker B: Three.\n\n' +
      '0:00:06.000,0:00:06.833\nFour.\n\n',
    '0:00:02.000,0:00:02.833\nSpeaker C: Three!\n\n',
  ],
  [
    'lrcSink',
    (target) => lrcSink(target, { names: false }),
    '[00:00.00]One. Two.\n[00:00.95]\n[00:02.00]Three.\n[00:02.84]\n[00:06.00]Four.\n[00:06.84]\n',
    '[00:00.95]\n[00:02.00]Three!\n[00:02.84]\n',
  ],
  [
    'assSink',
    (target) => assSink(target, { speakers: { B: 'Bob' } }),
    'Dialogue: 0,0:00:00.00,0:00:00.95,Speaker1,Speaker A,0,0,0,,One. Two.\n' +
      'Dialogue: 0,0:00:02.00,0:00:02.84,Speaker2,Bob,0,0,0,,Three.\n' +
      'Dialogue: 0,0:00:06.00,0:00:06.84,Speaker2,Bob,0,0,0,,Four.\n',
    'Dialogue: 0,0:00:02.00,0:00:02.84,Speaker3,Speaker C,0,0,0,,Three!\n',
  ],
]

describe.each(sinks)('%s', (_name, sink, whole, revised) => {
  it('writes turns, also as cues', async () => {
    const file = path.join(directory(), 'out')
    await pipeline(Readable.from(turns), sink(file))
    expect(readFileSync(file, 'utf8').endsWith(whole)).toBe(true)
    const out = new TextCollector()
    await pipeline(Readable.from(turns), layout(), sink(out))
    for (const word of ['One.', 'Two.', 'Three.', 'Four.']) {
      expect(out.text.includes(word)).toBe(whole.includes(word))
    }
  })

  it('replaces a turn that comes again in a file, and counts it elsewhere', async () => {
    const again = [...turns, makeTurn(1, 'C:Three!', { start: 2000, revision: 1 })]
    const file = path.join(directory(), 'out')
    await pipeline(Readable.from(again), sink(file))
    const text = readFileSync(file, 'utf8')
    expect(text).toContain(revised)
    expect(text).not.toContain('Three.')
    expect(text.split('\n')).toHaveLength(text.includes('[Script Info]') ? 27 : whole.split('\n').length)
    const warnings: unknown[] = []
    const stream = sink(new TextCollector())
    stream.on('warning', (warning) => warnings.push(warning))
    await pipeline(Readable.from(again), stream)
    expect(warnings).toMatchObject([{ code: 'REVISION_NOT_APPLIED', count: 1 }])
  })

  it('writes the last turn within a second, though nothing follows', async () => {
    const file = path.join(directory(), 'out')
    const stream = sink(file)
    for (const turn of turns) stream.write(turn)
    const last = whole.includes('Four.') ? 'Four.' : '6.000 0.200'
    await untilFileHolds(file, last)
    stream.end()
    await finished(stream)
    expect(readFileSync(file, 'utf8').split(last)).toHaveLength(2)
  })

  it('checks its options', () => {
    expect(() => sink(7 as never)).toThrow('target, when given')
  })
})

describe('whisperJsonSink', () => {
  const parse = (text: string) =>
    JSON.parse(text) as { segments: Record<string, unknown>[]; text: string; language: unknown }
  const again = [...turns, makeTurn(1, 'C:Three!', { start: 2000, revision: 1, language: 'de' })]

  it('writes what programs of Whisper read, as it was last revised', async () => {
    const file = path.join(directory(), 'out.json')
    await pipeline(Readable.from(again), whisperJsonSink(file, { speakers: { B: 'Bob' } }))
    const { segments, text, language } = parse(readFileSync(file, 'utf8'))
    expect([text, language]).toEqual([' One. Two. Three! Four.', 'de'])
    expect(segments.map(({ id, speaker, text: said }) => [id, speaker, said])).toEqual([
      [0, 'Speaker A', ' One. Two.'],
      [1, 'Speaker C', ' Three!'],
      [2, 'Bob', ' Four.'],
    ])
    expect(segments[0]).toMatchObject({ start: 0, end: 0.45 })
    expect(segments[0]?.['words']).toEqual([
      { word: ' One.', start: 0, end: 0.2, probability: 1 },
      { word: ' Two.', start: 0.25, end: 0.45, probability: 1 },
    ])
  })

  it('writes JSON also of nothing, and of what was heard before a failure', async () => {
    const empty = new TextCollector()
    await pipeline(Readable.from([]), whisperJsonSink(empty))
    expect(parse(empty.text)).toEqual({ segments: [], text: '', language: null })
    const file = path.join(directory(), 'out.json')
    const sink = whisperJsonSink(file)
    sink.write(turns[0])
    await untilFileHolds(file, 'One.')
    sink.destroy(new Error('on purpose'))
    await finished(sink).catch(() => {})
    await untilFileHolds(file, 'language')
    expect(parse(readFileSync(file, 'utf8')).text).toBe(' One. Two.')
  })

  it('counts what it could not revise on a stream', async () => {
    const warnings: unknown[] = []
    const stream = whisperJsonSink(new TextCollector())
    stream.on('warning', (warning) => warnings.push(warning))
    await pipeline(Readable.from([...turns, makeTurn(2, 'C:Five!', { start: 6000, revision: 1 })]), stream)
    expect(warnings).toMatchObject([{ code: 'REVISION_NOT_APPLIED', count: 1 }])
  })
})

describe('a cue of two speakers', () => {
  const cue = { index: 1, start: 0, end: 2000, lines: ['-Yes?', '- No, no!'], lineSpeakers: ['Ann', 'Bob'] }
  const written = async (words: Word[], sink: (out: Writable) => Writable): Promise<string> => {
    const out = new TextCollector()
    await pipeline(Readable.from([{ ...cue, words }]), sink(out))
    return out.text
  }

  it('is one row, line or segment for each', async () => {
    expect(await written([], (out) => csvSink(out))).toContain('\r\n0,2000,Ann,Yes?\r\n0,2000,Bob,"No, no!"\r\n')
    expect(await written([], (out) => textSink(out))).toBe('[00:00:00] Ann: Yes?\n\n[00:00:00] Bob: No, no!\n')
    const rttm = await written([], (out) => rttmSink(out))
    expect(rttm.split('\n').map((line) => line.split(' ')[7])).toEqual(['Ann', 'Bob', undefined])
  })

  it('has the words of each with their times, where these are known', async () => {
    const words = [
      { text: 'Yes?', start: 100, end: 300, speaker: 'Ann', final: true },
      { text: 'No,', start: 600, end: 800, speaker: 'Bob', final: true },
      { text: 'no!', start: 900, end: 1100, speaker: 'Bob', final: true },
    ]
    expect(await written(words, (out) => csvSink(out))).toContain('\r\n100,300,Ann,Yes?\r\n600,1100,Bob,"No, no!"\r\n')
    const json = JSON.parse(await written(words, (out) => whisperJsonSink(out))) as { segments: { words: object[] }[] }
    expect(json.segments.map((segment) => segment.words.length)).toEqual([1, 2])
  })
})

it('no format lets the direction of writing turn beyond a line, or by a name', async () => {
  const makers: ((target: SinkTarget) => Writable)[] = [
    ...sinks.map(([, sink]) => sink),
    (target) => srtSink(target, { layout: { dashes: true }, speakers: { A: '\u202EAnn\u200F' } }),
    (target) => vttSink(target, { speakers: { A: '\u202EAnn\u200F' } }),
    (target) => vttSink(target, { layout: { labels: 'name' } }),
    (target) => assSink(target, { layout: { labels: 'name' }, speakers: { A: '\u2067Ann' } }),
    (target) => textSink(target, { speakers: { A: '\u2067Ann' } }),
    (target) => csvSink(target, { speakers: { A: '\u2067Ann' } }),
    (target) => whisperJsonSink(target, { speakers: { A: '\u2067Ann' } }),
  ]
  const turn = fc.record({ text: fc.array(nastyText, { minLength: 1, maxLength: 3 }), speaker: nastyText })
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 3 }), fc.boolean(), async (list, isWhole) => {
      const hostile = list.map(({ text, speaker }, order) => {
        const words = text.map((said, i) => {
          const start = order * 5000 + i * 300
          return { text: said, start, end: start + 200, confidence: 1, speaker, final: true }
        })
        const transcript = text.join(' ')
        return makeTurn(order, '', {
          words: isWhole ? [] : words,
          transcript,
          speaker: order % 2 === 0 ? 'A' : speaker,
        })
      })
      for (const make of makers) {
        const out = new TextCollector()
        await pipeline(Readable.from(hostile), make(out))
        for (const line of out.text.split(/\n|\\N/)) expect(openMarks(line)).toEqual([])
        expect(out.text).not.toContain('Ann\u200F')
      }
    }),
    { numRuns: runs(100) },
  )
})

it('highlights words and colours speakers where it is wanted', async () => {
  const written = async (make: (target: SinkTarget) => Writable) => {
    const out = new TextCollector()
    await pipeline(Readable.from(turns), make(out))
    return out.text
  }
  const vtt = await written((target) => vttSink(target, { highlightWords: true, colours: true }))
  expect(vtt).toContain('<v.speaker1 Speaker A>One. <00:00:00.250>Two.</v>')
  expect(vtt).toContain('::cue(.speaker2) { color: #5CE1FF }\n')
  expect(parseVtt(vtt)).toMatchObject({ errors: [], cues: [{ text: 'One. Two.', voice: 'Speaker A' }, {}, {}] })
  const nameless = await written((target) => vttSink(target, { colours: true, names: false }))
  expect(nameless).toContain('<c.speaker2>Four.</c>')
  const ass = await written((target) => assSink(target, { highlightWords: true, box: true }))
  expect(ass).toContain(',,{\\k25}One. {\\k70}Two.\n')
  const dashed = await written((target) =>
    vttSink(target, { colours: true, layout: { dashes: true, overlap: 'clip' } }),
  )
  expect(parseVtt(dashed).errors).toEqual([])
  expect(() => vttSink('x', { colours: 1 as never })).toThrow('colours, when given, must be true or false; got 1')
  expect(() => assSink('x', { box: 'no' as never })).toThrow("box, when given, must be true or false; got 'no'")
  expect(() => srtSink('x', { box: true } as object)).toThrow('srtSink() has no option box')
})

it('the new sinks refuse options they do not have', () => {
  expect(() => rttmSink('x', { mergeBelow: -1 })).toThrow('mergeBelow, when given, must be an integer from 0')
  expect(() => ctmSink('x', { file: 'a b' })).toThrow('file, when given, must be')
  expect(() => stmSink('x', { wrong: 1 } as object)).toThrow('stmSink() has no option wrong')
  expect(() => textSink('x', { timestamps: 1 as never })).toThrow(
    'timestamps, when given, must be true or false; got 1',
  )
  expect(() => csvSink('x', { speakers: [] as never })).toThrow('speakers, when given, must be an object')
  expect(() => whisperJsonSink('x', { names: false } as object)).toThrow('whisperJsonSink() has no option names')
  expect(() => assSink('x', { layout: 'tv' as never })).toThrow("layout.preset, when given, must be 'netflix', 'bbc'")
})

it('shows what is said on two channels at once as each format allows', async () => {
  const on = (channel: string, order: number, text: string, start: number) =>
    makeTurn(order, text, { channel, speaker: undefined as never, start })
  const call = [on('Agent', 0, 'Good morning, how can I help you?', 0), on('Customer', 1, 'Hello?', 500)]
  const written = async (make: (target: SinkTarget) => Writable) => {
    const out = new TextCollector()
    await pipeline(Readable.from(call), make(out))
    return out.text
  }
  const vtt = await written((target) => vttSink(target))
  expect(parseVtt(vtt).errors).toEqual([])
  expect(parseVtt(vtt).cues.map(({ start, voice }) => [start, voice])).toEqual([
    [0, 'Agent'],
    [500, 'Customer'],
  ])
  expect(vtt).toContain('00:00:00.500 --> 00:00:01.333 line:-4\n<v Customer>Hello?</v>')
  const srt = parseSubtitles(await written((target) => srtSink(target)))
  expect(srt.map(({ text }) => text)).toEqual(['Agent: Good morning, how can I help you?', 'Customer: Hello?'])
  expect(srt[1]?.start).toBeGreaterThanOrEqual(srt[0]?.end ?? Infinity)
  const dashed = await written((target) => srtSink(target, { layout: { dashes: true }, names: false }))
  expect(parseSubtitles(dashed).map(({ text }) => text)).toEqual(['-Good morning, how can I help you?\n-Hello?'])
  const rttm = await written((target) => rttmSink(target))
  expect(rttm).toContain('SPEAKER audio Customer 0.500 0.200 <NA> <NA> Customer <NA> <NA>\n')
})

it.each([
  ['Cafe\u0301', 'Caf\u00E9'],
  ['a\u200Fb', 'ab'],
  ['a\uFEFF \u0007talk', 'a_talk'],
  ['one;;;two', 'one;two'],
  ['\u2067\u200E', 'audio'],
  ['', 'audio'],
])('formats for scoring call a recording %j %j', async (recording, name) => {
  for (const format of ['rttm', 'ctm', 'stm'] as const) {
    const collector = new TextCollector()
    await pipeline(Readable.from(turns), sinkOf(format, collector, { recording }))
    const lines = collector.text.trimEnd().split('\n')
    for (const line of lines) expect(line.split(' ')[format === 'rttm' ? 1 : 0]).toBe(name)
  }
})
