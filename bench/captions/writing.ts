import { AssemblyAiConverter, srt } from '@deepgram/captions'
import { stringifySync, type NodeList } from 'subtitle'
import { layoutCues } from '../../src/captions/layout/layout.ts'
import { formatSrtCue } from '../../src/captions/formats/srt.ts'
import { formatVttCue, vttHeader } from '../../src/captions/formats/vtt.ts'
import type { Cue } from '../../src/index.ts'
import { median } from './median.ts'
import { inventedSpeech } from './speech.ts'

/** How fast cues were written as text, by us and by the npm package `subtitle`. */
export interface WritingSpeed {
  format: 'SRT' | 'WebVTT'
  cues: number
  /** Cues a second; medians of interleaved rounds. */
  ours: number
  theirs: number
  /** `ours` over `theirs`. */
  ratio: number
}

/** Writes the cues of `words` invented words, first by one and then by the other, `rounds` times. */
export function measureWriting(words: number, rounds: number, seed: number): WritingSpeed[] {
  const cues = layoutCues([...inventedSpeech({ seed, words })]).map((cue, i): Cue => ({ index: i + 1, ...cue }))
  const list: NodeList = cues.map(({ start, end, lines }) => ({
    type: 'cue',
    data: { start, end, text: lines.join('\n') },
  }))
  return [
    compare('SRT', cues.length, rounds, {
      ours: () => writeAll(cues, formatSrtCue),
      theirs: () => Buffer.from(stringifySync(list, { format: 'SRT' })),
    }),
    compare('WebVTT', cues.length, rounds, {
      ours: () => writeAll(cues, formatVttCue, vttHeader),
      theirs: () => Buffer.from(stringifySync(list, { format: 'WebVTT' })),
    }),
  ]
}

/** How fast captions were made of words, text included, by us and by `srt()` of the npm package `@deepgram/captions`. */
export interface CaptioningSpeed {
  words: number
  /** Words a second; medians of interleaved rounds. */
  ours: number
  theirs: number
  /** `ours` over `theirs`. */
  ratio: number
}

/** Lays out and writes `words` invented words as SRT, by one and by the other; theirs cuts after every eighth word. */
export function measureCaptioning(words: number, rounds: number, seed: number): CaptioningSpeed {
  const turns = [...inventedSpeech({ seed, words })]
  const utterances = turns.map((turn) => ({ words: turn.flatMap((segment) => segment.words) }))
  const { ours, theirs, ratio } = compare('SRT', words, rounds, {
    ours: () =>
      writeAll(
        layoutCues(turns).map((cue, i): Cue => ({ index: i + 1, ...cue })),
        formatSrtCue,
      ),
    theirs: () => Buffer.from(srt(new AssemblyAiConverter({ utterances }))),
  })
  return { words, ours, theirs, ratio }
}

/** Characters after which a portion is handed on. */
const PORTION = 65_536

/** The bytes of all cues, made in portions, as a stream would. */
function writeAll(cues: readonly Cue[], format: (cue: Cue) => string, header = ''): Buffer {
  const portions: Buffer[] = []
  let text = header
  for (const cue of cues) {
    text += format(cue)
    if (text.length < PORTION) continue
    portions.push(Buffer.from(text))
    text = ''
  }
  portions.push(Buffer.from(text))
  return Buffer.concat(portions)
}

function compare(
  format: 'SRT' | 'WebVTT',
  cues: number,
  rounds: number,
  writers: { ours: () => Buffer; theirs: () => Buffer },
): WritingSpeed {
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    ours.push(time(writers.ours))
    theirs.push(time(writers.theirs))
  }
  const perSecond = (times: number[]) => Math.round((1000 * cues) / median(times))
  const [our, their] = [perSecond(ours), perSecond(theirs)]
  return { format, cues, ours: our, theirs: their, ratio: our / their }
}

function time(write: () => Buffer): number {
  const started = performance.now()
  write()
  return performance.now() - started
}
