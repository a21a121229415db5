import type { Engine, EngineSettings } from '../engine/engine.ts'
import { checkBoolean, checkInteger, checkKnown, checkString } from '../options.ts'
import { TONE_RATE } from './tone-code.ts'
import { ToneSession, type ToneBehaviour } from './tone-session.ts'

/** Options of {@link toneEngine}. */
export interface ToneEngineOptions {
  /**
   * Name of the engine.
   * @defaultValue 'tone'
   */
  name?: string
  /**
   * Model id that `Begin` echoes.
   * @defaultValue none: the one that was asked for
   */
  model?: string
  /**
   * Whether audio may come faster than it plays.
   * @defaultValue true
   */
  fasterThanRealTime?: boolean
  /**
   * Milliseconds of the longest turn; one is cut between two words so as not to be longer.
   * @defaultValue 10000 with speaker labels, 60000 without
   */
  longestTurn?: number
  /**
   * Milliseconds of audio between the end of a turn and its final. What follows a delayed final waits with it.
   * @defaultValue 0
   */
  finalDelay?: number
  /**
   * Words at the start of each session that carry no label until they are revised.
   * @defaultValue 0
   */
  unattributedWords?: number
  /**
   * Words after those that carry the label of another speaker, where one is known, until they are revised.
   * @defaultValue 0
   */
  mistakenWords?: number
  /**
   * Milliseconds of audio between revisions in mid-session; 0 for one at the end only.
   * @defaultValue what the client asked for by `speaker_labels_revision_interval_ms`
   */
  reviseEvery?: number
}

/** An {@link Engine} that understands {@link toneAudio}. */
export interface ToneEngine extends Engine {
  /** Sessions opened so far. */
  readonly opened: number
  /** Sessions that are not yet destroyed. */
  readonly live: number
}

const LONGEST_LABELLED = 10_000
const LONGEST_UNLABELLED = 60_000

const known = [
  'name',
  'model',
  'fasterThanRealTime',
  'longestTurn',
  'finalDelay',
  'unattributedWords',
  'mistakenWords',
  'reviseEvery',
]

/**
 * An engine for tests that truly hears: words, speakers and times are decoded from the tones in the audio it is given,
 * so that audio that was lost, doubled or moved on its way shows in the words. `toneAudio()` makes such audio.
 *
 * Words are reported as `w0`, `w1`, … with their exact times in whole ms, 240 ms long; of a word that was not heard
 * whole nothing is reported. Speakers are lettered in order of appearance in the session, so that a session that first
 * hears speaker 7 calls him A. A turn ends after the silence that the settings name, or before it gets too long.
 * Decoding takes about a thousandth of the time the audio plays. The audio may be louder or softer and a little noisy, but
 * must not have been resampled: a word that is off by one sample does not count.
 *
 * @throws ConfigurationError (`INVALID_OPTION`)
 */
export function toneEngine(options: ToneEngineOptions = {}): ToneEngine {
  checkOptions(options)
  let opened = 0
  let live = 0
  return {
    name: options.name ?? 'tone',
    ...(options.model === undefined ? {} : { model: options.model }),
    sampleRate: TONE_RATE,
    fasterThanRealTime: options.fasterThanRealTime ?? true,
    get opened() {
      return opened
    },
    get live() {
      return live
    },
    open(settings, listener) {
      opened++
      live++
      const session = new ToneSession(settings, listener, behaviourFor(settings, options), () => live--)
      return Promise.resolve(session)
    },
  }
}

function checkOptions(options: ToneEngineOptions): void {
  checkKnown('toneEngine()', options, known)
  checkString('name', options.name)
  checkString('model', options.model)
  checkBoolean('fasterThanRealTime', options.fasterThanRealTime)
  checkInteger('longestTurn', options.longestTurn, 1, undefined, 'ms')
  checkInteger('finalDelay', options.finalDelay, 0, undefined, 'ms')
  checkInteger('unattributedWords', options.unattributedWords, 0)
  checkInteger('mistakenWords', options.mistakenWords, 0)
  checkInteger('reviseEvery', options.reviseEvery, 0, undefined, 'ms')
}

function behaviourFor(settings: EngineSettings, options: ToneEngineOptions): ToneBehaviour {
  return {
    longestTurn: options.longestTurn ?? (settings.speakerLabels ? LONGEST_LABELLED : LONGEST_UNLABELLED),
    finalDelay: options.finalDelay ?? 0,
    unattributedWords: options.unattributedWords ?? 0,
    mistakenWords: options.mistakenWords ?? 0,
    reviseEvery: options.reviseEvery ?? settings.revisionInterval,
  }
}
