import type { Engine } from '../../src/engine/engine.ts'
import { TONE_RATE } from '../../src/testing/index.ts'
import { StampReader } from './stamps.ts'

const SAMPLES_PER_MS = TONE_RATE / 1000

/** What one session of a {@link listening} engine was given and said. */
export interface ListenedSession {
  /** Which milliseconds of the stream it was given. */
  audio: StampReader
  /** Texts of all words it reported in finals, in order. */
  words: string[]
  /** Most milliseconds of audio by which it was ahead of the clock, which runs `pace` times as fast as ours. */
  aheadMs: number
}

/** An engine whose sessions are on record. */
export interface ListeningEngine extends Engine {
  /** In order of opening. */
  readonly sessions: readonly ListenedSession[]
}

/**
 * The same engine, with a record of what every session of it hears.
 *
 * @param pace - milliseconds of audio per millisecond that sessions are to be sent at most.
 */
export function listening(engine: Engine, pace = Infinity): ListeningEngine {
  const sessions: ListenedSession[] = []
  return {
    name: engine.name,
    ...(engine.model === undefined ? {} : { model: engine.model }),
    sampleRate: engine.sampleRate,
    fasterThanRealTime: engine.fasterThanRealTime,
    sessions,
    async open(settings, listener) {
      const record: ListenedSession = { audio: new StampReader(), words: [], aheadMs: 0 }
      const openedAt = performance.now()
      let receivedMs = 0
      sessions.push(record)
      const session = await engine.open(settings, {
        speechStarted: (atMs, confidence) => listener.speechStarted(atMs, confidence),
        turn(turn) {
          if (turn.endOfTurn) record.words.push(...turn.words.map((word) => word.text))
          listener.turn(turn)
        },
        revision: (revisions) => listener.revision(revisions),
        failed: (error) => listener.failed(error),
      })
      return {
        write(samples) {
          record.audio.push(samples)
          receivedMs += samples.length / SAMPLES_PER_MS
          const due = pace === Infinity ? Infinity : (performance.now() - openedAt) * pace
          record.aheadMs = Math.max(record.aheadMs, receivedMs - due)
          return session.write(samples)
        },
        forceEndpoint: () => session.forceEndpoint(),
        configure: (update) => session.configure(update),
        end: () => session.end(),
        destroy: () => session.destroy(),
      }
    },
  }
}
