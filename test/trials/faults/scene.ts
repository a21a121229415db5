import type { DiarizeOptions } from '../../../src/index.ts'
import type { ToneEngineOptions, ToneWord } from '../../../src/testing/index.ts'
import { dialogue } from '../dialogue.ts'
import { Random } from '../random.ts'
import type { ToneSourceOptions } from '../tone-source.ts'
import { drawFault, type PlannedFault, type PlanSettings } from './plan.ts'

/** Kinds of runs. */
export type SceneKind =
  /** No fault at all: proves the harness. */
  | 'calm'
  /** A file, as fast as the server takes it. */
  | 'file'
  /** A file at a multiple of real time, with sessions that expire. */
  | 'paced'
  /** Letters that are wrong at first, with nuisances and changes of session only: every one must be right in the end. */
  | 'revised'
  /** A live source whose faults are shorter than what is kept. */
  | 'live'
  /** A live source with one outage that is longer. */
  | 'outage'

/** What the plan of faults may look at when a client connects. */
export interface Moment {
  /** Milliseconds of audio the source has given. */
  audioMs: number
  /** Milliseconds since the run began. */
  elapsed: number
  /** Whether a session has ever begun: before that a client gives up soon. */
  begun: boolean
}

/** Everything about a run that its seed decides. */
export interface Scene {
  kind: SceneKind
  /** Milliseconds of audio. */
  duration: number
  /** The words said, anew at each call. */
  script(): Generator<ToneWord, void>
  engine: ToneEngineOptions
  /** Options for `diarize()`. */
  options: DiarizeOptions
  source: Pick<ToneSourceOptions, 'liveSpeed' | 'pauses' | 'chunkMs'>
  /** Milliseconds that the sink takes for a turn. */
  sinkDelay: number
  /** Milliseconds of the clock between two calls of `forceEndpoint()`; absent for none. */
  forceEvery?: number
  /** Whether the engine errs as the service does: onsets early, ends late, words heard differently. */
  imprecise: boolean
  /** Whether audio may be given up. */
  gapsAllowed: boolean
  /** Whether letters must be right even where a session first said otherwise. */
  strictSpeakers: boolean
  /** Most times as fast as real time that a session may be fed after its first burst; absent for any. */
  pace?: number
  /** The fault of the next connection. */
  faultFor(moment: Moment): PlannedFault
}

/** Which part of the runs is of which kind. */
const kinds: readonly (readonly [number, SceneKind])[] = [
  [2, 'calm'],
  [40, 'file'],
  [28, 'paced'],
  [10, 'revised'],
  [12, 'live'],
  [8, 'outage'],
]

/** Connections before the first session that may get a fault. */
const FAULTS_BEFORE_BEGIN = 2
/** Connections after the end of the audio that may still get a fault. */
const FAULTS_AFTER_END = 4
const none = (): PlannedFault => ({ fault: { fault: 'none' }, phase: 'nuisance' })

/** Times in ms, short enough that a fault costs tenths of a second. */
const hasty = {
  // The server sends a heartbeat every five seconds.
  timeouts: { connect: 250, termination: 300, ping: 150, stall: 400, heartbeat: 6000 },
  reconnect: { delay: 5, maxDelay: 100, attempts: 1000 },
}

/** Draws the run of a seed. */
export function drawScene(seed: number): Scene {
  const random = new Random(seed)
  const kind = random.weighted(kinds)
  const live = kind === 'live' || kind === 'outage'
  const liveSpeed = live ? random.integer(15, 30) : undefined
  const pace = kind === 'paced' || kind === 'revised' ? random.integer(20, 60) : undefined
  const duration = random.spread(live ? 90 : 60, kind === 'calm' ? 120 : 420) * 1000
  const partials = random.chance(0.2)
  // Where audio is given up, where it begins to be missing is told by the last word.
  const imprecise = kind !== 'outage' && kind !== 'calm' && random.chance(0.7)
  const uncertain = kind === 'revised' || random.chance(0.3)
  const said = { seed, duration, speakers: random.integer(2, 5), longSilences: random.chance(0.5) }
  return {
    kind,
    duration,
    script: () => dialogue(said),
    engine: {
      longestTurn: random.pick([3000, 10_000, 10_000]),
      finalDelay: random.pick([0, 0, 300, 1500]),
      ...(uncertain ? { unattributedWords: random.integer(0, 3), mistakenWords: random.integer(0, 1) } : {}),
      reviseEvery: uncertain ? random.pick([0, 2000, 8000]) : 0,
    },
    options: {
      ...hasty,
      ...(live ? { live: true, pace: 'unpaced' } : { pace: pace ?? 'unpaced' }),
      ...(partials ? { partials } : {}),
      ...(random.chance(0.2) ? { parameters: { formatTurns: true } } : {}),
      replay: {
        ...(!live && random.chance(0.3) ? { context: random.pick([0, 2000, 5000, 30_000]) } : {}),
        ...(!live && random.chance(0.2) ? { max: random.integer(1, 10) * 1000 } : {}),
        ...(kind === 'outage' ? { max: random.integer(4, 12) * 1000, context: random.integer(2, 4) * 1000 } : {}),
        ...(kind === 'live' ? { max: 240_000 } : {}),
      },
    },
    sinkDelay: !live && !partials && random.chance(0.2) ? random.integer(1, 40) : 0,
    ...(random.chance(0.15) ? { forceEvery: random.integer(20, 400) } : {}),
    source: {
      chunkMs: random.pick([10, 37, 100, 100, 450]),
      ...(liveSpeed === undefined ? {} : { liveSpeed }),
      ...(kind === 'live' && random.chance(0.5) ? { pauses: drawPauses(random, duration) } : {}),
    },
    imprecise,
    gapsAllowed: kind === 'outage',
    strictSpeakers: kind === 'revised' || kind === 'calm',
    ...(pace === undefined ? {} : { pace }),
    faultFor: planFor(kind, duration, random),
  }
}

function drawPauses(random: Random, duration: number): [number, number][] {
  return [0.3, 0.6].map((part) => [Math.round(duration * part), random.integer(100, 1500)])
}

function planFor(kind: SceneKind, duration: number, random: Random): Scene['faultFor'] {
  const settings: PlanSettings = {
    tooMany: kind === 'file' || kind === 'paced' ? 0.012 : 0,
    expire: kind === 'revised' ? 0.8 : kind === 'paced' ? 0.12 : 0,
    end: 0,
    breaks: kind !== 'revised',
  }
  const outage = { from: duration * 0.4, wallMs: random.integer(900, 2000), until: Infinity }
  let afterEnd = 0
  let beforeBegin = 0
  let refused = 0
  return ({ audioMs, elapsed, begun }) => {
    if (kind === 'calm') return none()
    if (!begun && beforeBegin++ >= FAULTS_BEFORE_BEGIN) return { ...none(), cutAfterMs: random.spread(2000, 40_000) }
    if (kind === 'outage' && audioMs >= outage.from) {
      if (outage.until === Infinity) outage.until = elapsed + outage.wallMs
      const repeated = refused++ > 0
      if (elapsed < outage.until) return { fault: { fault: 'http-error', status: 503 }, phase: 'connect', repeated }
    }
    if (audioMs >= duration && afterEnd++ >= FAULTS_AFTER_END) return none()
    const nearEnd = audioMs >= duration * 0.9 && kind !== 'revised'
    return drawFault(random, { ...settings, end: nearEnd ? 0.6 : 0.03 })
  }
}
