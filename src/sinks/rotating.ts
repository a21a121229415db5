import { existsSync } from 'node:fs'
import path from 'node:path'
import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Place } from '../checkpoint/checkpoint.ts'
import { beginning, CommitRequest, type ResumableOutput, resumableOutput } from '../checkpoint/stages.ts'
import { CheckpointError, ConfigurationError, errorCode, type Warning } from '../errors.ts'
import type { TypedWritable } from '../events.ts'
import { type Captionable, isCue, isSegment, type Turn } from '../model.ts'
import { Moment } from '../moment.ts'
import {
  checkInteger,
  checkOneOf,
  checkOptions,
  checkSignal,
  integer,
  invalidOption,
  oneOf,
  refusedOption,
} from '../options.ts'
import { relayEvents, relayLiveness } from '../stage.ts'
import { abortBy, guard, toError, waitAtMost } from '../stream-helpers.ts'
import { sizeOf } from './destination.ts'
import type { PartJournal } from './part-journal.ts'
import { writtenBytes } from './text-sink.ts'
import type { Gap, UnrecognizedSpeech } from '../stream/options.ts'
import type { PassedOnEvents, SessionRecord } from '../transforms/diarize-events.ts'

/** Options of {@link rotatingSink}. At least one of `every` and `maxBytes` is needed. */
export interface RotatingSinkOptions {
  /**
   * When a part ends: with each full hour or day of UTC, or after so many ms of the stream, from 1000. What begins in a part
   * is in it whole.
   * @defaultValue none: by size only
   */
  every?: 'hour' | 'day' | number
  /** Size in bytes, from 1, from which on a part is followed by the next. @defaultValue none: by time only */
  maxBytes?: number
  /**
   * Whether times go on from part to part, or each part begins at 0: with the hour, the day or the ms that `every` names,
   * else with its first words.
   * @defaultValue `'continue'`
   */
  times?: 'continue' | 'restart'
  /**
   * What becomes of revisions of turns that are in a part that is closed: `drop` leaves them out, `write` writes them into the
   * open part, which is right where each record stands by itself; where times restart, with those of the part of their turn.
   * @defaultValue `'write'` where the pattern ends in `.jsonl`, else `'drop'`
   */
  lateRevisions?: 'drop' | 'write'
  /** Wall time of ms 0 of the stream. @defaultValue that of a live source, else when the first session began, else now */
  startedAt?: Date
  /** Aborts the sink. */
  signal?: AbortSignal
}

/** A part that a {@link rotatingSink} has begun. */
export interface RotatedPart {
  /** Absolute path of its file. */
  path: string
  /** From 1. */
  number: number
  /** Ms of the stream at which it begins; 0 in its own times where they restart. */
  start: number
}

/** Events of what {@link rotatingSink} returns. */
export interface RotatingSinkEvents extends PassedOnEvents {
  /** A part has been begun. */
  part: [RotatedPart]
}

/** A Writable of turns, segments or cues that writes them into one file after the other; see {@link rotatingSink}. */
export interface RotatingSink extends TypedWritable<RotatingSinkEvents> {
  /** The parts so far; the last is open until the sink has finished. */
  readonly parts: readonly RotatedPart[]
}

const HOUR = 3_600_000
const LENGTHS = { hour: HOUR, day: 24 * HOUR } as const
const PLACEHOLDERS = /\{(?:number|date|time)\}/g
/** What stages above tell of, and the record. */
type Told = [event: 'gap', record: Gap] | [event: 'unrecognized', record: UnrecognizedSpeech]

/** Records of gaps and the like that are kept until there is a part to write them into. */
const MOST_KEPT = 1000
/** Parts whose beginnings are known at most: no older turn is revised. */
const MOST_BEGINNINGS = 100
/** By so much, in ms, the clock may be set back, and what follows a part that has ended is not in the same hour or day again. */
const SET_BACK_MS = 60_000
/** How long a part may take to close once it is destroyed. */
const CLOSE_WAIT_MS = 10_000

