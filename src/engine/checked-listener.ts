import { EngineError } from '../errors.ts'
import type { EngineListener } from './engine.ts'

/**
 * A listener for an engine that may report anything: what is no report, or cannot be passed on, goes to `failed` and not to
 * whatever of the engine has called, such as a timer, where it would end the process.
 *
 * @param name - that of the engine, for people.
 */
export function checkedListener(name: string, listener: EngineListener, failed: (error: unknown) => void) {
  const take = (report: () => void): void => {
    try {
      report()
    } catch (error) {
      failed(error)
    }
  }
  const check = (isRight: boolean, what: string): void => {
    if (isRight) return
    // Another session may do better.
    const facts = { retryable: true, cause: new TypeError(`it reported ${what}`) }
    throw new EngineError('ENGINE_FAILED', `the ${name} engine failed: it reported ${what}`, facts)
  }
  return {
    speechStarted: (atMs, confidence) =>
      take(() => {
        check(isTime(atMs), 'speech that starts at no time: a number of ms from 0')
        listener.speechStarted(atMs, confidence)
      }),
    turn: (turn) =>
      take(() => {
        check(isObject(turn) && isOrder(turn['order']) && typeof turn['transcript'] === 'string', 'what is no turn')
        check(areWords(turn.words), WRONG_WORDS)
        listener.turn(turn)
      }),
    revision: (revisions) =>
      take(() => {
        const list: unknown = revisions
        check(
          Array.isArray(list) && list.every((item) => isObject(item) && isOrder(item['order'])),
          'what are no revisions',
        )
        check(
          revisions.every(({ words }) => areWords(words)),
          WRONG_WORDS,
        )
        listener.revision(revisions)
      }),
    unrecognized: (speech) =>
      take(() => {
        const isStretch = isObject(speech) && isTime(speech['start']) && isTime(speech['end'])
        check(isStretch, 'speech without words that has no times: numbers of ms from 0')
        listener.unrecognized?.(speech)
      }),
    warning: (warning) =>
      take(() => {
        check(isObject(warning) && typeof warning['message'] === 'string', 'a warning without a message')
        listener.warning?.(warning)
      }),
    failed: (error) => listener.failed(error),
  } satisfies EngineListener
}

const WRONG_WORDS = 'words that are none: each has a text, and a start and an end, numbers of ms from 0'

// Engines of others may be plain JavaScript.
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isOrder(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function areWords(words: unknown): boolean {
  return (
    Array.isArray(words) &&
    words.every(
      (word: unknown) =>
        isObject(word) && typeof word['text'] === 'string' && isTime(word['start']) && isTime(word['end']),
    )
  )
}
