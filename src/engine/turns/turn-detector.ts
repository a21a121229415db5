import type { EngineSettings } from '../engine.ts'
import { speechFrameMs } from '../parts.ts'

/** The settings that say where turns end; see {@link TurnDetector}. */
type TurnDetectorSettings = Pick<EngineSettings, 'minTurnSilence' | 'maxTurnSilence'>

/** What a frame meant for the turn; times in ms from the first frame. */
export type TurnEvent =
  | { type: 'start'; at: number }
  /** The turn is over; its last speech ended at `at`. */
  | { type: 'end'; at: number }

/** A turn starts where this many frames ... */
const startFrames = 6
/** ... of this many last ones are speech. */
const startWindow = 10
/** In a turn, a lone speech frame does not break the silence; this many of the last four do. */
const resumeFrames = 2
const resumeWindow = 4
/** Speech in ms a turn must hold before it can seem finished. */
const finishedSpeechMs = 500

/**
 * Finds turns, one 10 ms frame at a time. A turn seems finished after half a second of speech, and then ends after
 * `minTurnSilence`; a shorter one is given until `maxTurnSilence`.
 */
export class TurnDetector {
  settings: TurnDetectorSettings
  #frame = 0
  inTurn = false
  #recent: boolean[] = []
  #speechFrames = 0
  #lastSpeech = 0

  constructor(settings: TurnDetectorSettings) {
    this.settings = settings
  }

  get lastSpeech(): number {
    return this.#lastSpeech * speechFrameMs
  }

  /** Takes the next frame: whether it is speech. */
  accept(speech: boolean): TurnEvent | undefined {
    this.#frame++
    this.#recent.push(speech)
    if (this.#recent.length > startWindow) this.#recent.shift()
    return this.inTurn ? this.#continue(speech) : this.#begin()
  }

  /** Closes the open turn from outside: the next speech starts another. */
  close(): void {
    this.inTurn = false
    this.#recent = []
  }

  #begin(): TurnEvent | undefined {
    const count = this.#recent.filter(Boolean).length
    if (count < startFrames) return undefined
    this.inTurn = true
    this.#speechFrames = count
    this.#lastSpeech = this.#frame
    const first = this.#recent.indexOf(true)
    return { type: 'start', at: (this.#frame - this.#recent.length + first) * speechFrameMs }
  }

  #continue(speech: boolean): TurnEvent | undefined {
    if (speech) this.#speechFrames++
    if (this.#recent.slice(-resumeWindow).filter(Boolean).length >= resumeFrames && speech) {
      this.#lastSpeech = this.#frame
      return undefined
    }
    const silence = (this.#frame - this.#lastSpeech) * speechFrameMs
    const { minTurnSilence, maxTurnSilence } = this.settings
    const finished = this.#speechFrames * speechFrameMs >= finishedSpeechMs
    // Zero silence cannot end a turn between two frames of one word.
    const needed = Math.max(2 * speechFrameMs, finished ? Math.min(minTurnSilence, maxTurnSilence) : maxTurnSilence)
    if (silence < needed) return undefined
    this.close()
    return { type: 'end', at: this.#lastSpeech * speechFrameMs }
  }
}