/**
 * Writes captions of a stream without an end into one file after the other: by hour, day, length or size. Each part is a
 * whole file, made by a sink of its own; a part is closed when the first words of the next come, and where nothing is
 * said there is none.
 *
 * ```ts
 * rotatingSink('radio-{date}-{time}.srt', (file) => srtSink(file), { every: 'hour' })
 * ```
 *
 * In names, `{number}` is that of the part (`0001`), `{date}` and `{time}` when it begins, in UTC (`2026-11-29`, `14-00-00`). A
 * file that is there is never written over: the next free number is taken, or `-2` and so on are put before the ending.
 *
 * A revision changes the open part only. Where turns of closed parts are revised, a `warning` with the code
 * `REVISION_NOT_APPLIED` says at the end how many; in JSONL they are records of the open part.
 *
 * @param pattern - path of the files, with at least one of the three in braces in its last part.
 * @param open - gives the sink for a part.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - a part has warned, or `REVISION_NOT_APPLIED`
 */
export function rotatingSink(
  pattern: string,
  open: (path: string, part: RotatedPart) => NodeJS.WritableStream,
  options: RotatingSinkOptions,
): RotatingSink {
  if (typeof pattern !== 'string' || !isRotatingPattern(pattern)) {
    throw invalidOption('pattern', "a path with {number}, {date} or {time}, such as 'radio-{date}-{time}.srt'", pattern)
  }
  if (/\.docx$/i.test(pattern)) {
    throw invalidOption('pattern', 'a path of a format that is written as it comes, which .docx is not', pattern)
  }
  if (typeof open !== 'function') throw invalidOption('open', 'a function that gives a sink', open)
  checkOptions('rotatingSink()', options, optionChecks)
  if (options.every === undefined && options.maxBytes === undefined) {
    throw refusedOption('every', 'rotatingSink() needs every or maxBytes; neither was given')
  }
  return new RotatingStream(pattern, open, options) as Writable as RotatingSink
}

const optionChecks = {
  every: (name: string, value: unknown) =>
    typeof value === 'string'
      ? checkOneOf(name, value, ['hour', 'day'])
      : checkInteger(name, value, 1000, undefined, 'ms'),
  maxBytes: integer(1, Number.MAX_SAFE_INTEGER, 'bytes'),
  times: oneOf('continue', 'restart'),
  lateRevisions: oneOf('drop', 'write'),
  startedAt(name: string, value: unknown) {
    const isRight = value === undefined || (value instanceof Date && value.getTime() >= 0)
    if (!isRight) throw invalidOption(name, 'a valid Date', value)
  },
  signal: checkSignal,
}

/** Whether a path names parts. */
export function isRotatingPattern(pattern: string): boolean {
  return path.basename(pattern).search(PLACEHOLDERS) >= 0
}

class RotatingStream extends Writable {
  readonly parts: RotatedPart[] = []
  readonly #pattern: string
  readonly #open: (path: string, part: RotatedPart) => NodeJS.WritableStream
  readonly #options: RotatingSinkOptions
  readonly #writesLate: boolean
  #sink: Writable | undefined
  /** Where the present part ends by time. */
  #until = Infinity
  /** The newest parts by the order of their first turn, and where each begins. */
  #beginnings: Beginning[] = []
  #lateRevisions = 0
  /** Ms 0 of the stream, where `startedAt` does not say. */
  #origin: Moment | undefined
  #failure: Error | undefined
  #placing: Promise<{ written: Promise<void> }> | undefined
  #isAbandoned = false
  readonly #sessions = new Map<string | undefined, SessionRecord>()
  #kept: Told[] = []
  /** Where a run keeps a checkpoint: what notes the parts that are begun. */
  #journal: PartJournal | undefined

