import type { Cue, Segment } from '../../model.ts'
import { ChannelLayout, shownCue, type LayoutState } from '../layout/channels.ts'
import { cueLabel, type PreviousCue } from '../layout/labels.ts'
import type { UnnumberedCue } from '../layout/layout.ts'
import type { LayoutSettings } from '../layout/options.ts'
import type { Utterance } from '../utterances.ts'
import { CueSegments } from './cue-segments.ts'

/** A whole piece of a file: one cue, or the lines of one segment. */
export interface Block {
  text: string
  /** Whether it only ends the file. */
  isEnd?: true
  /** Ms of the stream at which what it shows begins. */
  start: number
}

/** Makes blocks of utterances, which can be made again from where one begins, by `state` and the number of blocks. */
export interface Writer {
  readonly open: boolean
  /** A plain value that is never changed. */
  readonly state: unknown
  /** Whether `utterance` has nothing to do with what waits, which is then closed before it. */
  begins(utterance: Utterance): boolean
  add(utterance: Utterance): Block[]
  /** What waits; `next` is when what follows begins: `Infinity` where nothing does, absent where unknown. */
  close(next?: number): Block[]
}

export interface Format {
  header: string
  /** Ms for which words may wait for more. */
  maxDelay: number
  /** Whether each block begins with its number, on a line of its own, and ends with an empty line. */
  isNumbered: boolean
  /** Makes blocks from the beginning, or from a state of another writer and a number of blocks on. */
  writer(state?: unknown, blocks?: number): Writer
  /** What all of its writers know together; absent where that is nothing. */
  shared?: Shared | undefined
}

/** What is known of a whole text, wherever in it a writer is, and so is in no state of one. */
export interface Shared {
  /** What of it the text does not say, as a plain value: it is kept with each place, and so must be small. */
  readonly value?: unknown
  /** Takes up what was known at a place: its value, and the lines before it. */
  resumeFrom(value: unknown, lines: AsyncIterable<string>): void | Promise<void>
}

/** How cues are written in a format. */
export interface CueFormat {
  /** What the file begins with. @defaultValue `''` */
  header?: string
  /** As in {@link Format}. @defaultValue `false` */
  isNumbered?: boolean
  /** One cue as a block of text, behind a ready-made label; `''` where nothing of it is visible. */
  cue: (cue: Cue, label: string, previous: PreviousCue | undefined) => string
  /** What the file ends with, after the last visible cue; absent where it needs no end. */
  ending?: (last: PreviousCue | undefined) => string
  shared?: Shared | undefined
}

/** A {@link Format} of captions: utterances are laid out as cues, and these written. */
export function cueFormat(layout: LayoutSettings, format: CueFormat): Format {
  const { header = '', isNumbered = false, cue: write, ending, shared } = format
  const writer = (state?: unknown, blocks = 0): Writer => {
    const before = state as LayoutState | undefined
    let count = blocks
    let previous = before?.previous
    const cues = new ChannelLayout(layout, before)
    const written = (cue: UnnumberedCue): Block[] => {
      const numbered = { ...cue, index: count + 1 }
      const text = write(numbered, cueLabel(numbered, previous, layout), previous)
      if (text === '') return []
      count += 1
      previous = shownCue(cue)
      return [{ text, start: cue.start }]
    }
    return {
      get open() {
        return cues.open
      },
      get state() {
        return cues.state
      },
      begins: (utterance) => cues.begins(utterance),
      add: (utterance) => cues.add(utterance).flatMap(written),
      close(next) {
        const rest = cues.close(next).flatMap(written)
        return next === Infinity ? [...rest, ...endOf(ending?.(previous) ?? '')] : rest
      },
    }
  }
  return { header, isNumbered, maxDelay: layout.maxDelayMs, writer, shared }
}

/** A text that grows with each segment; what is written never changes. */
export interface SegmentText<State = unknown> {
  /** Takes the next segment, and returns the text that can be written with it; `''` for none. */
  add(segment: Segment): string
  /** The text that is held back because it may still grow; absent where none ever is. */
  release?(): string
  readonly waiting?: boolean
  /** The rest, when nothing more comes; absent where there is none. */
  end?(): string
  /** What only ends the text, when nothing more comes; absent where it needs no end. */
  ending?(): string
  /** A plain copy of all on which depends what comes next; absent where nothing does. */
  readonly state?: State | undefined
}

/** Ms for which lines that may still grow are held back. */
const MAX_DELAY_MS = 750

/** Utterances that lie together at most, while text is held back: what is held is kept with the first of them. */
const MAX_TOGETHER = 16

/** A {@link Format} of segments behind a header; `begin` begins the text, or goes on from a state of it. */
export function segmentFormat<State>(
  begin: (state?: State) => SegmentText<State>,
  header = '',
  shared?: Shared,
): Format {
  const writer = (state?: unknown): Writer => {
    const text = begin(state as State)
    const cues = new CueSegments()
    let together = 0
    // What follows an utterance never changes where its text ends.
    const begins = (): boolean => together >= MAX_TOGETHER
    return {
      get open() {
        return text.waiting ?? false
      },
      get state() {
        return text.state
      },
      begins,
      add({ cue, segments }) {
        together = begins() ? 1 : together + 1
        const all = cue === undefined ? segments : cues.of(cue)
        return all.flatMap((segment) => blockOf(text.add(segment), segment.start))
      },
      close(next) {
        if (next === Infinity) return [...blockOf(text.end?.() ?? '', Infinity), ...endOf(text.ending?.() ?? '')]
        return next === undefined ? blockOf(text.release?.() ?? '', Infinity) : []
      },
    }
  }
  return { header, maxDelay: MAX_DELAY_MS, isNumbered: false, writer, shared }
}

function endOf(text: string): Block[] {
  return text === '' ? [] : [{ text, start: Infinity, isEnd: true }]
}

function blockOf(text: string, start: number): Block[] {
  return text === '' ? [] : [{ text, start }]
}
