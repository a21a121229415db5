import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'

/** A proxy that leads to one server, whatever address is asked for. */
export class TestProxy {
  /** What it was asked for: `CONNECT host:port` or `GET http://…`. */
  readonly asked: string[] = []
  /** The headers of each of these. */
  readonly headers: IncomingMessage['headers'][] = []
  readonly #server: Server
  /** What it answers; 200 for what the server says. */
  status = 200

  constructor(to: () => number) {
    this.#server = createServer((incoming, outgoing) => {
      this.#note(incoming)
      if (this.status !== 200) return void outgoing.writeHead(this.status).end()
      const { pathname, search } = new URL(incoming.url ?? '')
      const { headers } = incoming
      request({ port: to(), host: '127.0.0.1', path: pathname + search, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 0, answer.headers)
        answer.pipe(outgoing)
      }).end()
    })
    this.#server.on('connect', (incoming, socket) => {
      this.#note(incoming)
      if (this.status !== 200) return void socket.end(`HTTP/1.1 ${this.status} no\r\n\r\n`)
      const onward = connect(to(), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        onward.pipe(socket).pipe(onward)
      })
      for (const end of [socket, onward])
        end.on('error', () => {}).once('close', () => (socket.destroy(), onward.destroy()))
    })
  }

  #note(incoming: IncomingMessage): void {
    this.asked.push(`${incoming.method} ${incoming.url}`)
    this.headers.push(incoming.headers)
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
