import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { visibleLines } from '../../../src/captions/text.ts'
import { formatSrtCue, sanitizeSrtText } from '../../../src/captions/formats/srt.ts'
import { formatVttCue, sanitizeVttName, vttHeader, type VttSpeech } from '../../../src/captions/formats/vtt.ts'
import type { Cue } from '../../../src/model.ts'
import { srtReaders, vttReaders, type CaptionReader, type ReadCue } from '../../helpers/caption-readers.ts'
import { nastyText } from '../nasty-text.ts'
import { throughFfmpeg } from '../parsers.ts'
import { runs } from '../../helpers/runs.ts'

const HOUR = 3_600_000

/** A cue to be written, and how its speaker is told. */
interface Told {
  cue: Cue
  speech: VttSpeech
}

const speech: fc.Arbitrary<VttSpeech> = fc.record({
  voice: fc.option(nastyText, { nil: undefined }),
  voices: fc.option(fc.array(fc.option(nastyText, { nil: undefined }), { maxLength: 3 }), { nil: undefined, freq: 3 }),
  label: fc.option(
    fc.oneof(
      nastyText.map((name) => `${name}: `),
      fc.constant('>> '),
      nastyText,
    ),
    { nil: undefined },
  ),
})

/** Cues in order, not overlapping, with any text, beginning anywhere from `from` on. */
function cues(from: readonly number[], size: fc.ArrayConstraints = { maxLength: 8 }): fc.Arbitrary<Told[]> {
  const step = fc.tuple(
    fc.oneof(fc.nat(200), fc.nat(5000), fc.nat(600_000)),
    fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 7000 })),
    fc.array(nastyText, { maxLength: 3 }),
    speech,
  )
  return fc.tuple(fc.constantFrom(...from), fc.array(step, size)).map(([begin, steps]) => {
    let time = begin
    return steps.map(([gap, duration, lines, speech], i) => {
      const start = time + gap
      time = start + duration
      return { cue: { index: i + 1, start, end: time, lines, words: [] }, speech }
    })
  })
}

const isVisible = ({ cue }: Told) => visibleLines(cue.lines).length > 0

const srtFile = (told: readonly Told[]) => told.map(({ cue, speech }) => formatSrtCue(cue, speech.label)).join('')
const vttFile = (told: readonly Told[]) => vttHeader + told.map(({ cue, speech }) => formatVttCue(cue, speech)).join('')

const srtCues = (told: readonly Told[]): ReadCue[] =>
  told.filter(isVisible).map(({ cue: { start, end, lines }, speech: { label } }) => {
    return { start, end, text: sanitizeSrtText(visibleLines(lines, label)), voices: [] }
  })

/** Names of the voices that a cue is written with. */
function voicesOf({ cue, speech: { voice, voices } }: Told): string[] {
  const named = voices === undefined ? [voice] : cue.lines.map((line, i) => visibleLines([line]).map(() => voices[i]))
  return named
    .flat()
    .map((name) => sanitizeVttName(name ?? ''))
    .filter((name) => name !== '')
}

const vttCues = (told: readonly Told[]): ReadCue[] =>
  told.filter(isVisible).map((one) => {
    const { start, end, lines } = one.cue
    const text = visibleLines(lines, one.speech.label)
      .join('\n')
      .replaceAll(/-{2,}>/g, '->')
    return { start, end, text, voices: voicesOf(one) }
  })

/** Streams that have gone on for hours. The cues of a run span less than an hour and a half. */
const EARLY = [0, 59_000, 30 * HOUR, 98 * HOUR]
const LATE = [99.9 * HOUR, 120 * HOUR]

const within = ({ timeLimit }: CaptionReader) => (timeLimit === undefined ? [...EARLY, ...LATE] : EARLY)

describe('SRT with any text, labels and times', () => {
  it.each(srtReaders)('is read as it was written by $name', async (reader) => {
    await fc.assert(
      fc.asyncProperty(cues(within(reader)), async (told) => {
        expect(await reader.read(srtFile(told))).toEqual(srtCues(told))
      }),
      { numRuns: runs(1000) },
    )
  })
})

describe('WebVTT with any text, voices, labels and times', () => {
  it.each(vttReaders)('is read as it was written by $name', async (reader) => {
    await fc.assert(
      fc.asyncProperty(cues(within(reader)), async (told) => {
        expect(await reader.read(vttFile(told))).toEqual(vttCues(told))
      }),
      { numRuns: runs(1000) },
    )
  })
})

describe('WebVTT with any text, colours and times of words', () => {
  const timed = fc.array(fc.tuple(fc.array(nastyText, { minLength: 1, maxLength: 4 }), nastyText), { maxLength: 6 })

  // The others know no classes of voices, or no times.
  it.each(vttReaders.filter(({ name }) => /webvtt-parser|media-captions/.test(name)))(
    'is read as it was written by $name',
    async (reader) => {
      await fc.assert(
        fc.asyncProperty(timed, fc.boolean(), async (all, isStyled) => {
          const told = all.map(([texts, voice], i) => {
            const start = i * 2000
            const words = texts.map((text, j) => ({ text, start: start + j * 100, end: start + 1000, final: true }))
            const cue = { index: i + 1, start, end: start + 1500, lines: [texts.join(' ')], words }
            const style = isStyled ? { style: `speaker${i + 1}` } : {}
            return { cue, speech: { voice, highlightWords: true, ...style } }
          })
          expect(await reader.read(vttFile(told))).toEqual(vttCues(told))
        }),
        { numRuns: runs(300) },
      )
    },
  )
})

const noFfmpeg = spawnSync('ffmpeg', ['-version']).status !== 0
if (noFfmpeg) console.warn('skipped: caption files as FFmpeg reads them, since no FFmpeg was found')

describe.skipIf(noFfmpeg)('FFmpeg', () => {
  const many = { minLength: 30, maxLength: 60 }

  it('reads SRT as it was written', () => {
    fc.assert(
      fc.property(cues([...EARLY, ...LATE], many), (told) => {
        const expected = srtCues(told).map(({ start, end, text }) => ({ start, end, text }))
        expect(throughFfmpeg('srt', srtFile(told))).toEqual(expected)
      }),
      // Nothing smaller is looked for: each run starts a process.
      { numRuns: runs(40), endOnFailure: true },
    )
  })

  it('reads WebVTT as it was written', () => {
    fc.assert(
      fc.property(cues([...EARLY, ...LATE], many), (told) => {
        const read = throughFfmpeg('webvtt', vttFile(told))
        const expected = vttCues(told)
        expect(read.map(({ start, end }) => [start, end])).toEqual(expected.map(({ start, end }) => [start, end]))
        // It writes SRT without defusing what looks like codes of that format.
        const isPlain = (i: number) => !/[<{}\\]/.test(expected[i]?.text ?? '')
        // Text like {\b1} it takes for a code that begins bold letters, whose end it writes into the next cue.
        const beginsCode = (i: number) => /\{[^}]*\\[bisuc]/s.test(expected[i]?.text ?? '')
        const said = read.map(({ text }, i) =>
          beginsCode(i - 1) ? text.replace(/(?:<\/(?:[bisu]|font)>)+$/, '') : text,
        )
        expect(said.filter((_, i) => isPlain(i))).toEqual(expected.map(({ text }) => text).filter((_, i) => isPlain(i)))
      }),
      // Nothing smaller is looked for: each run starts a process.
      { numRuns: runs(40), endOnFailure: true },
    )
  })
})
