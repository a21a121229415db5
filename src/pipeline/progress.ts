import type { EventEmitter } from 'node:events'
import { CertaintyCount, type CertaintyFigures } from '../certainty.ts'
import type { Warning } from '../errors.ts'
import { defined } from '../options.ts'
import type { Gap, HeardRange } from '../stream/options.ts'
import { toError } from '../stream-helpers.ts'
import type { DiarizeProgress } from '../transforms/diarize-events.ts'

/** How far a pipeline has come. */
export interface Progress {
  /** Audio sent to the engine, in ms. */
  audioMs: number
  /** Audio done, in ms: that of which all words are final. It may be far behind what was sent, which waits to be heard. */
  doneMs: number
  /** Length of the audio that is heard in all, in ms; absent where the source does not know, as a live one. */
  totalMs?: number
  /** Final turns so far. */
  turns: number
  /** Labels of the speakers of the final turns so far, as these were last revised, in order of appearance. */
  speakers: string[]
  /** How much faster than the audio plays it is done: 2 for twice as fast. */
  speed: number
  /** Time since the pipeline began, in ms. */
  elapsedMs: number
}

/** How much an input that was cut off lacks. */
export interface Truncation {
  /** In bytes. */
  missing: number
  /** In ms, where that is known. */
  missingMs?: number
}

/** What a pipeline has done, said once it is complete. */
export interface RunSummary {
  /** Audio done, in ms. */
  audioMs: number
  /** Final turns. */
  turns: number
  /** Labels of the speakers of the final turns, as these were last revised, in order of appearance. */
  speakers: string[]
  /** Names that a voice book has for them, by label, such as `{ A: 'Alice' }`; absent where it has had none. */
  speakerNames?: Record<string, string>
  /** Languages of the turns, where the engine says so, that of most turns first. */
  languages: string[]
  /** How sure one may be of the words; all zero where no stage counts them. */
  certainty: CertaintyFigures
  /**
   * Audio that no session heard, each from `start` to `end` in ms of the stream, in order of `start`; what was lost more
   * than once, on the same channel, is there once. Empty where nothing is missing.
   */
  gaps: Gap[]
  /** What the input lacks by its own header, which says that it was longer; absent where nothing is. */
  truncated?: Truncation
  /** Attempts to open again what was lost: a session, or the input of a source. */
  reconnects: number
  /** Time the pipeline took, in ms. */
  elapsedMs: number
}

/** What stages say in their `progress` events; `doneMs` is absent where it is `audioMs`. */
type Facts = Omit<DiarizeProgress, 'doneMs'> & { doneMs?: number }

/** How much of a recording of `duration` ms, where that is known, is in a range; ms. */
export function lengthOf(duration: number | undefined, range: HeardRange = {}): number | undefined {
  const rest = duration === undefined ? undefined : Math.max(0, duration - (range.start ?? 0))
  return rest === undefined ? range.duration : Math.min(rest, range.duration ?? rest)
}

/** Reports come no more often than this, but for the last. */
const INTERVAL_MS = 250

