import { type Duplex, PassThrough, type Readable, type Writable } from 'node:stream'
import type { AudioFormat } from './audio/format.ts'

/**
 * How stages learn of each other without the user wiring anything: `.pipe()` (and so `pipeline()`) tells the lower
 * stage about the upper one, and well-known symbols on the upper one say what it can do.
 */

/** What can be asked of an FFmpeg-backed stage: a format, whose channels are those of the input where it names none. */
export type RequestedFormat = Omit<AudioFormat, 'channels'> & { channels?: number }

/**
 * A method of FFmpeg-backed stages: asks for WAV in `format` instead of the input's own. Returns `false` once the
 * process runs, since the header is out by then.
 */
export const requestFormat = Symbol.for('diarize-stream.requestFormat')

/**
 * A method of FFmpeg-backed stages: starts the process now, for a `format` that the stage below will ask for. What it says is
 * told once somebody reads. Resolves when it has been started, or cannot be.
 */
export const startAhead = Symbol.for('diarize-stream.startAhead')

/**
 * A method of `diarize()`: makes the connection of its first session now, and not only once something is piped in. Resolves when
 * that has begun, or cannot be.
 */
export const connectAhead = Symbol.for('diarize-stream.connectAhead')

/**
 * A method of FFmpeg-backed stages: asks for packets of mono Opus in Ogg instead of WAV, as the user has wished it of them,
 * where the input is that; or says why the stage below cannot take them. Returns whether there may be some; whether there
 * are, tells the first byte.
 */
export const requestPackets = Symbol.for('diarize-stream.requestPackets')

/**
 * A method of sources, before they begin: begins at so many ms, or at 0; returns where. The audio before that does not come.
 * A source that knows its input by then only calls what it is given besides once it does, which throws where it is another.
 */
export const seekTo = Symbol.for('diarize-stream.seekTo')

/** A method of sources: whether every sample would have the same time if they had begun later. */
export const canSeek = Symbol.for('diarize-stream.canSeek')

/** A field of stages whose output is headerless PCM: the {@link AudioFormat} of it, known at the first byte at the latest. */
export const pcmFormat = Symbol.for('diarize-stream.pcmFormat')

/**
 * A method of stages that learn from what they hear: is given the {@link inputIdentity} of the source by `run()`, so that a recording
 * which is heard again teaches nothing twice.
 */
export const learnsFrom = Symbol.for('diarize-stream.learnsFrom')

/**
 * A method of sources that are to be told when they are to end before their input does: what they hold is given out or
 * dropped, they end as if the input had ended here, and whatever they own (a child process, say) goes without an error.
 */
export const endEarly = Symbol.for('diarize-stream.endEarly')

/** A method of stages that judge whether their input is whole: is called where that is about to be ended before its end. */
export const inputEndsEarly = Symbol.for('diarize-stream.inputEndsEarly')

/**
 * A field of stages: `true` where the audio comes from a source that cannot be held back, `false` where it is that of a whole
 * file; absent where that is not known.
 */
export const liveSource = Symbol.for('diarize-stream.liveSource')

/** A field of live sources: the wall time at which the first sample was recorded, a `Date`, once it is known. */
export const streamStartedAt = Symbol.for('diarize-stream.streamStartedAt')

/** A field, `true`, of stages that give out turns, segments or cues, which only a sink for them can take. */
export const recordStage = Symbol.for('diarize-stream.recordStage')

export interface UpstreamStage extends Readable {
  [requestFormat]?: (format: RequestedFormat) => boolean
  [endEarly]?: () => void
  [startAhead]?: (format: RequestedFormat) => Promise<void>
  [requestPackets]?: (refusal: string | undefined) => boolean
  [pcmFormat]?: AudioFormat | undefined
  readonly [liveSource]?: boolean | undefined
  readonly [streamStartedAt]?: Date | undefined
}

export interface HearingStage extends Duplex {
  [connectAhead]?: () => Promise<void>
}

const stages = new WeakSet<object>()
/** Streams of the user, which say nothing of the stage above them, and what is piped into each. */
const feeders = new WeakMap<object, UpstreamStage>()
/** What each stream is piped into. */
const destinations = new WeakMap<object, Set<NodeJS.WritableStream>>()

/** Makes what `stage` says of itself known below streams of the user that it is piped into. Each stage calls it. */
export function announce(stage: Readable | Writable): void {
  if (stages.has(stage)) return
  stages.add(stage)
  if ('pipe' in stage) noteWhatFeeds(stage as Readable)
}