  constructor(
    pattern: string,
    open: (path: string, part: RotatedPart) => NodeJS.WritableStream,
    options: RotatingSinkOptions,
  ) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#pattern = path.resolve(pattern)
    this.#open = open
    this.#options = options
    this.#writesLate = (options.lateRevisions ?? (/\.jsonl$/i.test(pattern) ? 'write' : 'drop')) === 'write'
    relayEvents(this)
    this.on('session', (session: SessionRecord) => {
      const { startedAt, streamStartedAt } = session
      if (streamStartedAt !== undefined) this.#origin = new Moment(Date.parse(streamStartedAt))
      this.#origin ??= new Moment(Date.parse(startedAt))
      this.#sessions.set(session.channel, session)
      this.#sink?.emit('session', session)
    })
    this.on('gap', (gap: Gap) => this.#tell('gap', gap))
    this.on('unrecognized', (speech: UnrecognizedSpeech) => this.#tell('unrecognized', speech))
    abortBy(options.signal, this)
  }

  get [resumableOutput](): ResumableOutput {
    const { signal: _signal, ...options } = this.#options
    return {
      path: this.#pattern,
      name: 'rotatingSink()',
      options: JSON.stringify(options),
      size: async ({ state }) => (state === undefined ? 0 : sizeOf((state as RotationState).part.path)),
      begin: async (isAgain) => {
        const Journal = await journals()
        this.#journal = await (isAgain ? Journal.resume(this.#pattern, undefined) : Journal.begin(this.#pattern))
      },
      resumeFrom: (place, turns) => this.#resumeFrom(place, turns),
      forget: async () => (await journals()).remove(this.#pattern),
    }
  }

  /** Wall time of ms 0 of the stream, by the clock as it is set now. */
  get #startedAt(): number {
    return this.#options.startedAt?.getTime() ?? this.#origin?.wall ?? Date.now()
  }

  /** Order of the first turn of the present part. */
  get #firstOrder(): number {
    return this.#beginnings.at(-1)?.order ?? 0
  }