/** Tells a listener what the stages say in their `progress` events, and sums up what they did. */
export class ProgressReporter {
  readonly #listener: ((progress: Progress) => unknown) | undefined
  readonly #fail: (error: Error) => void
  readonly #began = performance.now()
  readonly #tidy: (() => void)[] = []
  #latest: Facts = {
    audioMs: 0,
    turns: 0,
    speakers: [],
    languages: [],
    certainty: new CertaintyCount().figures,
  }
  /** Stages pass gaps on downstream, so one gap is heard several times. */
  readonly #gaps = new Set<Gap>()
  #truncated: Truncation | undefined
  #reconnects = 0
  #source: (EventEmitter & { duration?: unknown }) | undefined
  #reported = -Infinity
  /** The report that the listener is busy with. */
  #busy: Promise<void> | undefined

  /** @param listener - called with each report. @param fail - called with what the listener throws or rejects with. */
  constructor(listener: ((progress: Progress) => unknown) | undefined, fail: (error: Error) => void) {
    this.#listener = listener
    this.#fail = fail
  }

  /** Listens to the `progress`, `gap` and `reconnecting` events of `stage`; the first one may know its `duration`. */
  follow(stage: EventEmitter): void {
    this.#source ??= stage
    const onProgress = (facts: Partial<Facts>) => {
      this.#latest = { ...this.#latest, ...facts }
      const now = performance.now()
      if (this.#busy !== undefined || now - this.#reported < INTERVAL_MS) return
      this.#reported = now
      this.#busy = this.#report()
      this.#busy.then(
        () => (this.#busy = undefined),
        (error: unknown) => this.#fail(toError(error)),
      )
    }
    const onGap = (gap: Gap): void => void this.#gaps.add(gap)
    const onReconnecting = (): void => void (this.#reconnects += 1)
    const onWarning = (warning: Partial<Warning> & Partial<Truncation>): void => {
      const { code, missing, missingMs } = warning
      if (code !== 'INPUT_TRUNCATED' || typeof missing !== 'number') return
      this.#truncated = { missing, ...(typeof missingMs === 'number' && { missingMs }) }
    }
    const listeners = { progress: onProgress, gap: onGap, reconnecting: onReconnecting, warning: onWarning }
    for (const [event, listener] of Object.entries(listeners)) {
      stage.on(event, listener)
      this.#tidy.push(() => stage.off(event, listener))
    }
  }

  /** Takes in what was lost before this run, of which it is the rest. */
  resumeFrom(gaps: readonly Gap[]): void {
    for (const gap of gaps) this.#gaps.add(gap)
  }

  /** Gives the last report, once the one before is done, and then the sum; rejects with what the listener throws. */
  async finish(): Promise<RunSummary> {
    this.stop()
    await this.#busy
    await this.#report()
    const { audioMs, turns, speakers, speakerNames, languages, certainty } = this.#latest
    return {
      audioMs,
      turns,
      speakers: [...speakers],
      ...(speakerNames !== undefined && { speakerNames: { ...speakerNames } }),
      languages: [...languages],
      certainty: { ...certainty },
      gaps: joined([...this.#gaps]),
      ...defined({ truncated: this.#truncated }),
      reconnects: this.#reconnects,
      elapsedMs: Math.ceil(performance.now() - this.#began),
    }
  }

  stop(): void {
    for (const off of this.#tidy.splice(0)) off()
  }

  async #report(): Promise<void> {
    const elapsedMs = Math.ceil(performance.now() - this.#began)
    const { audioMs, doneMs = audioMs, turns, speakers } = this.#latest
    const speed = elapsedMs > 0 ? doneMs / elapsedMs : 0
    const { duration } = this.#source ?? {}
    const totalMs = lengthOf(typeof duration === 'number' ? duration : undefined, this.#latest.range)
    await this.#listener?.({
      audioMs,
      doneMs,
      ...defined({ totalMs }),
      turns,
      speakers: [...speakers],
      speed,
      elapsedMs,
    })
  }
}

/** Gaps in order, those of a channel as one where they overlap or touch: audio that is replayed may be lost again. */
function joined(gaps: readonly Gap[]): Gap[] {
  const all: Gap[] = []
  const last = new Map<string | undefined, number>()
  for (const gap of gaps.toSorted((a, b) => a.start - b.start)) {
    const { start, end, channel } = gap
    const index = last.get(channel)
    const before = index === undefined ? undefined : all[index]
    // What a source skipped takes up no time of the stream, and is a loss by itself.
    if (index === undefined || before === undefined || start > before.end || start === end) {
      if (start < end) last.set(channel, all.length)
      all.push(gap)
    } else if (end > before.end) {
      all[index] = { start: before.start, end, ...defined({ channel }) }
    }
  }
  return all
}