/** Whether `value` is a stage of this library. */
export function isStage(value: unknown): boolean {
  return typeof value === 'object' && value !== null && stages.has(value)
}

/** Notes which streams of the user `stage` is piped into, and those that these are piped into. */
function noteWhatFeeds(stage: Readable): void {
  const pipe = stage.pipe.bind(stage)
  const noting: Readable['pipe'] = (destination, options) => {
    destinations.set(stage, (destinations.get(stage) ?? new Set()).add(destination))
    if (!stages.has(destination)) {
      const isNew = !feeders.has(destination)
      feeders.set(destination, stage)
      if (isNew && 'pipe' in destination) noteWhatFeeds(destination as unknown as Readable)
    }
    return pipe(destination, options)
  }
  Object.defineProperty(stage, 'pipe', { value: noting, configurable: true, writable: true })
}

/** Calls `listener` with each stage that is piped into `stage`, before any of its data, also through streams of the user. */
export function onUpstream(stage: Writable, listener: (upstream: UpstreamStage) => void): void {
  announce(stage)
  stage.on('pipe', (upstream) => listener(behind(upstream)))
}

/**
 * The stage of ours behind streams of the user. What is no plain PassThrough may change the format of what it is given, but
 * not when that was.
 */
function behind(upstream: UpstreamStage): UpstreamStage {
  let stage = upstream
  let keepsBytes = true
  // Streams may be piped in a circle.
  const seen = new Set<object>()
  for (let feeder = feeders.get(stage); feeder !== undefined && !seen.has(stage); feeder = feeders.get(stage)) {
    seen.add(stage)
    keepsBytes &&= Object.getPrototypeOf(stage) === PassThrough.prototype
    stage = feeder
  }
  if (keepsBytes) return stage
  const times = {
    on: (event: string, listener: (...args: unknown[]) => void) => stage.on(event, listener),
    get [liveSource]() {
      return stage[liveSource]
    },
    get [streamStartedAt]() {
      return stage[streamStartedAt]
    },
  }
  return times as unknown as UpstreamStage
}

/** Calls `done` once every sink of ours that `stage` is piped into, directly or through other streams, has finished or closed. */
export function onSinksDone(stage: Readable, done: () => void): void {
  const open = new Set<Writable>()
  const below = new Set<object>([stage])
  // A set grows while it is gone through; streams may be piped in a circle.
  for (const each of below) {
    for (const destination of destinations.get(each) ?? []) below.add(destination)
    const sink = each as Writable
    if (stages.has(each) && !('read' in each) && !sink.writableFinished && !sink.closed) open.add(sink)
  }
  if (open.size === 0) done()
  for (const sink of open) {
    onSinkDone(sink, () => {
      open.delete(sink)
      if (open.size === 0) done()
    })
  }
}

/** What is to be called when a sink is done: of any number, it has one listener. */
const waiting = new WeakMap<Writable, Set<() => void>>()

function onSinkDone(sink: Writable, done: () => void): void {
  const others = waiting.get(sink)
  if (others !== undefined) return void others.add(done)
  const all = new Set([done])
  waiting.set(sink, all)
  const ended = (): void => {
    for (const each of all) each()
    all.clear()
  }
  sink.once('finish', ended).once('close', ended)
}

/**
 * Events that concern every stage below the one that emits them, and so are passed on downstream: `session` and `gap`
 * become JSONL records, as does `unrecognized`; `warning` reaches whoever listens on the last stage only.
 */
export const relayedEvents = ['session', 'gap', 'unrecognized'] as const

/** Has `stage` say of its audio what `upstream` says. */
export function relayLiveness(stage: Writable, upstream: () => object | undefined): void {
  const get = (): unknown => {
    const above: { [liveSource]?: boolean | undefined } = upstream() ?? {}
    return above[liveSource]
  }
  Object.defineProperty(stage, liveSource, { get, configurable: true })
}

/**
 * Re-emits the {@link relayedEvents} of whatever is piped into `stage` on `stage` itself, which says of its audio what that says.
 *
 * @param change - says what a record becomes; `undefined` for nothing.
 */
export function relayEvents(
  stage: Writable,
  change: (event: (typeof relayedEvents)[number], record: unknown) => unknown = (_event, record) => record,
): void {
  let above: UpstreamStage | undefined
  // A stage of audio says it itself.
  if (!(liveSource in stage)) relayLiveness(stage, () => above)
  onUpstream(stage, (upstream) => {
    above = upstream
    for (const event of relayedEvents) {
      upstream.on(event, (record: unknown) => {
        const changed = change(event, record)
        if (changed !== undefined) stage.emit(event, changed)
      })
    }
  })
}
