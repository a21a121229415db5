import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

const wrong = Buffer.from('ICY ')
const right = Buffer.from('HTTP/1.0 ')

/**
 * A connection to an old radio server, whose status line is `ICY 200 OK`: makes `HTTP/1.0 200 OK` of it, which Node
 * takes.
 */
export class IcySocket extends Duplex {
  readonly #socket: Socket
  #begin: Buffer | undefined = Buffer.alloc(0)

  constructor(socket: Socket) {
    super({ readableHighWaterMark: 16_384, writableHighWaterMark: 16_384 })
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  #take(chunk: Buffer): void {
    let bytes = chunk
    if (this.#begin !== undefined) {
      bytes = Buffer.concat([this.#begin, chunk])
      this.#begin = bytes.length < wrong.length ? bytes : undefined
      if (this.#begin !== undefined) return
      if (bytes.subarray(0, wrong.length).equals(wrong)) bytes = Buffer.concat([right, bytes.subarray(wrong.length)])
    }
    if (!this.push(bytes)) this.#socket.pause()
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#socket.write(chunk, callback)
  }

  override _final(callback: () => void): void {
    this.#socket.end(callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.destroy()
    callback(error)
  }
}
