import type { Engine } from '../engine/engine.ts'
import { CLOSE_REASON, Refusal } from '../protocol/close-codes.ts'
import type { MemoryClient, MemoryServer } from '../session/transport.ts'
import { MAX_MESSAGE, resolveServerOptions } from './options.ts'
import { contextOf, Session } from './session.ts'

export interface InMemoryServer {
  /** Takes a client that asks for a session by this query. */
  accept(query: URLSearchParams, client: MemoryClient): MemoryServer
  /** Ends all sessions with close code 1001; resolves when no timer or engine is left. */
  close(): Promise<void>
}

/** What `serve()` is to other processes: the same sessions, with the same checks and limits, over `engine`. */
export function serveInMemory(engine: Engine): InMemoryServer {
  const options = resolveServerOptions({ engine })
  const sessions = new Map<Session, MemoryClient>()

  const begin = (query: URLSearchParams, client: MemoryClient): Session => {
    const session = new Session(contextOf(query, options), {
      send: (message) => client.send(JSON.stringify(message)),
      refuse: (refusal) => refuse(client, refusal),
      finish: () => client.close(1000, 'Session Ended'),
      pause: () => client.pause(),
      resume: () => client.resume(),
    })
    sessions.set(session, client)
    void session.ended.then(() => sessions.delete(session))
    session.start()
    return session
  }

  return {
    accept(query, client) {
      let session: Session | undefined
      try {
        session = begin(query, client)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        refuse(client, error)
      }
      return {
        receive(data, binary) {
          if (data.length <= MAX_MESSAGE) return session?.receive(data, binary)
          session?.abandon(1009, 'Max payload size exceeded')
          client.close(1009, '')
        },
        abandon: (code, reason) => session?.abandon(code, reason),
      }
    },
    async close() {
      const ended = [...sessions.keys()].map((session) => session.ended)
      for (const [session, client] of sessions) {
        session.abandon(1001, 'Server closing')
        client.close(1001, 'Server closing')
      }
      await Promise.all(ended)
    },
  }
}

function refuse(client: MemoryClient, refusal: Refusal): void {
  client.send(JSON.stringify({ type: 'Error', error_code: refusal.code, error: refusal.message }))
  client.close(refusal.code, CLOSE_REASON)
}
