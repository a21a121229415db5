import { checkedListener } from '../../engine/checked-listener.ts'
import type { Engine, EngineListener, EngineSession } from '../../engine/engine.ts'
import { DiarizeStreamError, EngineError, SessionError, type Warning } from '../../errors.ts'
import { proxyFor } from '../../network.ts'
import { defined } from '../../options.ts'
import { credentials, environmentKey, unencrypted } from '../../protocol/endpoint.ts'
import type { ConnectionAhead } from '../../session/connection-ahead.ts'
import type { SessionTarget } from '../../session/transport.ts'
import { toError } from '../../stream-helpers.ts'
import { peerKind, type PeerKind, remoteAddress, type ResolvedDiarizeOptions } from '../diarize-options.ts'

/** What turns speech into turns, as it was chosen. */
export interface Peer {
  kind: PeerKind
  name: string
  url: string
  /** Model to ask for where the user named none. */
  model?: string
  /** What the user should know about the choice. */
  warnings: Warning[]
  /** Address and credentials of one connection with the given query. */
  target(query: URLSearchParams): Promise<SessionTarget>
  /** The error behind a session that the engine itself broke. */
  failure(): DiarizeStreamError | undefined
  /** The error behind one that the wire tells of a session, where it is known here. */
  explained(error: Error): Error
  /** Frees whatever was started for the peer. */
  close(): Promise<void>
}

/**
 * Chooses the engine, and starts it where it runs in this process.
 *
 * @param ahead - a connection to the server, for the first session.
 */
export async function openPeer(
  options: ResolvedDiarizeOptions,
  ahead?: Promise<ConnectionAhead | undefined>,
): Promise<Peer> {
  const { engine } = options
  if (typeof engine === 'object') return embeddedPeer(engine)
  const kind = peerKind(options)
  if (kind !== 'embedded') return remotePeer(kind, options, await ahead)
  const { embeddedEngine } = await import('../../engine/embedded.ts')
  const peer = await embeddedPeer(embeddedEngine())
  if (engine === undefined) {
    peer.warnings.push({
      code: 'EMBEDDED_ENGINE',
      message: `no API key is set, so the engine on this machine runs (${peer.model}); set ASSEMBLYAI_API_KEY to use AssemblyAI`,
    })
  }
  return peer
}

function remotePeer(
  kind: Exclude<PeerKind, 'embedded'>,
  options: ResolvedDiarizeOptions,
  ahead: ConnectionAhead | undefined,
): Peer {
  const { token, agent, ca } = options
  const isService = kind === 'assemblyai'
  const url = remoteAddress(options)
  const apiKey = options.apiKey ?? (isService && token === undefined ? environmentKey() : undefined)
  const warning = unencrypted(url, (apiKey ?? token) !== undefined)
  return {
    kind,
    name: isService ? 'AssemblyAI' : url.host,
    url: url.href,
    warnings: warning === undefined ? [] : [warning],
    async target(query) {
      const { headers, query: secretQuery, secrets } = await credentials(defined({ apiKey, token }))
      const address = new URL(url)
      address.search = new URLSearchParams([...query, ...Object.entries(secretQuery)]).toString()
      // An agent makes connections as it likes.
      const proxy = agent === undefined ? proxyFor(url) : undefined
      return {
        url: address.href,
        headers,
        secrets,
        ...defined({ agent, ca, proxy, ahead }),
      }
    },
    failure: () => undefined,
    explained: (error) => error,
    close: () => Promise.resolve(),
  }
}

/** Runs `engine` behind the strict server, in the memory of this process. */
async function embeddedPeer(engine: Engine): Promise<Peer> {
  const { serveInMemory } = await import('../../server/in-memory.ts')
  let failure: DiarizeStreamError | undefined
  // The wire carries only a close code and a text; this keeps the engine's own error for the user.
  const told = (error: unknown, retryable: boolean): DiarizeStreamError => {
    if (error instanceof DiarizeStreamError) return error
    const message = `the ${engine.name} engine failed: ${String(error)}`
    return new EngineError('ENGINE_FAILED', message, { cause: error, retryable })
  }
  const remember = (error: unknown): void => {
    failure ??= told(error, false)
  }
  // Another session may do better.
  let trouble: DiarizeStreamError | undefined
  const note = (error: unknown): void => {
    trouble = told(error, true)
  }
  const server = serveInMemory({
    name: engine.name,
    sampleRate: engine.sampleRate,
    fasterThanRealTime: engine.fasterThanRealTime,
    ...defined({ model: engine.model }),
    async open(settings, listener) {
      const noted: EngineListener = {
        ...listener,
        failed(error) {
          remember(error)
          listener.failed(error)
        },
      }
      // What is no report fails the session; another one may do better.
      const wrong = (error: unknown): void => {
        note(error)
        listener.failed(toError(error))
      }
      try {
        const session: unknown = await engine.open(settings, checkedListener(engine.name, noted, wrong))
        if (!isSession(session)) throw new TypeError('open() has to resolve to an object with the method write()')
        trouble = undefined
        return noting(session, note)
      } catch (error) {
        remember(error)
        throw error
      }
    },
  })
  const url = `embedded:${encodeURIComponent(engine.name)}`
  return {
    kind: 'embedded',
    name: engine.name,
    url,
    warnings: [],
    target: (query) =>
      Promise.resolve({
        url: `${url}?${query.toString()}`,
        headers: {},
        secrets: [],
        accept: (client) => server.accept(query, client),
      }),
    ...defined({ model: engine.model }),
    failure: () => failure,
    explained: (error) => (hasFailed(error) ? (trouble ?? error) : error),
    close: () => server.close(),
  }
}

function isSession(value: unknown): value is EngineSession {
  return typeof (value as Partial<EngineSession> | null | undefined)?.write === 'function'
}

/** Whether the wire tells that the engine of a session has failed. */
function hasFailed(error: Error): boolean {
  return error instanceof SessionError && error.code === 'SERVER_ERROR'
}

/** A session of an engine that has what its methods fail with noted, until it is destroyed. */
function noting(session: EngineSession, note: (error: unknown) => void): EngineSession {
  let isDestroyed = false
  const noted = async (call: () => Promise<void>): Promise<void> => {
    try {
      await call()
    } catch (error) {
      if (!isDestroyed) note(error)
      throw error
    }
  }
  return {
    write: (samples) => noted(() => session.write(samples)),
    forceEndpoint: () => noted(() => session.forceEndpoint()),
    configure(update) {
      try {
        session.configure(update)
      } catch (error) {
        note(error)
        throw error
      }
    },
    end: () => noted(() => session.end()),
    destroy() {
      isDestroyed = true
      return session.destroy()
    },
  }
}
