import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { diarize } from '../../src/transforms/diarize.ts'
import { certificate } from '../helpers/certificate.ts'

let server: Server
let sockets: WebSocketServer
let url: string
let ca: string
/** Connections in the order in which they came, and how many sessions each had. */
const connections: Socket[] = []
const sessions: Socket[] = []

beforeEach(async () => {
  const { key, cert } = await certificate()
  ca = cert
  server = createServer({ key, cert })
  connections.length = sessions.length = 0
  server.on('secureConnection', (socket: Socket) => connections.push(socket))
  sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, { socket: connection }) => {
    sessions.push(connection)
    socket.send('{"type":"Begin","id":"one","expires_at":0}')
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary || !data.toString().includes('Terminate')) return
      socket.send('{"type":"Termination","audio_duration_seconds":0,"session_duration_seconds":0}')
      socket.close()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `wss://localhost:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  for (const socket of sockets.clients) socket.terminate()
  await new Promise((resolve) => server.close(resolve))
})

/** A stream that is fed, but has no audio yet. */
function fed() {
  const audio = new PassThrough()
  const stream = audio.pipe(diarize({ url, apiKey: 'key', ca, sampleRate: 16_000 }))
  stream.resume()
  return { audio, stream }
}

it('is there before the first audio, and is that of the first session', async () => {
  const { audio, stream } = fed()
  await once(server, 'secureConnection')
  expect(sessions).toEqual([])
  audio.end(Buffer.alloc(3200))
  await once(stream, 'end')
  expect(sessions).toEqual([connections[0]])
  expect(connections).toHaveLength(1)
})

it('is made anew for the session where the server has closed it', async () => {
  const { audio, stream } = fed()
  const [first] = (await once(server, 'secureConnection')) as [Socket]
  const attempts: unknown[] = []
  stream.on('reconnecting', (record) => attempts.push(record))
  first.end()
  await once(first, 'close')
  audio.end(Buffer.alloc(3200))
  await once(stream, 'end')
  expect(sessions).toEqual([connections[1]])
  expect(attempts).toEqual([])
})

it('is closed with a stream that never has audio', async () => {
  const { stream } = fed()
  const [first] = (await once(server, 'secureConnection')) as [Socket]
  first.resume()
  stream.destroy()
  await once(first, 'close')
  expect(sessions).toEqual([])
})
