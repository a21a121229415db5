import type { OutputError } from '../errors.ts'

/** What a sink writes to. The calls never overlap, except for `interrupt`, which comes at any time. */
export interface Destination {
  /** Absolute path, where it is a file. */
  readonly path?: string
  /** Trouble found before any work started. */
  readonly trouble?: OutputError | undefined
  /** Calls `listener` once if the destination fails by itself, between two writes. */
  onFailure?(listener: (error: OutputError) => void): void
  /** Writes whole blocks of text; resolves when more may come. */
  write(text: string): Promise<void>
  /** Completes the output after a success. Where nothing has been written, it is made now and holds `empty`. */
  finish(empty: string): Promise<void>
  /** Makes a write that waits give up, and every later one. */
  interrupt(error: Error): void
  /**
   * Lets go of everything after a failure. What was written stays; where nothing was, nothing is left.
   *
   * @param rest - whole blocks that are written yet, where that is possible without waiting for anybody.
   */
  abandon(error: Error | null, rest: string): Promise<void>
}
