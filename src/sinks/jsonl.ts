import type { Writable } from 'node:stream'
import {
  formatJsonlEvent,
  formatJsonlItem,
  jsonlContextEvents,
  jsonlContexts,
  jsonlEvents,
} from '../captions/formats/jsonl.ts'
import { checkSpeakerNames, type SpeakerNames } from '../captions/speakers.ts'
import { CertaintyCount, type CertaintyState } from '../certainty.ts'
import { type Captionable, isCue, isSegment } from '../model.ts'
import { checkOptions } from '../options.ts'
import type { UnrecognizedSpeech } from '../stream/options.ts'
import { openTarget, type SinkTarget } from './destination.ts'
import { sinkChecks, TextSink, type Sink, type SinkOptions } from './text-sink.ts'

/** Options of {@link jsonlSink}. */
export interface JsonlSinkOptions extends SinkOptions {
  /** Display names by speaker label; they become the field `name` of the records. @defaultValue `{}` */
  speakers?: SpeakerNames
}

/**
 * Writes one JSON record a line: `type` is `turn`, `segment` or `cue` for what the sink is given, and `session`, `gap` or
 * `unrecognized` for the events of those names of the stages above. Turns and segments are keyed by `order` and `revision`: a
 * later line of the same `order` with a higher `revision` replaces the earlier. Partial turns are written too, with
 * `endOfTurn: false`.
 *
 * Lines are appended at once. Records of events wait for the first turn, segment or cue, so that a file is made only
 * where there is something to hold, or at the end. The last record, of the type `summary`, says in its field `certainty`, which
 * is a {@link CertaintyFigures}, how sure one may be of the words of the file. It stands in none that was not finished, that
 * was read again from a file without it, or that holds nothing.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function jsonlSink(target?: SinkTarget, options: JsonlSinkOptions = {}): Sink {
  checkOptions('jsonlSink()', options, { speakers: checkSpeakerNames, ...sinkChecks })
  const trailer = new Trailer()
  const sink = new TextSink('jsonlSink()', openTarget(target, options.end ?? true), options, {
    textOf: (item) => {
      trailer.add(item)
      const { before = '', after = '' } = jsonlContexts.get(item) ?? {}
      return before + formatJsonlItem(item, options.speakers) + after
    },
    end: () => trailer.text,
    state: () => trailer.state,
    resumeFrom: (state) => trailer.resumeFrom(state),
  })
  for (const event of jsonlEvents) {
    sink.on(event, (record: object) => {
      const speech = event === 'unrecognized' ? (record as UnrecognizedSpeech) : undefined
      if (speech !== undefined && trailer.has(speech)) return
      const note = (): void => {
        if (speech !== undefined) trailer.addUnrecognized(speech)
      }
      if (jsonlContextEvents.has(record)) note()
      else sink.writeAside(formatJsonlEvent(event, record), note)
    })
  }
  return sink as Writable as Sink
}

interface TrailerState extends CertaintyState {
  unrecognizedUntil: number
}

/** What the last record says of those before it. */
class Trailer {
  readonly #count = new CertaintyCount()
  /** Ms of the stream up to which there are records of speech that was not recognised, and those before this run. */
  #unrecognizedUntil = 0
  #unrecognizedBefore = 0
  /** Whether all is known that stands before it; what is read from a file has the record of its own, if any. */
  #isKnown = true

  add(item: Captionable): void {
    if (jsonlContexts.has(item)) this.#isKnown = false
    // Revisions change speakers, not words.
    const isNew = isCue(item) || (isSegment(item) ? item.turn.revision === 0 : item.endOfTurn && item.revision === 0)
    if (isNew) this.#count.add(item.words)
  }

  /** Whether the file has it: what came while a checkpoint was made is told of again. */
  has({ end }: UnrecognizedSpeech): boolean {
    return end <= this.#unrecognizedBefore
  }

  addUnrecognized(speech: UnrecognizedSpeech): void {
    this.#unrecognizedUntil = Math.max(this.#unrecognizedUntil, speech.end)
    this.#count.addUnrecognized(speech)
  }

  /** What a run that goes on with the file is to know. */
  get state(): TrailerState | undefined {
    return this.#isKnown ? { ...this.#count.state, unrecognizedUntil: this.#unrecognizedUntil } : undefined
  }

  resumeFrom(state: unknown): void {
    // Earlier versions kept none.
    if (state === undefined) {
      this.#isKnown = false
      return
    }
    const { unrecognizedUntil, ...counted } = state as TrailerState
    this.#unrecognizedUntil = this.#unrecognizedBefore = unrecognizedUntil
    this.#count.resumeFrom(counted)
  }

  get text(): string {
    const { figures: certainty } = this.#count
    const isEmpty = certainty.words === 0 && certainty.unrecognizedMs === 0 && certainty.repeatedWords === 0
    return this.#isKnown && !isEmpty ? formatJsonlEvent('summary', { certainty }) : ''
  }
}