  override _write(
    item: Captionable | CommitRequest,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    const work = item instanceof CommitRequest ? this.#commit(item) : this.#take(item)
    work.then(() => done(), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    const end = async (): Promise<void> => {
      // Without a word there is one part, which says so, as other sinks make an empty file.
      if (this.#sink === undefined) this.#begin(0)
      await this.#end()
      if (this.#lateRevisions === 0) return
      const message = `${this.#lateRevisions} revision(s) were of turns in parts that were closed, and could not be applied`
      this.emit('warning', { code: 'REVISION_NOT_APPLIED', message, count: this.#lateRevisions } satisfies Warning)
    }
    end().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const leave = async (): Promise<void> => {
      // What was taken is to be in its part first.
      const placed = this.#placing?.catch(() => {})
      if (placed !== undefined) await waitAtMost(CLOSE_WAIT_MS, placed)
      this.#isAbandoned = true
      const sink = this.#sink
      if (sink === undefined || sink.closed) return
      const closed = new Promise((resolve) => sink.once('close', resolve))
      sink.destroy(error ?? undefined)
      await waitAtMost(CLOSE_WAIT_MS, closed)
    }
    leave().then(() => done(error), done)
  }

  /** Says where the present part is, once it has all that came before on the disk. */
  async #commit(request: CommitRequest): Promise<void> {
    const sink = this.#sink
    if (sink === undefined) return request.settle(this.#pattern, beginning)
    const part = this.parts.at(-1)!
    const output = outputOf(sink, part)
    const known = {
      part,
      until: this.#until,
      firstOrder: this.#firstOrder,
      beginnings: this.#beginnings,
      startedAt: this.#startedAt,
      lateRevisions: this.#lateRevisions,
      sink: [output.name, output.options] as const,
    }
    const own = new CommitRequest(1, (places) => {
      const place = places.get(output.path)!
      const state: RotationState = { ...known, inner: place.state }
      request.settle(this.#pattern, { ...place, state })
    })
    await this.#written(sink, own)
  }

  /** Goes on with the part in which a checkpoint was made: those that were begun behind it are made again. */
  async #resumeFrom(place: Place, turns: readonly Turn[]): Promise<void> {
    const state = place.state as RotationState | undefined
    this.#journal = await (await journals()).resume(this.#pattern, state?.part.path)
    if (state === undefined) return
    const { part, until, firstOrder, startedAt, lateRevisions, inner, sink: told } = state
    this.#beginnings = [...(state.beginnings ?? [{ order: firstOrder, start: part.start }])]
    // JSON has no number for what never comes.
    this.#until = until ?? Infinity
    this.#origin = new Moment(startedAt)
    this.#lateRevisions = lateRevisions
    this.parts.push(part)
    const output = outputOf(this.#openPart(part), part)
    if (output.name !== told[0] || output.options !== told[1]) {
      const message = `cannot go on with ${part.path}: the options of its sink are others; give those that it was begun with, or delete the checkpoint`
      throw new CheckpointError('CHECKPOINT_MISMATCH', message, { difference: 'options' })
    }
    const own = turns.filter(({ order }) => order >= firstOrder).map((turn) => this.#placed(turn))
    const { state: _state, ...rest } = place
    await output.resumeFrom(inner === undefined ? rest : { ...rest, state: inner }, own)
  }

  async #take(item: Captionable): Promise<void> {
    const turn = isCue(item) ? undefined : isSegment(item) ? item.turn : item
    const isLate = turn !== undefined && turn.revision > 0 && turn.order < this.#firstOrder
    if (isLate && !this.#writesLate) {
      this.#lateRevisions += 1
      return
    }
    this.#placing = this.#place(item, turn?.order ?? 0, isLate)
    const { written } = await this.#placing
    await written
  }

  /** Hands an item to the part it belongs to, in which it then is, also where the sink is destroyed. */
  async #place(item: Captionable, order: number, isLate: boolean): Promise<{ written: Promise<void> }> {
    const { maxBytes } = this.#options
    const isNext = this.#sink === undefined || item.start >= this.#until
    if (!isLate && (isNext || (maxBytes !== undefined && (await this.#size()) >= maxBytes))) {
      if (this.#sink !== undefined) await this.#end()
      if (this.#isAbandoned) throw new Error('the sink was destroyed')
      this.#begin(item.start)
      this.#beginnings = [...this.#beginnings, { order, start: this.parts.at(-1)!.start }].slice(-MOST_BEGINNINGS)
    }
    // A record of a turn in an earlier part has the times of that.
    const from = isLate ? this.#beginnings.findLast((one) => one.order <= order)?.start : undefined
    // How large it is then is looked at next, so it is waited for.
    return { written: this.#written(this.#sink!, this.#placed(item, from)) }
  }

  #written(sink: Writable, item: Captionable | CommitRequest): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      sink.write(item, (error) => (error ? reject(this.#failure ?? closedEarly(error)) : resolve()))
    })
  }

  /** Bytes of the present part: what its sink says, wherever it writes to, or else the size of its file. */
  async #size(): Promise<number> {
    const { [writtenBytes]: bytes } = (this.#sink ?? {}) as { [writtenBytes]?: number }
    const file = this.parts.at(-1)?.path
    return bytes ?? (file === undefined ? 0 : sizeOf(file))
  }

  /** Where `start` is: behind the end of the part before, though the clock was set back a little since, as NTP does. */
  #next(start: number, length: number, shift: number): number {
    const end = Math.round((this.#until + shift) / length) * length - shift
    return start >= this.#until && Math.abs(end - this.#until) < SET_BACK_MS ? Math.max(start, end) : start
  }

  /** Begins the part in which `start` is. */
  #begin(start: number): void {
    this.#origin ??= new Moment(Date.now())
    const startedAt = this.#startedAt
    const { every } = this.#options
    let from = start
    if (every !== undefined) {
      const length = typeof every === 'string' ? LENGTHS[every] : every
      // Hours and days are those of the clock.
      const shift = typeof every === 'string' ? startedAt % length : 0
      const began = Math.floor((this.#next(start, length, shift) + shift) / length) * length - shift
      this.#until = began + length
      const last = this.parts.at(-1)
      // The first begins with the stream, and one behind a part that was full with its first words.
      from = last !== undefined && last.start >= began ? start : Math.max(0, began)
    }
    const number = (this.parts.at(-1)?.number ?? 0) + 1
    const name = freePath(this.#pattern, number, new Date(startedAt + from))
    const part = { path: name, number, start: Math.min(from, start) }
    this.#journal?.note(part.path)
    const sink = this.#openPart(part)
    // Before there is a checkpoint with which no run could go on.
    if (this.#journal !== undefined) outputOf(sink, part)
    this.parts.push(part)
    this.emit('part', part)
    for (const session of this.#sessions.values()) this.#sink?.emit('session', session)
    for (const [event, record] of this.#kept.splice(0)) this.#sink?.emit(event, this.#placed(record))
  }

  /** The sink of a part. */
  #openPart(part: RotatedPart): Writable {
    const sink = this.#open(part.path, part) as Writable | undefined
    if (typeof sink?.write !== 'function') {
      const message = 'open of rotatingSink() must give a sink for each part, such as srtSink(path); it gave none'
      throw new ConfigurationError('INVALID_PIPELINE', message)
    }
    guard(sink)
    relayLiveness(sink, () => this)
    sink.on('warning', (warning: Warning) => this.emit('warning', warning))
    sink.on('error', (error) => {
      this.#failure ??= error
      this.destroy(error)
    })
    return (this.#sink = sink)
  }

  /** Hands a record to the part that is open, or to the next. */
  #tell(...told: Told): void {
    const [event, record] = told
    if (this.#sink !== undefined) this.#sink.emit(event, this.#placed(record))
    else if (this.#kept.length < MOST_KEPT) this.#kept.push(told)
  }

  /** Closes the present part; resolves when its file is whole. */
  async #end(): Promise<void> {
    const sink = this.#sink
    if (sink === undefined) return
    // Of a part that is closed no checkpoint asks any more whether it is on the disk: its sink is to see to that.
    if (this.#journal !== undefined) await this.#written(sink, new CommitRequest(1, () => {}))
    sink.end()
    await finished(sink).catch((error: unknown) => {
      throw this.#failure ?? toError(error)
    })
    this.#sink = undefined
  }

  /** With the times of its part, which begins at `start`. */
  #placed<T extends Captionable | Gap | UnrecognizedSpeech>(item: T, start = this.parts.at(-1)?.start ?? 0): T {
    if (this.#options.times !== 'restart' || start === 0) return item
    // What comes late began in the part before.
    const moved = <Timed extends { start: number; end: number }>(timed: Timed): Timed => ({
      ...timed,
      start: Math.max(0, timed.start - start),
      end: Math.max(0, timed.end - start),
    })
    return 'words' in item ? { ...moved(item), words: item.words.map(moved) } : moved(item)
  }
}

/** Order of the first turn of a part, and where the part begins. */
interface Beginning {
  order: number
  start: number
}

/** What a checkpoint says of the parts: a plain value. */
interface RotationState {
  part: RotatedPart
  /** `null` where it ends by size alone. */
  until: number | null
  firstOrder: number
  /** Absent in what earlier versions wrote. */
  beginnings?: readonly Beginning[]
  startedAt: number
  lateRevisions: number
  /** Name and options of the sink of a part. */
  sink: readonly [string, string]
  /** What that sink said. */
  inner?: unknown
}

/** What can go on with a part, which is a file. @throws ConfigurationError `INVALID_PIPELINE` */
function outputOf(sink: Writable, { path: file }: RotatedPart): ResumableOutput {
  const { [resumableOutput]: output } = sink as { [resumableOutput]?: ResumableOutput }
  if (output?.path === file) return output
  const message =
    'run() cannot keep a checkpoint: open of rotatingSink() must give a sink of this library that writes to its path' +
    (output === undefined ? '' : `, ${file}, and not to ${output.path}`)
  throw new ConfigurationError('INVALID_PIPELINE', message)
}

/** What notes which parts are begun, loaded where there is a checkpoint. */
async function journals(): Promise<typeof PartJournal> {
  return (await import('./part-journal.ts')).PartJournal
}

/** The error for a part that was closed by somebody else; that of one that failed is its own. */
function closedEarly(error: Error): Error {
  if (errorCode(error) !== 'ERR_STREAM_DESTROYED') return error
  return new ConfigurationError('INVALID_PIPELINE', 'a part was closed before everything was written to it')
}

/** The name of a part; one that no file has. */
function freePath(pattern: string, number: number, start: Date): string {
  const [date = '', time = ''] = start.toISOString().slice(0, 19).split('T')
  const { dir, base } = path.parse(pattern)
  const fill = (count: number): string =>
    base
      .replaceAll('{number}', String(count).padStart(4, '0'))
      .replaceAll('{date}', date)
      .replaceAll('{time}', time.replaceAll(':', '-'))
  if (base.includes('{number}')) {
    for (let count = number; ; count++) {
      const file = path.join(dir, fill(count))
      if (!existsSync(file)) return file
    }
  }
  const { name, ext } = path.parse(fill(number))
  for (let count = 1; ; count++) {
    const file = path.join(dir, `${name}${count === 1 ? '' : `-${count}`}${ext}`)
    if (!existsSync(file)) return file
  }
}
