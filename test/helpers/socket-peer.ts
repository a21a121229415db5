import { once } from 'node:events'
import { type Server, createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

/** A bare WebSocket server on a loopback port, for tests that decide every byte of the server themselves. */
export interface SocketPeer {
  url: string
  /** Connections that are open at present, HTTP and WebSocket alike. */
  connections(): number
  close(): Promise<void>
}

export const begin = (more: object = {}): string =>
  JSON.stringify({ type: 'Begin', id: 'session-1', expires_at: Math.floor(Date.now() / 1000) + 10_800, ...more })

export const fast = { configuration: { faster_than_real_time: true } }

export const termination = JSON.stringify({
  type: 'Termination',
  audio_duration_seconds: 1,
  session_duration_seconds: 2,
})

/** Serves `talk` for each WebSocket; `prepare` may answer the upgrade otherwise. */
export async function socketPeer(
  talk: (socket: WebSocket, request: { url: string; headers: NodeJS.Dict<string | string[]> }) => void,
  prepare?: (server: Server) => void,
): Promise<SocketPeer> {
  const server = createServer()
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  if (prepare) prepare(server)
  else {
    const webSockets = new WebSocketServer({ server })
    webSockets.on('connection', (socket, request) => {
      socket.on('error', () => {})
      talk(socket, { url: request.url ?? '', headers: request.headers })
    })
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v3/ws`,
    connections: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
