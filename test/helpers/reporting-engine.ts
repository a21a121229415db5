import type { Engine, EngineListener } from '../../src/engine/engine.ts'

/** An engine that hears every turn, and reports something of it then. */
export function reporting(
  engine: Engine,
  report: (listener: EngineListener, at: { start: number; end: number }) => void,
) {
  return {
    ...engine,
    open: (settings, listener) =>
      engine.open(settings, {
        speechStarted: (at, confidence) => listener.speechStarted(at, confidence),
        revision: (revisions) => listener.revision(revisions),
        failed: (error) => listener.failed(error),
        turn(turn) {
          listener.turn(turn)
          if (turn.endOfTurn) report(listener, { start: turn.words[0]!.start, end: turn.words.at(-1)!.end })
        },
      }),
  } satisfies Engine
}
