import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import type { Resumption } from '../checkpoint/stages.ts'
import { contextFrom, turnsOf } from '../checkpoint/turn-record.ts'
import { defined } from '../options.ts'
import { FinalWords } from '../stream/turns/final-words.ts'
import type { Gap, StreamStart } from '../stream/options.ts'
import { letterOn } from './channels/options.ts'
import { inParts, peerKind, type ResolvedDiarizeOptions } from './diarize-options.ts'

/** How the source that is there now stands to the stream that goes on. */
export interface Arrival {
  start: StreamStart
  /** How much later in the stream the source's audio is than the source says, ms. */
  shift: number
  /** Wall time of ms 0 of the stream by the clock as it is set now, ms of the epoch; of a live source. */
  startedAt?: number
  /** What nobody heard, of a live source; of each of its channels. */
  gaps?: readonly Gap[]
}

/** How long before the first audio that is wanted a source begins that seeks, in ms: what a decoder gives at first may be wrong. */
const RUN_UP_MS = 5000
/** Of audio that begins sooner all is decoded, in ms. */
const SEEK_FROM_MS = 30_000
/**
 * Before where a live source was ended in good order, in ms: a word may be cut in two there, and by the clock, which does not tell it
 * more exactly, what follows may seem to lack nothing.
 */
const CUT_MS = 2000
/** Sources seek to whole seconds, which are whole frames. */
const STEP_MS = 1000

/** Where a source need begin that goes on with a recording, in ms. */
export function seekingPoint(from: Resumption, overlap: number): number {
  const again = againFrom(turnsOf(from), overlap)
  return again < SEEK_FROM_MS ? 0 : Math.floor((again - RUN_UP_MS) / STEP_MS) * STEP_MS
}

/** From where a recording is heard again, in ms: from where each of its channels is. */
function againFrom(turns: StreamStart['turns'], overlap: number): number {
  const needed = byChannel(turns).map((own) => finalsOf(own).hearFrom(overlap))
  return Math.min(...needed, contextFrom(turns))
}

/** The turns of each channel that has some; of a stream without channels all; one empty list where there is none. */
function byChannel(turns: StreamStart['turns']): StreamStart['turns'][] {
  const channels = new Set(turns.map(({ channel }) => channel))
  return channels.size === 0 ? [[]] : [...channels].map((name) => turns.filter(({ channel }) => channel === name))
}

/** Voices by the channel that they were heard on, as they are compared with those of a book; `''` where there are no channels. */
export function byGroup(
  voices: Resumption['voices'],
  channels: readonly string[] | undefined,
): Map<string, Resumption['voices']> {
  if (channels === undefined) return new Map([['', voices]])
  const own = (name: string): Resumption['voices'] =>
    new Map([...voices].filter(([label]) => letterOn(label, name, channels) !== undefined))
  return new Map(channels.map((name) => [name, own(name)]))
}

/** Goes on with a source that gives the same from its beginning: with what tells all speakers, and behind it what is new. */
export function resumeRecording(from: Resumption, frameMs: number, overlap: number): Arrival {
  const turns = turnsOf(from)
  const again = againFrom(turns, overlap)
  const frame = Math.max(0, Math.floor(again / frameMs))
  return { start: { ...commonOf(from), turns, frame, settled: 0 }, shift: 0 }
}

/**
 * Goes on with a live source, at its place by the clock.
 *
 * @param firstAt - wall time of its first sample, ms of the epoch.
 * @param channels - names of its channels, where they are kept apart.
 */
export function resumeLive(
  from: Resumption,
  frameMs: number,
  firstAt: number,
  channels: readonly (string | undefined)[] = [undefined],
): Arrival {
  const turns = turnsOf(from)
  const origin = originOf(from)
  const since = Math.max(from.reachedMs, firstAt - origin)
  const frame = Math.ceil(since / frameMs)
  const shift = Math.round(frame * frameMs)
  const { end: lastEnd } = finalsOf(turns)
  const heardUntil = from.ended === true ? from.reachedMs - CUT_MS : 0
  const gaps = channels.flatMap((channel): Gap[] => {
    const own = turns.filter((turn) => turn.channel === channel)
    // Of whom it is not known when he spoke last, nothing is known to be lost but what all have lost.
    const begin = Math.max(heardUntil, own.length === 0 ? lastEnd : finalsOf(own).end)
    if (shift <= begin) return []
    const [startedAt, endedAt] = [begin, shift].map((ms) => new Date(origin + ms).toISOString()) as [string, string]
    return [{ start: begin, end: shift, startedAt, endedAt, ...defined({ channel }) }]
  })
  const start = { ...commonOf(from), turns, frame, settled: shift }
  return { start, shift, startedAt: firstAt - since, gaps }
}

/** Wall time of millisecond 0 of the stream, ms of the epoch. */
function originOf({ startedAt, savedAt, reachedMs }: Pick<Checkpoint, 'startedAt' | 'savedAt' | 'reachedMs'>): number {
  return startedAt ?? savedAt - reachedMs
}

function commonOf({
  nextOrder,
  totals,
  voices,
  unrecognizedUntil = 0,
}: Resumption): Pick<StreamStart, 'nextOrder' | 'speakers' | 'voices' | 'unrecognizedUntil'> {
  return { nextOrder, speakers: totals.labels ?? totals.speakers, voices, unrecognizedUntil }
}

function finalsOf(turns: StreamStart['turns']): FinalWords {
  const finals = new FinalWords(0)
  for (const turn of turns) finals.add({ ...turn, revision: 0 })
  return finals
}

/** Options that change how audio is sent, and to whom it is paid, but not what is heard. */
const ways = [
  'admission',
  'apiKey',
  'token',
  'agent',
  'ca',
  'signal',
  'sessionRate',
  'pace',
  'catchUp',
  'models',
  'region',
  'live',
]
const rhythms =
  /^(?:retries|retryDelay|maxRetryDelay|rollOverBefore|overlap|maxReplay|keepAlive|\w+(?:Timeout|Interval))$/

/** What tells the options of two streams apart that cannot be one. */
export function identityOf(options: ResolvedDiarizeOptions): string {
  const { engine, url, voices, ...rest } = options
  const own = Object.entries(rest).filter(([name]) => !ways.includes(name) && !rhythms.test(name))
  const heardBy =
    typeof engine === 'object' ? { engine: engine.name, model: engine.model } : { engine: peerKind(options) }
  const book = typeof voices === 'object' ? voices.path : voices
  return JSON.stringify([
    Object.fromEntries(own.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    heardBy,
    url?.toString(),
    book,
  ])
}

/** Why a stream with these options cannot go on in its middle; `undefined` where it can. */
export function obstacleOf(options: ResolvedDiarizeOptions): string | undefined {
  if (inParts(options))
    return 'parallel gives all turns at the end, so there is nothing to go on from; leave one of them out'
  return undefined
}
