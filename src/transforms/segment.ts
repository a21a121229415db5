import { Transform } from 'node:stream'
import type { TypedDuplex } from '../events.ts'
import { isTurn, type Segment } from '../model.ts'
import type { PassedOnEvents } from './diarize-events.ts'
import { checkOptions, checkSignal } from '../options.ts'
import { recordStage, relayEvents } from '../stage.ts'
import { abortBy } from '../stream-helpers.ts'
import { assertCaptionable, turnSegments, wordRunChecks, type WordRunOptions } from '../captions/segments.ts'

/** Options of {@link segment}. */
export interface SegmentOptions extends WordRunOptions {
  /** Aborts the stage. */
  signal?: AbortSignal
}

/** A Transform of turns to {@link Segment}s; see {@link segment}. */
export type SegmentStage = TypedDuplex<PassedOnEvents, Segment>

/**
 * Cuts final turns into segments, one for each run of words of one speaker. Partial turns and final turns without
 * text give none. A turn that comes again with a higher revision gives its segments again, with that revision. What
 * is a segment or a cue already passes through. The events `session` and `gap` of the stages above are passed on.
 *
 * @returns a Transform of {@link Turn} to {@link Segment}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function segment(options: SegmentOptions = {}): SegmentStage {
  checkOptions('segment()', options, { ...wordRunChecks, signal: checkSignal })
  const stage = new Transform({
    objectMode: true,
    highWaterMark: 16,
    transform(item: unknown, _encoding, done) {
      try {
        assertCaptionable('segment()', item)
        if (!isTurn(item)) this.push(item)
        else if (item.endOfTurn) for (const run of turnSegments(item, options)) this.push(run)
        done()
      } catch (error) {
        done(error as Error)
      }
    },
  })
  abortBy(options.signal, stage)
  relayEvents(stage)
  return Object.assign(stage, { [recordStage]: true }) as Transform as SegmentStage
}
