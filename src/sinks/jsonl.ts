import type { Writable } from 'node:stream'
import { checkBoolean, checkKnown, checkSignal } from '../options.ts'
import { formatJsonlEvent, formatJsonlItem, jsonlContextEvents, jsonlContexts } from '../captions/formats/jsonl.ts'
import { checkSpeakerNames, type SpeakerNames } from '../captions/speakers.ts'
import type { SinkTarget } from './destination.ts'
import { TextSink, type Sink, type SinkOptions } from './text-sink.ts'

/** Options of {@link jsonlSink}. */
export interface JsonlSinkOptions extends SinkOptions {
  /** Display names by speaker label; they become the field `name` of the records. @defaultValue `{}` */
  speakers?: SpeakerNames
}

/**
 * Writes one JSON record a line: `type` is `turn`, `segment` or `cue` for what the sink is given, and `session` or
 * `gap` for the events of those names of the stages above. Turns and segments are keyed by `order` and `revision`: a
 * later line of the same `order` with a higher `revision` replaces the earlier. Partial turns are written too, with
 * `endOfTurn: false`.
 *
 * Lines are appended at once. Records of events wait for the first turn, segment or cue, so that a file is made only
 * where there is something to hold, or at the end.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function jsonlSink(target?: SinkTarget, options: JsonlSinkOptions = {}): Sink {
  checkKnown('jsonlSink()', options, ['speakers', 'end', 'signal'])
  checkSpeakerNames('speakers', options.speakers)
  checkBoolean('end', options.end)
  checkSignal('signal', options.signal)
  const sink = new TextSink('jsonlSink()', target, options, {
    textOf: (item) => {
      const { before = '', after = '' } = jsonlContexts.get(item) ?? {}
      return before + formatJsonlItem(item, options.speakers) + after
    },
  })
  for (const event of ['session', 'gap'] as const) {
    sink.on(event, (record: object) => {
      if (!jsonlContextEvents.has(record)) sink.writeAside(formatJsonlEvent(event, record))
    })
  }
  return sink as Writable as Sink
}
