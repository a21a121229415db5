import type { Readable, Writable } from 'node:stream'
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

/** A field of stages whose output is headerless PCM: the {@link AudioFormat} of it, known at the first byte at the latest. */
export const pcmFormat = Symbol.for('diarize-stream.pcmFormat')

/**
 * A method of sources that are to be told when they are to end before their input does: what they hold is given out or
 * dropped, they end as if the input had ended here, and whatever they own (a child process, say) goes without an error.
 */
export const endEarly = Symbol.for('diarize-stream.endEarly')

/** A field, `true`, of stages whose audio comes from a source that cannot be held back. */
export const liveSource = Symbol.for('diarize-stream.liveSource')

/** A field of live sources: the wall time at which the first sample was recorded, a `Date`, once it is known. */
export const streamStartedAt = Symbol.for('diarize-stream.streamStartedAt')

/** A field, `true`, of stages that give out turns, segments or cues, which only a sink for them can take. */
export const recordStage = Symbol.for('diarize-stream.recordStage')

/** A stage as its downstream neighbour sees it. */
export interface UpstreamStage extends Readable {
  [requestFormat]?: (format: RequestedFormat) => boolean
  [pcmFormat]?: AudioFormat | undefined
  readonly [liveSource]?: boolean | undefined
  readonly [streamStartedAt]?: Date | undefined
}

/** Calls `listener` with each stage that is piped into `stage`, before any of its data. */
export function onUpstream(stage: Writable, listener: (upstream: UpstreamStage) => void): void {
  stage.on('pipe', (upstream) => listener(upstream))
}

/**
 * Events that concern every stage below the one that emits them, and so are passed on downstream: `session` and `gap`
 * become JSONL records, `warning` reaches whoever listens on the last stage only.
 */
export const relayedEvents = ['session', 'gap'] as const

/** Re-emits the {@link relayedEvents} of whatever is piped into `stage` on `stage` itself. */
export function relayEvents(stage: Writable): void {
  onUpstream(stage, (upstream) => {
    for (const event of relayedEvents) {
      upstream.on(event, (record: unknown) => {
        stage.emit(event, record)
      })
    }
  })
}
