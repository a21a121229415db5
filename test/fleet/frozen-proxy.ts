import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Stands between a worker and its store, and hands nothing on while it is frozen: connections stay open. */
export class FrozenProxy {
  readonly #server = createServer((client) => this.#accept(client))
  readonly #sockets = new Set<Socket>()
  readonly #target: number
  #isFrozen = false
  #refuses = false
  /** Connections that were refused. */
  refused = 0

  private constructor(target: number) {
    this.#target = target
  }

  static async open(target: number): Promise<FrozenProxy> {
    const proxy = new FrozenProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  freeze(isFrozen: boolean): void {
    this.#isFrozen = isFrozen
    for (const socket of this.#sockets)
      if (isFrozen) socket.pause()
      else socket.resume()
  }

  /** New connections are closed at once. */
  refuse(refuses: boolean): void {
    this.#refuses = refuses
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    if (this.#refuses) {
      this.refused += 1
      client.on('error', () => {})
      client.destroy()
      return
    }
    const store = connect(this.#target, '127.0.0.1')
    for (const [from, to] of [
      [client, store],
      [store, client],
    ] as const) {
      this.#sockets.add(from)
      from.on('data', (bytes) => to.write(bytes))
      from.on('error', () => {})
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      if (this.#isFrozen) from.pause()
    }
  }
}
