import { invalidOption } from '../../options.ts'
import { checkVoiceBook, type VoiceBook } from '../../voices/book.ts'

/** A stretch of a recording. */
export interface TimeSpan {
  /** First millisecond. */
  start: number
  /** Millisecond at which it ends. */
  end: number
}

/** Options of {@link enrolVoice}. */
export interface EnrolVoiceOptions {
  /** Where in the recording the voice speaks, and nobody else; 3 minutes are looked at. @defaultValue the first 3 minutes */
  spans?: readonly TimeSpan[]
  /** Gives up; nothing is added. @defaultValue none */
  signal?: AbortSignal
}

/** What was added to a book. */
export interface EnrolledVoice {
  name: string
  /** Speech that was found, in ms. */
  speechMs: number
  /** Whether it sounds as by telephone; it is then known again by telephone only. */
  narrowband: boolean
  /** What the book called the voice so far, where it had learned it by itself: that voice has the name now. */
  learnedAs?: string
}

/** With less speech a voice would mostly not be known again, ms. */
export const leastSpeechMs = 2000

/**
 * Adds the voice that speaks in a recording to a book, under `name`; {@link VoiceBook.save} writes it. A voice that the book
 * has learned by itself, and which surely is this one, gets the name, so that nobody is in the book twice.
 *
 * ```ts
 * await enrolVoice(book, 'Alice', fileSource('alice.wav'))
 * await book.save()
 * ```
 *
 * @param source - a source that ends, such as `fileSource()`, or any Readable of WAV.
 * @throws (rejects with) VoiceBookError `VOICE_UNCLEAR` where there is less than 2 s of speech, or more than one voice;
 * `VOICES_MODEL_MISMATCH`, `VOICES_FULL`; EngineError where the speaker model is missing; what the source fails with.
 */
export async function enrolVoice(
  book: VoiceBook,
  name: string,
  source: NodeJS.ReadableStream,
  options: EnrolVoiceOptions = {},
): Promise<EnrolledVoice> {
  checkVoiceBook('book', book)
  if (typeof (source as Partial<NodeJS.ReadableStream> | null | undefined)?.pipe !== 'function') {
    throw invalidOption('source', 'a Readable, e.g. fileSource(path)', source)
  }
  // What it fails with meanwhile, the pipeline tells.
  source.on('error', () => {})
  const { enrol } = await import('./enrolment.ts')
  return enrol(book, name, source, options)
}
