import type { Engine, EngineListener } from '../../src/engine/engine.ts'
import { defined } from '../../src/options.ts'
import { randomInteger, seededRandom } from './random.ts'

const LETTERS = 'ABCDEFGHIJ'.split('')

/**
 * The same engine with other letters for its speakers: in every session the letters A to J change places anew, as the
 * letters of a service do that knows nothing of the session before. A speaker keeps his letter within a session.
 *
 * @param seed - what the changes are drawn from; the n-th session of one seed always gets the same ones.
 */
export function relabelled(engine: Engine, seed: number): Engine {
  const random = seededRandom(seed)
  return {
    name: engine.name,
    ...defined({ model: engine.model }),
    sampleRate: engine.sampleRate,
    fasterThanRealTime: engine.fasterThanRealTime,
    open: (settings, listener) => engine.open(settings, renaming(listener, permutation(random))),
  }
}

function permutation(random: () => number): ReadonlyMap<string, string> {
  const left = [...LETTERS]
  return new Map(LETTERS.map((letter) => [letter, left.splice(randomInteger(random, 0, left.length - 1), 1)[0]!]))
}

/** A listener that passes everything on under other letters. */
function renaming(listener: EngineListener, letters: ReadonlyMap<string, string>): EngineListener {
  const rename = <Labelled extends { speaker?: string }>(labelled: Labelled): Labelled =>
    labelled.speaker === undefined
      ? labelled
      : { ...labelled, speaker: letters.get(labelled.speaker) ?? labelled.speaker }
  return {
    speechStarted: (atMs, confidence) => listener.speechStarted(atMs, confidence),
    turn: (turn) => listener.turn({ ...rename(turn), words: turn.words.map(rename) }),
    revision: (revisions) =>
      listener.revision(revisions.map((revision) => ({ ...rename(revision), words: revision.words.map(rename) }))),
    unrecognized: (speech) => listener.unrecognized?.(speech),
    warning: (warning) => listener.warning?.(warning),
    failed: (error) => listener.failed(error),
  }
}
