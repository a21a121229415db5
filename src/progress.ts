import type { EventEmitter } from 'node:events'

/** How far a pipeline has come. */
export interface Progress {
  /** Seconds of audio done. */
  seconds: number
  /** Final turns so far. */
  turns: number
  /** Labels of the speakers heard so far, in order of appearance. */
  speakers: string[]
  /** Seconds of audio done in a second. */
  speed: number
  /** Seconds since the pipeline began. */
  elapsedSeconds: number
}

/** Reports come no more often than this, but for the last. */
const INTERVAL_MS = 250

/** Tells a listener what the stages say in their `progress` events. */
export class ProgressReporter {
  readonly #listener: ((progress: Progress) => unknown) | undefined
  readonly #fail: (error: Error) => void
  readonly #began = performance.now()
  readonly #tidy: (() => void)[] = []
  #latest = { audioMs: 0, turns: 0, speakers: [] as string[] }
  #reported = -Infinity
  /** The report that the listener is busy with. */
  #busy: Promise<void> | undefined

  /**
   * @param listener - called with each report.
   * @param fail - called with what the listener throws or rejects with.
   */
  constructor(listener: ((progress: Progress) => unknown) | undefined, fail: (error: Error) => void) {
    this.#listener = listener
    this.#fail = fail
  }

  /** Listens to the `progress` events of `stage`. */
  follow(stage: EventEmitter): void {
    if (this.#listener === undefined) return
    const onProgress = (facts: Partial<{ audioMs: number; turns: number; speakers: string[] }>) => {
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
    stage.on('progress', onProgress)
    this.#tidy.push(() => stage.off('progress', onProgress))
  }

  /** Gives the last report, once the one before is done; rejects with what the listener throws. */
  async finish(): Promise<void> {
    this.stop()
    await this.#busy
    await this.#report()
  }

  /** Listens no longer. */
  stop(): void {
    for (const off of this.#tidy.splice(0)) off()
  }

  async #report(): Promise<void> {
    const elapsedSeconds = (performance.now() - this.#began) / 1000
    const seconds = this.#latest.audioMs / 1000
    const { turns, speakers } = this.#latest
    const speed = elapsedSeconds > 0 ? seconds / elapsedSeconds : 0
    await this.#listener?.({ seconds, turns, speakers: [...speakers], speed, elapsedSeconds })
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
