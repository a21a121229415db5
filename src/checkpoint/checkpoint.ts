import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { CheckpointError, errorCode } from '../errors.ts'
import type { Turn } from '../model.ts'
import type { Gap } from '../stream/options.ts'
import type { TotalsBefore } from '../stream/turn-totals.ts'
import { parseProfile, storedProfile } from '../voices/book-file.ts'
import type { VoiceProfile } from '../voices/profile.ts'

/** What tells an input from another: its `kind`, and as many facts as are known. */
export type InputIdentity = Readonly<Record<string, string | number>>

/** From where an output is written again. What stands before that is as it must be, and never changes any more. */
export interface Place {
  /** Order of the first turn of which nothing stands before it. */
  order: number
  bytes: number
  /** Cues or lines before it. */
  blocks: number
  /** What those before it mean for what follows: a plain value, or absent. */
  state?: unknown
  /** What else is known of all that was written: a plain value, or absent. */
  shared?: unknown
  /** Orders of the turns whose text was written without waiting for what follows. */
  cuts: readonly number[]
  /** Orders of later turns that stand before it all the same, since they came late; absent for none. */
  ahead?: readonly number[]
}

/** A run as far as all its outputs hold it: all that it takes to go on. */
export interface Checkpoint {
  input: InputIdentity
  /** Hash of what each stage was told, by its name; outputs by their paths. */
  stages: Readonly<Record<string, string>>
  /** Where each output goes on, by its path. */
  outputs: Readonly<Record<string, Place>>
  live: boolean
  /** Whether the source can begin in the middle, with every sample at the same time. */
  canSeek?: boolean
  /** Wall time at which it was made, ms of the epoch, and audio that had come by then, ms of the stream. */
  savedAt: number
  reachedMs: number
  /** Whether a live source was ended there in good order, so that all its words before that are final and written. */
  ended?: boolean
  /** Wall time of millisecond 0 of the stream, ms of the epoch, where a live source says it. */
  startedAt?: number
  nextOrder: number
  totals: TotalsBefore
  /** Audio that nobody heard, the newest. */
  gaps: readonly Gap[]
  /** Ms of the stream up to which outputs were told what is not recognised; absent where that was not kept. */
  unrecognizedUntil?: number
  /** The newest turns, each in its newest revision: those that an output may have to be written again from, and more. */
  turns: readonly string[]
  voices: ReadonlyMap<string, VoiceProfile>
  /** What of these is in a voice book already. */
  learned?: ReadonlyMap<string, VoiceProfile>
}

const format = 'diarize-stream checkpoint'
const version = 1
/** The largest that is written and read, in bytes. A day of speech has less. */
export const maxCheckpointBytes = 67_108_864

/** The text of the file: a line that says what it is, with a hash of the other, and a line with the rest. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { turns, voices, learned = new Map<string, VoiceProfile>(), ...rest } = checkpoint
  const stored = (profiles: Checkpoint['voices']): object =>
    Object.fromEntries([...profiles].map(([speaker, profile]) => [speaker, storedProfile(profile)]))
  const fields = JSON.stringify({
    ...rest,
    ...(voices.size > 0 && { voices: stored(voices) }),
    ...(learned.size > 0 && { learned: stored(learned) }),
  })
  const body = `${fields.slice(0, -1)},"turns":[${turns.join(',')}]}`
  return `${JSON.stringify({ format, version, sha256: sha256(body) })}\n${body}\n`
}

/** What the text of a file holds. @throws CheckpointError `CHECKPOINT_UNREADABLE` for any other text */
export function parseCheckpoint(text: string, file: string): Checkpoint {
  const [first = '', body = '', ...rest] = text.split('\n')
  const head = asObject(first)
  if (head?.['format'] !== format) throw unreadable(file, 'it is no checkpoint')
  if (head['version'] !== version) {
    const which = String(head['version']).slice(0, 20)
    throw unreadable(file, `it is of version ${which}, and this program reads ${version}`)
  }
  const value = asObject(body)
  if (value === undefined || rest.join('') !== '' || head['sha256'] !== sha256(body)) {
    throw unreadable(file, 'it is damaged')
  }
  type Stored = Record<string, Record<string, unknown>>
  const { turns, voices, learned, ...fields } = value as unknown as Omit<Checkpoint, 'turns' | 'voices' | 'learned'> & {
    turns: readonly Turn[]
    voices?: Stored
    learned?: Stored
  }
  const profiles = (all: Stored = {}): Map<string, VoiceProfile> =>
    new Map(
      Object.entries(all).map(
        ([speaker, stored]) =>
          [speaker, parseProfile(stored, `speaker ${speaker}`, (why) => unreadable(file, why))] as const,
      ),
    )
  return {
    ...fields,
    turns: turns.map((turn) => JSON.stringify(turn)),
    voices: profiles(voices),
    ...(learned !== undefined && { learned: profiles(learned) }),
  }
}

/** The checkpoint in a file; `undefined` where there is none. @throws CheckpointError `CHECKPOINT_UNREADABLE` */
export async function readCheckpoint(file: string): Promise<Checkpoint | undefined> {
  let text: string
  try {
    const { size } = await stat(file)
    if (size > maxCheckpointBytes) throw new Error(`it has ${size} bytes, and none has more than ${maxCheckpointBytes}`)
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw unreadable(file, (error as Error).message, error)
  }
  return parseCheckpoint(text, file)
}

/** Refuses an input other than the one of the checkpoint. @throws CheckpointError `CHECKPOINT_MISMATCH` */
export function checkInput(checkpoint: Checkpoint, input: InputIdentity, file: string): void {
  for (const [fact, value] of Object.entries(checkpoint.input)) {
    const present = input[fact]
    if (present === undefined || present === value) continue
    const what = `the input is another one, or has changed (its ${fact} was ${value}, and is ${present})`
    throw mismatch(file, 'input', what, 'give the input that it was made with')
  }
}

/** Refuses other stages and outputs than those of the checkpoint. @throws CheckpointError `CHECKPOINT_MISMATCH` */
export function checkStages(checkpoint: Checkpoint, stages: Checkpoint['stages'], file: string): void {
  for (const name of new Set([...Object.keys(checkpoint.stages), ...Object.keys(stages)])) {
    const [before, present] = [checkpoint.stages[name], stages[name]]
    if (before === present) continue
    if (before !== undefined && present !== undefined) {
      throw mismatch(file, 'options', `the options of ${name} are others`, 'give the options that it was made with')
    }
    const what = before === undefined ? `${name} was not there` : `${name} is not there any more`
    throw mismatch(file, 'outputs', what, 'give the stages and outputs that it was made with')
  }
}

/** The error for a checkpoint that does not belong to what is run. */
export function mismatch(
  file: string,
  difference: 'input' | 'options' | 'outputs',
  what: string,
  advice: string,
): CheckpointError {
  const message = `cannot go on from ${file}: ${what}; ${advice}, or delete ${file} to begin anew`
  return new CheckpointError('CHECKPOINT_MISMATCH', message, { file, difference })
}

function unreadable(file: string, why: string, cause?: unknown): CheckpointError {
  const message = `cannot go on from ${file}: ${why}; delete it to begin anew`
  return new CheckpointError('CHECKPOINT_UNREADABLE', message, { file, cause })
}

function asObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex')
}
