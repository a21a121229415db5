import { Transform } from 'node:stream'
import type { Warning } from '../errors.ts'
import type { Cue } from '../model.ts'
import { checkSignal } from '../options.ts'
import { relayEvents } from '../stage.ts'
import { checkLayoutOptions, layoutCues, type CueLayoutOptions } from '../captions/layout.ts'
import { assertCaptionable, PassageCollector, type Passage } from '../captions/passages.ts'

/** Options of {@link layout}. */
export interface LayoutOptions extends CueLayoutOptions {
  /** Aborts the stage. */
  signal?: AbortSignal
}

/** How many turns {@link layout} remembers, to know a revision of one from a new one. */
const REMEMBERED_TURNS = 10_000

/**
 * Lays out segments as numbered cues. The cues of a turn come as soon as its last segment is in: at once where the
 * segments come from `segment()`, else with the first segment of the next turn. Turns are taken too, and cues pass
 * through with a new number.
 *
 * Cues that are out cannot be taken back, so a turn that comes again with a higher revision gives no cues here; a
 * `warning` with the code `REVISION_NOT_APPLIED` says at the end how many there were. A caption file that follows
 * revisions is made by a sink that is given turns or segments.
 *
 * @returns a Transform of {@link Segment} to {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function layout(options: LayoutOptions = {}): Transform {
  const { signal, ...layoutOptions } = options
  checkLayoutOptions(layoutOptions)
  checkSignal('signal', signal)
  const collector = new PassageCollector()
  const known = new Map<number, number>()
  let previous: Cue | undefined
  let count = 0
  let revised = 0

  const isRevision = ({ turn }: Passage): boolean => {
    if (turn === undefined) return false
    const earlier = known.get(turn.order)
    known.set(turn.order, Math.max(turn.revision, earlier ?? 0))
    for (const oldest of known.keys()) {
      if (known.size <= REMEMBERED_TURNS) break
      known.delete(oldest)
    }
    return earlier !== undefined && earlier !== turn.revision
  }
  const lay = (passages: Passage[]) => {
    for (const passage of passages) {
      if (isRevision(passage)) {
        revised += 1
        continue
      }
      const cues =
        passage.cue === undefined ? layoutCues([passage.segments], layoutOptions, { previous }) : [passage.cue]
      for (const cue of cues) {
        previous = { ...cue, index: ++count }
        stage.push(previous)
      }
    }
  }
  const stage = new Transform({
    objectMode: true,
    highWaterMark: 16,
    ...(signal !== undefined && { signal }),
    transform(item: unknown, _encoding, done) {
      try {
        assertCaptionable('layout()', item)
        lay(collector.add(item))
        done()
      } catch (error) {
        done(error as Error)
      }
    },
    flush(done) {
      try {
        lay(collector.end())
        if (revised > 0) this.emit('warning', notApplied(revised))
        done()
      } catch (error) {
        done(error as Error)
      }
    },
  })
  relayEvents(stage)
  return stage
}

function notApplied(count: number): Warning {
  const message =
    `${count} revised turn(s) came after their cues had been laid out, and were left out; ` +
    'give the sink turns instead of cues to have revisions applied'
  return { code: 'REVISION_NOT_APPLIED', message, count }
}
