import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { AudioMessage } from '../../src/session/audio-message.ts'

/** The lengths at which the header changes, those of audio, and some others. */
const lengths = fc.oneof(fc.constantFrom(0, 1, 125, 126, 1600, 65_535, 65_536), fc.integer({ min: 0, max: 5000 }))

let server: WebSocketServer | undefined

afterEach(() => {
  vi.unstubAllEnvs()
  vi.resetModules()
  for (const client of server?.clients ?? []) client.terminate()
  server?.close()
})

/** Sends frames as a session does, each when the one before is taken; returns what the server has received of them. */
async function sent(frames: readonly Buffer[], agent?: Agent): Promise<Buffer[]> {
  vi.resetModules()
  const { WebSocketTransport } = await import('../../src/session/web-socket.ts')
  server = new WebSocketServer({ port: 0 })
  const { port } = server.address() as AddressInfo
  const received: Buffer[] = []
  const connection = once(server, 'connection') as Promise<[WebSocket]>
  const failed = vi.fn<(error: Error) => void>()
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  const target = {
    url: `ws://127.0.0.1:${port}`,
    headers: {},
    name: 'test',
    secrets: [],
    local: true,
    ...(agent && { agent }),
  }
  const transport = new WebSocketTransport(target, 60_000, {
    message: () => open(),
    counts: () => true,
    drained: () => {},
    failed,
    closed: () => {},
  })
  const [peer] = await connection
  peer.on('message', (data: Buffer, binary) => void (binary && received.push(data)))
  const end = once(peer, 'close')
  peer.send('Begin')
  await opened
  for (const frame of frames) await new Promise<void>((taken) => transport.send(frame, taken))
  transport.close()
  await end
  expect(failed).not.toHaveBeenCalled()
  return received
}

describe('a message of audio', () => {
  it.each([
    ['past ws', ''],
    ['by ws', '1'],
  ])('comes as it went in, with pings among them, sent %s', async (_how, value) => {
    vi.stubEnv('DIARIZE_STREAM_WS', value)
    await fc.assert(
      fc.asyncProperty(fc.array(lengths, { minLength: 1, maxLength: 45 }), async (all) => {
        const frames = all.map((length) => randomBytes(length))
        const before = frames.map((frame) => Buffer.from(frame))
        const received = await sent(frames)
        server?.close()
        expect(received.map(({ length }) => length)).toEqual(all)
        expect(Buffer.concat(received).equals(Buffer.concat(before))).toBe(true)
        expect(frames.every((frame, index) => frame.equals(before[index]!))).toBe(true)
      }),
      { numRuns: 20 },
    )
  })

  it('comes as it went in through a stream that is no socket, and holds what it has taken', async () => {
    class Holding extends Duplex {
      readonly #socket: Socket

      constructor(socket: Socket) {
        super()
        this.#socket = socket
        socket.on('data', (chunk: Buffer) => this.push(chunk)).on('end', () => this.push(null))
      }

      override _read(): void {}

      override _write(chunk: Buffer, _encoding: string, done: () => void): void {
        setTimeout(() => this.#socket.write(chunk), 20)
        done()
      }

      override _final(done: () => void): void {
        setTimeout(() => this.#socket.end(done), 20)
      }
    }
    const agent = new Agent()
    const createConnection = ({ port }: { port: number }) => new Holding(connect(port, '127.0.0.1'))
    const frames = Array.from({ length: 30 }, () => randomBytes(1600))
    const received = await sent(frames, Object.assign(agent, { createConnection }))
    expect(Buffer.concat(received).equals(Buffer.concat(frames))).toBe(true)
  })

  it('is masked with another key each time', () => {
    const message = new AudioMessage()
    const keys = new Set(Array.from({ length: 5000 }, () => message.of(Buffer.alloc(1600)).readUInt32BE(4)))
    expect(keys.size).toBeGreaterThan(4990)
  })
})
