import { createServer } from 'node:http'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { HttpBody } from '../../../src/sources/http/body.ts'
import { HttpClient } from '../../../src/sources/http/client.ts'
import { resolveHttpOptions } from '../../../src/sources/http/options.ts'

it('asks for nothing by a client that has been closed', async () => {
  let requests = 0
  const server = createServer(() => (requests += 1)).listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const url = new URL(`http://127.0.0.1:${port}/`)
    const settings = resolveHttpOptions({})
    const client = new HttpClient(url, settings)
    client.close()
    const body = new HttpBody({ url, client, settings, retries: 5 })
    await expect(body.open()).rejects.toMatchObject({ name: 'AbortError' })
    expect(requests).toBe(0)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
