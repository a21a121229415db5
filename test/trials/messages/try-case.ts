import { Readable, Writable } from 'node:stream'
import { diarize, DiarizeStreamError, run, type Turn } from '../../../src/index.ts'
import type { Case } from './arbitrary.ts'
import type { ScriptedPeer } from './peer.ts'

/** Longest time in ms in which a case must come to its end. */
const PATIENCE_MS = 30_000

const timeouts = { connect: 300, termination: 100, ping: 200, stall: 300 }

/** How a case ended. */
export interface Outcome {
  /** `complete`, or the code of the error. */
  end: string
  /** Turns that came out. */
  turns: number
  /** What must not be; absent where the end is turns, or one typed error. */
  wrong?: string
}

/** Runs a case to its end. */
export async function tryCase(peer: ScriptedPeer, scripted: Case): Promise<Outcome> {
  const audio = Buffer.alloc(scripted.audioMs * 32)
  const sink = new TurnCheck(scripted.options.partials)
  let end = 'complete'
  let wrong: string | undefined
  const limit = AbortSignal.timeout(PATIENCE_MS)
  try {
    const { retries, formatTurns, ...rest } = scripted.options
    const name = peer.add(scripted)
    const options = {
      ...rest,
      url: peer.url,
      query: { case: name },
      // Each case is a server of its own: that one refuses sessions must not hold up the others.
      apiKey: `key-${name}`,
      timeouts,
      reconnect: { attempts: retries, delay: 1, maxDelay: 20 },
      parameters: { formatTurns },
    }
    await run(Readable.from([audio]), diarize(options), sink, { signal: limit })
  } catch (error) {
    end = error instanceof DiarizeStreamError ? error.code : 'OTHER'
    if (limit.aborted) wrong = `no end within ${PATIENCE_MS} ms`
    else if (end === 'OTHER') wrong = `no typed error: ${String((error as Error).stack ?? error)}`
  }
  wrong ??= sink.complaint
  return { end, turns: sink.turns, ...(wrong === undefined ? {} : { wrong }) }
}

/** Sees whether turns are what they must be, whatever the server said. */
class TurnCheck extends Writable {
  complaint: string | undefined
  turns = 0
  readonly #partials: boolean
  readonly #revisions = new Map<number, number>()

  constructor(partials: boolean) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#partials = partials
  }

  override _write(turn: Turn, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.turns++
    this.complaint ??= this.#wrong(turn)
    callback()
  }

  #wrong(turn: Turn): string | undefined {
    const { order, revision, endOfTurn, speaker, words, start, end } = turn
    const shown = JSON.stringify(turn).slice(0, 300)
    if (![order, revision, start, end].every(Number.isInteger)) return `numbers of ${shown}`
    if (start < 0 || end < start) return `times of ${shown}`
    for (const word of words) {
      if (!Number.isInteger(word.start) || !Number.isInteger(word.end)) return `times of a word of ${shown}`
      if (word.start < 0 || word.end < word.start) return `times of a word of ${shown}`
      if (!isLabel(word.speaker)) return `label of a word of ${shown}`
    }
    if (!isLabel(speaker)) return `label of ${shown}`
    if (turn.language !== undefined && typeof turn.language !== 'string') return `language of ${shown}`
    if (!endOfTurn) return this.#partials ? undefined : `a partial nobody asked for: ${shown}`
    const earlier = this.#revisions.get(order)
    this.#revisions.set(order, revision)
    // The order itself is the server's: one that sends turn 1 before turn 0 is taken at its word.
    return earlier === undefined || revision > earlier ? undefined : `revision after ${earlier} of ${shown}`
  }
}

function isLabel(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && /^[A-Z]{1,2}$/.test(value))
}
