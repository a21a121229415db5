import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { errorCode } from '../../errors.ts'
import type { FfmpegInput } from '../../ffmpeg/arguments.ts'
import { exactContainers } from '../../ffmpeg/placement.ts'
import { type ByteRange, type HttpBody, type KnownContent, knownContent } from './body.ts'
import type { HttpAnswer } from './client.ts'

/** Bytes that are looked at together, and the most such blocks: a file that takes more to be known is read from its beginning. */
const BLOCK_BYTES = 16_384
const MOST_BLOCKS = 24
/** Of what FFmpeg reads on end, pieces are asked for that grow by this factor: it may want to go elsewhere soon. */
const FIRST_PIECE_BYTES = 65_536
const GROWTH = 4
/** Behind the first pieces it has this long to go elsewhere, in ms: the system would take megabytes that nobody reads. */
const PAUSE_MS = 50
const PAUSES = 2

/** What opens a part of the file; with `known`, of no other content than that. */
export type OpenRange = (range: ByteRange, known?: KnownContent) => HttpBody

/** A file on a server that gives parts of it, so that one can begin in its middle. */
export class RemoteFile {
  /** The answer to the first request. */
  readonly answer: HttpAnswer
  readonly known: KnownContent
  readonly #openRange: OpenRange
  readonly #blocks = new Map<number, Buffer>()

  private constructor(answer: HttpAnswer, known: KnownContent, first: Buffer, openRange: OpenRange) {
    this.answer = answer
    this.known = known
    this.#openRange = openRange
    this.#blocks.set(0, first)
  }

  /** The file; `undefined` where its server gives no parts, or nothing by which a change of it would be known. */
  static async open(openRange: OpenRange): Promise<RemoteFile | undefined> {
    const body = openRange({ offset: 0, length: BLOCK_BYTES })
    const answer = await body.open()
    const known = answer.status === 206 ? knownContent(answer) : undefined
    // So small a one is soon read.
    if (known === undefined || known.size < BLOCK_BYTES) {
      body.destroy()
      return undefined
    }
    return new RemoteFile(answer, known, await buffer(body), openRange)
  }

  /** What `look` makes of the file, which it is given as if it were here; `undefined` where it wants to see too much of it. */
  async look<T>(look: (readAt: (offset: number, length: number) => Buffer, size: number) => T): Promise<T | undefined> {
    while (this.#blocks.size <= MOST_BLOCKS) {
      let missing: number | undefined
      try {
        return look((offset, length) => {
          const end = Math.min(offset + length, this.known.size)
          const parts: Buffer[] = []
          for (let at = offset; at < end;) {
            const number = Math.floor(at / BLOCK_BYTES)
            const block = this.#blocks.get(number)
            if (block === undefined) {
              missing = number
              throw new Error('not here yet')
            }
            const from = at - number * BLOCK_BYTES
            const part = block.subarray(from, Math.min(block.length, from + end - at))
            if (part.length === 0) break
            parts.push(part)
            at += part.length
          }
          return Buffer.concat(parts)
        }, this.known.size)
      } catch (error) {
        if (missing === undefined) throw error
        await this.#fetch(missing)
      }
    }
    return undefined
  }

  /** What FFmpeg is given to seek in, by a server on this machine that has an address nobody can guess. */
  async serve(failed: (error: Error) => void): Promise<{ input: FfmpegInput; close: () => void }> {
    const path = `/${randomUUID()}`
    const server = createServer((request, response) => {
      if (request.url === path && request.method === 'GET') this.#give(request, response, failed)
      else response.writeHead(404).end()
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    // What is read from it keeps the process alive, and this alone does not.
    server.unref()
    const { port } = server.address() as AddressInfo
    const input: FfmpegInput = {
      url: `http://127.0.0.1:${port}${path}`,
      protocols: 'http,tcp',
      containers: exactContainers,
      // The environment may name a proxy.
      inputOptions: ['-http_proxy', '', '-seekable', '1'],
      outputOptions: ['-flush_packets', '0'],
    }
    return { input, close: () => closeAll(server) }
  }

  #give(request: IncomingMessage, response: ServerResponse, failed: (error: Error) => void): void {
    const { size } = this.known
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? 'bytes=0-')?.[1] ?? 0)
    if (from >= size) {
      response.writeHead(416, { 'content-range': `bytes */${size}`, connection: 'close' }).end()
      return
    }
    response.writeHead(206, {
      'content-type': 'application/octet-stream',
      'accept-ranges': 'bytes',
      'content-range': `bytes ${from}-${size - 1}/${size}`,
      'content-length': size - from,
      connection: 'close',
    })
    pipeline(Readable.from(this.#read(from)), response, (error) => {
      // FFmpeg leaves as soon as it wants to go elsewhere.
      if (error && errorCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') failed(error)
    })
  }

  /** All bytes from one on. */
  async *#read(from: number): AsyncGenerator<Buffer> {
    const { size } = this.known
    let offset = from
    for (let piece = 0; offset < size; piece++) {
      if (piece > 0 && piece <= PAUSES) await delay(PAUSE_MS)
      const length = Math.min(FIRST_PIECE_BYTES * GROWTH ** piece, size - offset)
      yield* this.#openRange({ offset, length }, this.known) as AsyncIterable<Buffer>
      offset += length
    }
  }

  async #fetch(number: number): Promise<void> {
    const offset = number * BLOCK_BYTES
    const length = Math.min(BLOCK_BYTES, this.known.size - offset)
    this.#blocks.set(number, await buffer(this.#openRange({ offset, length }, this.known)))
  }
}

function closeAll(server: Server): void {
  server.close()
  server.closeAllConnections()
}
