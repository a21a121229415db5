import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { acceptSession } from './light-server.ts'

/*
 * A v3 server that takes audio and throws it away, and counts frames. In a process of its own; tells its parent both
 * addresses, and the count whenever it is asked for.
 */

const [keyFile = '', certificateFile = ''] = process.argv.slice(2)
let frames = 0

const plain = createServer()
const secure = createTlsServer({ key: readFileSync(keyFile), cert: readFileSync(certificateFile) })
const addresses = [plain, secure].map((server, index) => {
  server.on('upgrade', (request, socket) => acceptSession(request, socket, () => (frames += 1)))
  return new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', 1024, () => {
      const { port } = server.address() as AddressInfo
      resolve(`${index === 0 ? 'ws://127.0.0.1' : 'wss://localhost'}:${port}`)
    })
  })
})
process.on('message', () => process.send?.(frames))
process.on('disconnect', () => process.exit(0))
void Promise.all(addresses).then(([ws, wss]) => process.send?.({ ws, wss }))
