import { randomUUID } from 'node:crypto'
import { type AuthenticationOptions, credentials } from '../assemblyai/authentication.ts'
import { isLoopback, regionUrl, serverUrl } from '../assemblyai/endpoint.ts'
import type { SessionTarget } from '../assemblyai/session-error.ts'
import type { Engine } from '../engine/engine.ts'
import { DiarizeStreamError, EngineError, type Warning } from '../errors.ts'
import { type ResolvedDiarizeOptions, environmentKey } from './diarize-options.ts'

/** The server a stream talks to, wherever it runs. */
export interface Peer {
  /** `server` is one given by `url`. */
  kind: 'assemblyai' | 'server' | 'embedded'
  /** Name of the engine, for people. */
  name: string
  /** Address without query. */
  url: string
  /** Model to ask for where the user named none. */
  model?: string
  /** What the user should know about the choice. */
  warnings: Warning[]
  /** Address and credentials of one connection with the given query. */
  target(query: URLSearchParams): Promise<SessionTarget>
  /** The error behind a session that the engine itself broke. */
  failure(): DiarizeStreamError | undefined
  /** Frees whatever was started for the peer. */
  close(): Promise<void>
}

/** Which engine the options choose. */
export function peerKind({ engine, url, apiKey, token }: ResolvedDiarizeOptions): Peer['kind'] {
  if (typeof engine === 'object' || engine === 'embedded') return 'embedded'
  if (url !== undefined) return 'server'
  return (apiKey ?? token ?? environmentKey()) === undefined ? 'embedded' : 'assemblyai'
}

/** Chooses the engine, and starts it where it runs in this process. */
export async function openPeer(options: ResolvedDiarizeOptions): Promise<Peer> {
  const { engine, url } = options
  if (typeof engine === 'object') return embeddedPeer(engine)
  const kind = peerKind(options)
  if (kind === 'server') return serverPeer(serverUrl(url!), options)
  if (kind === 'assemblyai') {
    return servicePeer(options, options.apiKey ?? (options.token === undefined ? environmentKey() : undefined))
  }
  const { embeddedEngine } = await import('../engine/embedded.ts')
  const peer = await embeddedPeer(embeddedEngine())
  if (engine === undefined) {
    peer.warnings.push({
      code: 'EMBEDDED_ENGINE',
      message: `no API key is set, so the engine on this machine runs (${peer.model}); set ASSEMBLYAI_API_KEY to use AssemblyAI`,
    })
  }
  return peer
}

function servicePeer(options: ResolvedDiarizeOptions, key: AuthenticationOptions['apiKey']): Peer {
  const authentication: AuthenticationOptions = key === undefined ? { token: options.token as string } : { apiKey: key }
  return remotePeer('assemblyai', 'AssemblyAI', new URL(regionUrl(options.region ?? 'global')), authentication)
}

function serverPeer(url: URL, options: ResolvedDiarizeOptions): Peer {
  const { apiKey, token } = options
  const peer = remotePeer('server', url.host, url, {
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(token === undefined ? {} : { token }),
  })
  if (url.protocol === 'ws:' && !isLoopback(url)) {
    peer.warnings.push({
      code: 'UNENCRYPTED',
      message: `audio${(apiKey ?? token) ? ' and credentials' : ''} go to ${url.host} unencrypted; use wss:// where the network is not yours`,
    })
  }
  return peer
}

function remotePeer(kind: Peer['kind'], name: string, url: URL, authentication: AuthenticationOptions): Peer {
  return {
    kind,
    name,
    url: url.href,
    warnings: [],
    async target(query) {
      const { headers, query: secretQuery, secrets } = await credentials(authentication)
      const address = new URL(url)
      address.search = new URLSearchParams([...query, ...Object.entries(secretQuery)]).toString()
      return { url: address.href, headers, secrets }
    },
    failure: () => undefined,
    close: () => Promise.resolve(),
  }
}

/** Runs `engine` behind the strict server on a loopback port, under a key that nobody else knows. */
async function embeddedPeer(engine: Engine): Promise<Peer> {
  const { serve } = await import('../server/server.ts')
  let failure: DiarizeStreamError | undefined
  // The wire carries only a close code and a text; this keeps the engine's own error for the user.
  const remember = (error: unknown): void => {
    failure ??=
      error instanceof DiarizeStreamError
        ? error
        : new EngineError('ENGINE_FAILED', `the ${engine.name} engine failed: ${String(error)}`, { cause: error })
  }
  const key = randomUUID()
  const server = await serve({
    engine: {
      name: engine.name,
      sampleRate: engine.sampleRate,
      fasterThanRealTime: engine.fasterThanRealTime,
      ...(engine.model === undefined ? {} : { model: engine.model }),
      async open(settings, listener) {
        try {
          return await engine.open(settings, {
            speechStarted: (atMs, confidence) => listener.speechStarted(atMs, confidence),
            turn: (turn) => listener.turn(turn),
            revision: (revisions) => listener.revision(revisions),
            warning: (warning) => listener.warning?.(warning),
            failed(error) {
              remember(error)
              listener.failed(error)
            },
          })
        } catch (error) {
          remember(error)
          throw error
        }
      },
    },
    apiKeys: [key],
  })
  const peer = remotePeer('embedded', engine.name, new URL(server.url), { apiKey: key })
  return {
    ...peer,
    ...(engine.model === undefined ? {} : { model: engine.model }),
    failure: () => failure,
    close: () => server.close(),
  }
}
