import { Readable } from 'node:stream'
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { csvHeader, formatCsvSegment, takeTexts, WhisperJson } from '../../../src/captions/formats/tables.ts'
import { cleanLine } from '../../../src/captions/text.ts'
import { areGlued } from '../../../src/scripts.ts'
import { displayName } from '../../../src/captions/speakers.ts'
import { runs } from '../../helpers/runs.ts'
import { nastySegments, spoken } from '../segments.ts'

/** A reader of RFC 4180. */
function readCsv(text: string): string[][] {
  return text
    .split('\r\n')
    .slice(0, -1)
    .map((line) =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))(?=,|$)/g)].map(
        ([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain,
      ),
    )
}

const write = (segments: Parameters<typeof formatCsvSegment>[0][]) =>
  csvHeader + segments.map((segment) => formatCsvSegment(segment)).join('')

describe('CSV', () => {
  it('has a row for each segment', () => {
    const text = write([
      spoken('A', 0, 1500, { text: 'He said "no", and left.' }),
      spoken(undefined, 2000, 2100, { text: '=1+1' }),
      spoken(undefined, 3000, 3100, { text: '\u0000' }),
      spoken('B', 4000, 4100, { channel: 'the customer' }),
    ])
    expect(text).toBe(
      '\uFEFFstart_ms,end_ms,speaker,text\r\n0,1500,"Speaker A","He said ""no"", and left."\r\n2000,2100,," =1+1"\r\n' +
        '4000,4100,"Speaker B",Yes.\r\n',
    )
  })

  it('gives back any text', () => {
    fc.assert(
      fc.property(nastySegments, (segments) => {
        const said = segments.map(({ text }) => cleanLine(text)).filter((text) => text !== '')
        const [header, ...rows] = readCsv(write(segments).slice(1))
        expect(header).toEqual(['start_ms', 'end_ms', 'speaker', 'text'])
        expect(rows.map(([, , , text = '']) => text.replace(/^ (?=[=+@-])/, ''))).toEqual(said)
        for (const row of rows) {
          expect(row).toHaveLength(4)
          for (const one of row) expect(one).not.toMatch(/^[=+@-]/)
        }
      }),
      { numRuns: runs(500) },
    )
  })

  const noPython = spawnSync('python3', ['-c', 'import csv']).status !== 0
  it.skipIf(noPython)('is read by the csv module of Python', () => {
    const script =
      'import csv, io, json, sys\n' +
      'text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", newline="")\n' +
      'print(json.dumps(list(csv.reader(text, strict=True))))'
    fc.assert(
      fc.property(fc.array(nastySegments, { minLength: 10, maxLength: 20 }), (many) => {
        const text = write(many.flat())
        const child = spawnSync('python3', ['-c', script], { input: text, maxBuffer: 2 ** 26 })
        expect(String(child.stderr)).toBe('')
        expect(JSON.parse(String(child.stdout))).toEqual(readCsv(text.slice(1)))
      }),
      { numRuns: 5, endOnFailure: true },
    )
  })
})

describe('WhisperJson', () => {
  it('gives back any words, and goes on from a state', () => {
    fc.assert(
      fc.property(nastySegments, fc.nat(12), (segments, at) => {
        const texts = { list: [], length: 0 }
        let json = new WhisperJson({}, texts)
        let text = WhisperJson.header
        for (const [i, segment] of segments.entries()) {
          if (i === at) json = new WhisperJson({}, texts, structuredClone(json.state))
          text += json.add(segment)
        }
        const read = JSON.parse(text + json.ending()) as {
          segments: { id: number; text: string; speaker?: string; words: { word: string; probability?: number }[] }[]
          text: string
        }
        const visible = segments.filter((segment) => cleanLine(segment.text) !== '')
        const spaced = (texts: readonly string[], last = '.') =>
          texts.map((one, i) => (areGlued(texts[i - 1] ?? last, one) ? one : ` ${one}`))
        const lines = visible.map((segment) => cleanLine(segment.text))
        const said = spaced(lines)
        expect(read.segments.map((segment) => segment.text)).toEqual(said)
        expect(read.text).toBe(said.join(''))
        expect(read.segments.map(({ id }) => id)).toEqual(said.map((_, i) => i))
        expect(read.segments.map(({ words }) => words.map(({ word }) => word))).toEqual(
          visible.map(({ words }, i) =>
            spaced(words.map(({ text: word }) => cleanLine(word)).filter(Boolean), lines[i - 1]),
          ),
        )
        for (const [i, { speaker }] of read.segments.entries()) {
          const { speaker: label, channel } = visible[i]!
          const isNobody = label === undefined || /^\s*(?:unknown|pending|)\s*$/i.test(label)
          expect(speaker).toBe(displayName(isNobody ? channel : label.trim()))
        }
      }),
      { numRuns: runs(500) },
    )
  })

  it('puts no space between words where their script puts none', () => {
    const json = new WhisperJson()
    const words = ['今日', 'は', '3', '月', 'です。'].map((text) => ({ text, start: 0, end: 100, final: true }))
    const text = [spoken('A', 0, 1, { text: '今日は3月です。', words }), spoken('B', 2, 3, { text: 'はい。' })]
    const read = JSON.parse(WhisperJson.header + text.map((segment) => json.add(segment)).join('') + json.ending()) as {
      text: string
      segments: { text: string; words: { word: string }[] }[]
    }
    expect(read.text).toBe(' 今日は3月です。はい。')
    expect(read.segments.map((one) => one.text).join('')).toBe(read.text)
    expect(read.segments[0]?.words.map(({ word }) => word)).toEqual([' 今日', 'は', '3', '月', 'です。'])
  })

  it('takes its texts from the lines of a file that is gone on with, and refuses what is no segment', async () => {
    const first = new WhisperJson()
    const written = WhisperJson.header + ['one', 'two'].map((text) => first.add(spoken('A', 0, 1, { text }))).join('')
    const texts = { list: [], length: 0 }
    await takeTexts(texts, Readable.from(written.split('\n')))
    const rest = new WhisperJson({}, texts, first.state)
    const whole = written + rest.add(spoken('A', 0, 1, { text: 'three' })) + rest.ending()
    expect((JSON.parse(whole) as { text: string }).text).toBe(' one two three')
    const changed = takeTexts({ list: [], length: 0 }, Readable.from(['{"id":0,"tex']))
    await expect(changed).rejects.toMatchObject({ code: 'FILE_CHANGED' })
  })

  it('leaves the whole text out where it would take too much memory', () => {
    const texts = { list: [], length: 0 }
    const json = new WhisperJson({}, texts)
    const long = spoken('A', 0, 1, { text: 'x'.repeat(6_000_000) })
    let text = WhisperJson.header
    for (let i = 0; i < 3; i++) text += json.add(long)
    const read = JSON.parse(text + json.ending()) as { segments: object[]; text?: string }
    expect([read.segments.length, read.text, texts.list.length]).toEqual([3, undefined, 0])
  })
})
