import type { CertaintyFigures } from '../certainty.ts'
import { isDestination, type OutputDestination } from '../destinations/destination.ts'
import type { TypedReadable } from '../events.ts'
import type { Captionable } from '../model.ts'
import { checkOptions, checkSignal } from '../options.ts'
import type { Gap, UnrecognizedSpeech } from '../stream/options.ts'
import { transcriptPath, transcriptStream } from './transcript-file.ts'

/** Options of {@link jsonlSource}. */
export interface JsonlSourceOptions {
  /** Destroys the stage when it fires. */
  signal?: AbortSignal
}

/** Events of a transcript that is read again, beside those of every readable stage. */
export interface JsonlSourceEvents {
  /** A session that was heard when the file was made, as its record has it. */
  session: [record: Record<string, unknown>]
  /** Audio that nobody heard then. */
  gap: [gap: Gap]
  /** Speech that was not understood then. */
  unrecognized: [speech: UnrecognizedSpeech]
  /** How far it has come; of segments and cues, what counts as a turn is a run of one speaker. */
  progress: [
    progress: {
      audioMs: number
      turns: number
      speakers: string[]
      languages: string[]
      certainty: CertaintyFigures
    },
  ]
}

/** A transcript out of a file: turns, segments or cues. */
export type JsonlSource = TypedReadable<JsonlSourceEvents, Captionable>

/**
 * Reads what `jsonlSink()` has written: turns, segments and cues as they were, for any sink. So names, presets and formats are
 * changed without hearing the audio again:
 *
 * ```ts
 * await run(jsonlSource('talk.jsonl'), srtSink('talk.srt', { speakers: { A: 'Alice' }, layout: 'bbc' }))
 * ```
 *
 * Revisions come in their places. The records `session`, `gap` and `unrecognized` are events; with all other records they are written again
 * where they stood by a `jsonlSink()` below, so that a file of `jsonlSink()` comes out as it went in.
 *
 * Fails with `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`, or, for a line that is no such record, `INPUT_NOT_MEDIA`.
 *
 * @param file - a path, a `file:` URL, `-` for the standard input, or a destination that `jsonlSink()` writes to.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event session object - a session that was heard when the file was made
 * @event gap Gap - audio that nobody heard then
 * @event unrecognized UnrecognizedSpeech - speech that was not understood then
 * @event progress object - how far it has come
 */
export function jsonlSource(file: string | URL | OutputDestination, options: JsonlSourceOptions = {}): JsonlSource {
  checkOptions('jsonlSource()', options, { signal: checkSignal })
  const path = isDestination(file) ? file : transcriptPath(file)
  const tell = (event: string, record: object): void => void source.emit(event, record)
  const source = transcriptStream(async function* (reader) {
    const { readItems } = await import('./jsonl-records.ts')
    yield* readItems(path, tell, reader)
  }, options.signal)
  return source as JsonlSource
}
