import type { Turn } from '../model.ts'
import type { canSeek, seekTo } from '../stage.ts'
import type { Checkpoint, InputIdentity, Place } from './checkpoint.ts'

/**
 * What stages can do for a checkpoint, by well-known symbols, as in `stage.ts`: a run finds those that can, and refuses the
 * others.
 */

/** A method of sources whose input can be opened again: what tells it from another, as far as that is known by now. */
export const inputIdentity = Symbol.for('diarize-stream.inputIdentity')

/** A method of sources of a file: bytes that it has lost since it was opened. */
export const inputLost = Symbol.for('diarize-stream.inputLost')

/** A field of stages that make turns, and can go on in the middle of a stream: a {@link ResumableHearing}. */
export const resumableHearing = Symbol.for('diarize-stream.resumableHearing')

/** A field of sinks that can go on with a file: a {@link ResumableOutput}; `undefined` where they write to a stream. */
export const resumableOutput = Symbol.for('diarize-stream.resumableOutput')

/** A field of what hands on to several sinks: these. */
export const targetSinks = Symbol.for('diarize-stream.targetSinks')

/** A field, `true`, of sinks that only show, and keep nothing that a run which goes on could add to. */
export const keepsNothing = Symbol.for('diarize-stream.keepsNothing')

/**
 * A method of the options of `run()`: is called with the summary when all stages have succeeded, and waited for, before the
 * checkpoint is deleted. Where it rejects, so does the run, and the checkpoint stays.
 */
export const whenComplete = Symbol.for('diarize-stream.whenComplete')

/** A method of sinks that keep each checkpoint elsewhere, too, when it was saved: it is given its text, and waited for. */
export const checkpointCopy = Symbol.for('diarize-stream.checkpointCopy')

/** Where an output is that holds nothing yet. */
export const beginning: Place = { order: 0, bytes: 0, blocks: 0, cuts: [] }

/** Which of several audio tracks is heard, as part of the identity of an input. */
export function trackIdentity({
  audioTrack = '',
  language = '',
}: {
  audioTrack?: number | string | undefined
  language?: string | undefined
}): InputIdentity {
  return { track: `${audioTrack} ${language}`.trim() }
}

/** The SHA-256 of some bytes, in hex: who asks for an identity has it, so that a source need not load what makes it. */
export type Sha256 = (bytes: Uint8Array) => string

/** A source of which it is known what it reads. */
export interface IdentifiedSource {
  [inputIdentity]?: (sha256: Sha256) => InputIdentity
  [inputLost]?: () => number
  [seekTo]?: (ms: number, check: () => void) => number
  [canSeek]?: () => boolean
}

/** From where turns are made again. */
export type Resumption = Omit<Checkpoint, 'input' | 'stages' | 'outputs'> & {
  /** Refuses another input, once all is known of it. */
  check: () => void
  /** Has the source begin later, where it can; returns where it begins, in ms. */
  seek: (ms: number) => number
}

/** Makes turns from the middle of a stream on. */
export interface ResumableHearing {
  /** What it was told, as far as that changes what is heard, and what keeps it from going on, if anything does. */
  check(): Promise<{ options: string; obstacle: string | undefined }>
  /** How far it has come, and whom it knows. */
  state(): Pick<Checkpoint, 'live' | 'reachedMs' | 'startedAt' | 'voices' | 'learned'>
  /** A recording is left before its end: what is known of its voices by then is learned by the run that goes on. */
  leave(): void
  /** Is called before there is any audio. */
  resumeFrom(from: Resumption): Promise<void>
}

/** Writes a file, or what stands for one elsewhere, from a place on. */
export interface ResumableOutput {
  /** Absolute path, or address. */
  readonly path: string
  /** Name of the sink. */
  readonly name: string
  /** What it was told, as far as that changes what is written. */
  readonly options: string
  /** How often it may be asked to have all on the disk, at most, in ms. */
  readonly interval?: number
  /** Bytes of it that are there; of one that is several files, of the one that goes on at `place`. */
  size(place: Place): Promise<number>
  /**
   * Is called before anything else where a run begins that others may go on with; `isAgain` where one has begun it that left
   * a checkpoint of before there was any audio.
   */
  begin?(isAgain: boolean): Promise<void>
  /** Cuts the file at `place`, and writes `turns` again, as far as they do not stand before it. Is called before any other. */
  resumeFrom(place: Place, turns: readonly Turn[]): Promise<void>
  /** The run has come to its end, and no other goes on with it. */
  forget?(): Promise<void>
}

/** Stands behind some turns on their way: each sink says where it is once it has written them, and they are on the disk. */
export class CommitRequest {
  readonly #places = new Map<string, Place>()
  readonly #count: number
  readonly #done: (places: ReadonlyMap<string, Place>) => void

  /** @param count - of the sinks. @param done - called when all have written what comes before. */
  constructor(count: number, done: (places: ReadonlyMap<string, Place>) => void) {
    this.#count = count
    this.#done = done
  }

  settle(path: string, place: Place): void {
    this.#places.set(path, place)
    if (this.#places.size === this.#count) this.#done(this.#places)
  }
}

/** Whether a sink is to be given a {@link CommitRequest}. */
export function takesRequests(sink: object): boolean {
  return targetSinks in sink || resumableOutput in sink
}
