import type { Readable } from 'node:stream'
import type { ReconnectSettings } from './reconnect-options.ts'

/** What a `ReconnectingSource` opens, and how it goes on. */
export interface ReconnectingSourceOptions extends ReconnectSettings {
  /** The input as people know it, for messages; free of credentials. */
  inputName: string
  /**
   * Opens the input once more: WAV of any length; a stage that can be asked for its format by `[requestFormat]` is
   * asked, others must come back with the format they had. Destroyed when it is no longer wanted.
   *
   * @param attempt - from 1.
   * @throws what ends the source for good. What a promise rejects with is told to `explain` first.
   */
  open: (attempt: number) => Readable | Promise<Readable>
  /**
   * What an opening that ended with `error`, or in order, means: the error that is tried again, or said where no retry is
   * left; or, in `final`, one that no retry mends; or `'complete'`, if that was all. By default an end is a loss.
   *
   * @param heard - whether the source has given audio, in this opening or before.
   */
  explain?: (error: Error | undefined, heard: boolean) => 'complete' | { error: Error; final: boolean }
  /** Called whenever an opening gives audio. */
  onAudio?: () => void
  /** A clock in ms that never goes back. @defaultValue `performance.now` */
  now?: () => number
}

/** An attempt to open a live source again, given to listeners of its `reconnecting` event. */
export interface SourceReconnecting {
  /** From 1; back to 1 once there was audio again. */
  attempt: number
  /** Ms until the attempt. */
  delay: number
  /** Why the last attempt ended. */
  error: Error
}
