import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import type { Writable } from 'node:stream'
import { type Check, checkOptions, integer, invalidOption, string } from '../options.ts'
import { httpServer, Listener, resetConnection, type TlsOptions } from '../server/listener.ts'

/** Where a fault server listens. */
export interface FaultServerAddress {
  /** TCP port to listen on; 0 takes a free one. @defaultValue `0` */
  port?: number
  /** Address to listen on. @defaultValue `'127.0.0.1'` */
  host?: string
  /** Serves over TLS with this certificate. @defaultValue none: neither `wss:` nor `https:` nor `rtsps:` */
  tls?: TlsOptions
}

export const addressChecks: Readonly<Record<string, Check>> = {
  port: integer(0, 65_535),
  host: string(1, 255),
  tls: () => {},
}

/** Which fault comes when: always the same; or a list, after whose end all is well; or a function. */
export type Plan<Fault, Facts extends [index: number, ...facts: unknown[]]> =
  Fault | readonly Fault[] | ((...facts: Facts) => Fault)

/** A plan as a function; faults that are known already are checked at once. */
export function planOf<Fault extends { fault: string }, Facts extends [index: number, ...facts: unknown[]]>(
  plan: Plan<Fault, Facts>,
  checks: Readonly<Record<string, Check>>,
): (...facts: Facts) => Fault {
  const check = (fault: Fault): Fault => {
    checkOptions('a fault', fault, checks)
    return fault
  }
  if (typeof plan === 'function') return (...facts) => check(plan(...facts))
  const isFault = typeof plan === 'object' && plan !== null && (Array.isArray(plan) || 'fault' in plan)
  if (!isFault) {
    throw invalidOption(
      'plan',
      "a fault as { fault: 'drop' }, a list of faults, or a function; options come after it",
      plan,
    )
  }
  if (!Array.isArray(plan)) {
    const always = check(plan)
    return () => always
  }
  const list: readonly Fault[] = plan.map(check)
  return (...[index]) => list[index] ?? ({ fault: 'none' } as Fault)
}

/** A server that fails as it was planned. */
export abstract class PlannedServer<
  Events extends Record<keyof Events, unknown[]>,
  Fault extends { fault: string },
  Facts extends [index: number, ...facts: unknown[]],
> extends EventEmitter<Events> {
  /** @internal */
  protected readonly listener: Listener
  readonly #faultOf: (...facts: Facts) => Fault
  #problem: { error: unknown } | undefined
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(plan: Plan<Fault, Facts>, checks: Readonly<Record<string, Check>>, address: FaultServerAddress) {
    super()
    this.#faultOf = planOf(plan, checks)
    const { host = '127.0.0.1', port = 0, tls } = address
    this.listener = new Listener({ host, port, tls }, this.serverOf(tls))
  }

  /** Port the server listens on. */
  get port(): number {
    return this.listener.port
  }

  /** Listens; again after {@link close}, on the same port. */
  async listen(): Promise<void> {
    await this.listener.listen()
    this.#closing = undefined
  }

  /**
   * Cuts every connection and stops listening, as when the machine loses its power. Rejects with what a function of the
   * plan or the content has thrown, if it has, or with what is wrong with a fault it gave.
   */
  close(): Promise<void> {
    this.#closing ??= this.listener.close(this.dropAll()).then(() => {
      if (this.#problem !== undefined) throw this.#problem.error
    })
    return this.#closing
  }

  /** The same as {@link close}: `await using server = await faultServer(plan)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal The next fault; `undefined` where the plan gives none that can be. */
  protected faultOf(...facts: Facts): Fault | undefined {
    return this.attempt(() => this.#faultOf(...facts))
  }

  /** @internal Calls a function of the user's; what it throws is told by {@link close}. */
  protected attempt<Result>(act: () => Result): Result | undefined {
    try {
      return act()
    } catch (error) {
      this.fail(error)
      return undefined
    }
  }

  /** @internal Has {@link close} tell an error, the first of several. */
  protected fail(error: unknown): void {
    this.#problem ??= { error }
  }

  /** @internal The server that it is, not yet listening. */
  protected abstract serverOf(tls: TlsOptions | undefined): Server

  /** @internal Drops every connection that is more than a socket; resolves when nothing of them is left. */
  protected dropAll(): Promise<unknown> {
    return Promise.resolve()
  }
}

/** A {@link PlannedServer} that answers requests. */
export abstract class PlannedHttpServer<
  Fault extends { fault: string },
  Facts extends [index: number, ...facts: unknown[]],
> extends PlannedServer<Record<string, never>, Fault, Facts> {
  readonly #open = new Set<ServerResponse>()

  /** Requests whose answer is neither complete nor cut off. */
  get open(): number {
    return this.#open.size
  }

  /** Resets every connection on which a request is under way, as when the server is killed. */
  cut(): void {
    for (const response of this.#open) resetConnection(response.socket)
  }

  /** @internal */
  protected override serverOf(tls: TlsOptions | undefined): Server {
    return httpServer(tls, {
      request: (request, response) => {
        this.#open.add(response)
        response.once('close', () => this.#open.delete(response))
        response.on('error', () => {})
        this.answer(request, response)
      },
      upgrade: (_request, socket) => socket.destroy(),
    })
  }

  /** @internal */
  protected abstract answer(request: IncomingMessage, response: ServerResponse): void
}

/** Writes the same bytes again and again, as fast as they are taken. */
export function writeWithoutEnd(to: Writable, bytes: string | Buffer): void {
  const more = (): void => {
    while (!to.destroyed && to.write(bytes));
  }
  to.on('drain', more)
  more()
}
