import { Transform } from 'node:stream'
import type { Warning } from '../errors.ts'
import type { TypedDuplex } from '../events.ts'
import type { Cue } from '../model.ts'
import type { PassedOnEvents } from './diarize-events.ts'
import { checkSignal } from '../options.ts'
import { recordStage, relayEvents } from '../stage.ts'
import { abortBy } from '../stream-helpers.ts'
import type { UnnumberedCue } from '../captions/layout/layout.ts'
import { checkLayoutOptions, layoutChecks, layoutSettings, type CueLayoutOptions } from '../captions/layout/options.ts'
import type { ChannelLayout } from '../captions/layout/channels.ts'
import { assertCaptionable, UtteranceCollector, type Utterance } from '../captions/segments.ts'

/** Options of {@link layout}. */
export interface LayoutOptions extends CueLayoutOptions {
  /** Aborts the stage. */
  signal?: AbortSignal
}

/** A Transform of turns and segments to {@link Cue}s; see {@link layout}. */
export type LayoutStage = TypedDuplex<PassedOnEvents, Cue>

/** How many turns {@link layout} remembers, to know a revision of one from a new one. */
const REMEMBERED_TURNS = 10_000

/**
 * Lays out segments as numbered cues. A cue comes once the words after it show where it ends; the last words of a turn
 * wait for the next turn, or for `maxDelayMs`. Turns are taken too, and cues pass through with a new number.
 *
 * Cues that are out cannot be taken back, so a turn that comes again with a higher revision gives no cues here; a
 * `warning` with the code `REVISION_NOT_APPLIED` says at the end how many there were. Of a turn of another channel that comes
 * too late for its place, cues come after what is out, and the warning counts them, too. A caption file that follows
 * revisions is made by a sink that is given turns or segments.
 *
 * @returns a Transform of {@link Segment} to {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: cues that were out could not be corrected
 */
export function layout(options: LayoutOptions = {}): LayoutStage {
  checkLayoutOptions('layout()', options, '', { ...layoutChecks, signal: checkSignal })
  const { signal, ...layoutOptions } = options
  const settings = layoutSettings(layoutOptions)
  const collector = new UtteranceCollector()
  let cueLayout: ChannelLayout
  const known = new Map<number, number>()
  let releaseTimer: NodeJS.Timeout | undefined
  let count = 0
  let revised = 0

  const isRevision = ({ turn }: Utterance): boolean => {
    if (turn === undefined) return false
    const earlier = known.get(turn.order)
    known.set(turn.order, Math.max(turn.revision, earlier ?? 0))
    for (const oldest of known.keys()) {
      if (known.size <= REMEMBERED_TURNS) break
      known.delete(oldest)
    }
    return earlier !== undefined && earlier !== turn.revision
  }
  const lay = (utterances: Utterance[]) => {
    for (const utterance of utterances) {
      if (isRevision(utterance)) revised += 1
      else give(cueLayout.add(utterance))
    }
  }
  const give = (cues: UnnumberedCue[]) => {
    clearTimeout(releaseTimer)
    for (const cue of cues) stage.push({ ...cue, index: ++count } satisfies Cue)
    // The last words wait for what follows, but not for ever.
    if (cueLayout.open) releaseTimer = setTimeout(() => give(cueLayout.close()), settings.maxDelayMs)
  }
  const stage = new Transform({
    objectMode: true,
    highWaterMark: 16,
    construct(done) {
      // Much, of which a chain with other stages has no use.
      import('../captions/layout/channels.ts').then(({ ChannelLayout: Layout }) => {
        cueLayout = new Layout(settings)
        done()
      }, done)
    },
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
        give(cueLayout.close(Infinity))
        const { late } = cueLayout
        if (revised + late > 0) this.emit('warning', notApplied(revised, late))
        done()
      } catch (error) {
        done(error as Error)
      }
    },
    destroy(error, done) {
      clearTimeout(releaseTimer)
      done(error)
    },
  })
  abortBy(signal, stage)
  relayEvents(stage)
  return Object.assign(stage, { [recordStage]: true }) as Transform as LayoutStage
}

function notApplied(revised: number, late: number): Warning {
  const troubles = [
    ...(revised > 0 ? [`${revised} revised turn(s) came after their cues had been laid out, and were left out`] : []),
    ...(late > 0 ? [`${late} cue(s) came too late for their place, and are shown after it`] : []),
  ]
  const message = `${troubles.join('; ')}; give the sink turns instead of cues to have that corrected`
  return { code: 'REVISION_NOT_APPLIED', message, count: revised + late }
}
