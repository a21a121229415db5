import type { EventEmitter } from 'node:events'
import type { StreamingServerEvents } from './connection.ts'
import type { ServerSession } from './session.ts'

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Close codes that are counted by themselves: those of the protocol. A client may close with any other. */
const CODES = new Set([1000, 1001, 1005, 1006, 1007, 1008, 1009, 1011, 3005, 3006, 3007, 3008])

/** Counts what a server does, by its events, and writes it as Prometheus reads it. */
export class ServerMetrics {
  readonly #sessions: ReadonlySet<ServerSession>
  #opened = 0
  readonly #ended = new Map<string, number>()
  readonly #refused = new Map<string, number>()
  /** Of sessions that have ended. */
  #endedAudioMs = 0
  #words = 0

  /** @param sessions - those that are open. */
  constructor(events: EventEmitter<StreamingServerEvents>, sessions: ReadonlySet<ServerSession>) {
    this.#sessions = sessions
    events.on('session', () => {
      this.#opened += 1
    })
    events.on('sent', (_session, message) => {
      if (message.type === 'Turn' && message.end_of_turn) this.#words += message.words.length
    })
    events.on('sessionEnd', (session, { code }) => {
      count(this.#ended, code)
      this.#endedAudioMs += session.receivedMs
    })
    events.on('refused', ({ code }) => count(this.#refused, code))
  }

  text(): string {
    const open = [...this.#sessions]
    const audioMs = open.reduce((sum, { receivedMs }) => sum + receivedMs, this.#endedAudioMs)
    const lagMs = Math.max(0, ...open.map(({ waitingMs }) => waitingMs))
    return [
      metric('sessions', 'gauge', 'Sessions that are open.', open.length),
      metric('sessions_opened_total', 'counter', 'Clients that were let in.', this.#opened),
      metric('sessions_ended_total', 'counter', 'Sessions that have ended, by close code.', this.#ended),
      metric('sessions_refused_total', 'counter', 'Clients that were refused a session, by close code.', this.#refused),
      metric('audio_seconds_total', 'counter', 'Seconds of audio received.', audioMs / 1000),
      metric('words_total', 'counter', 'Words of final turns sent.', this.#words),
      metric(
        'lag_seconds',
        'gauge',
        'Seconds of audio received that the engine has not taken, in the session with most.',
        lagMs / 1000,
      ),
    ].join('')
  }
}

function count(counts: Map<string, number>, code: number): void {
  const name = CODES.has(code) ? String(code) : 'other'
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

/** A metric with its values: one, or one for each close code. */
function metric(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  value: number | ReadonlyMap<string, number>,
): string {
  const full = `diarize_stream_${name}`
  const values =
    typeof value === 'number'
      ? [`${full} ${value}`]
      : [...value].map(([code, amount]) => `${full}{code="${code}"} ${amount}`)
  return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...values, ''].join('\n')
}
