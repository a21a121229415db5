import { readFile } from 'node:fs/promises'
import { afterAll, expect, it, vi } from 'vitest'
import { httpFaultServer } from '../../../src/testing/http-fault-server.ts'
import { createMedia } from '../../helpers/media.ts'
import { shapeOf } from '../../helpers/wav-shape.ts'
import { read } from './helpers.ts'

const asked: string[] = []

// A name server that knows one name, and says something different the second time.
vi.mock('node:dns/promises', () => ({
  lookup: (host: string) => {
    asked.push(host)
    return Promise.resolve([{ address: asked.length === 1 ? '127.0.0.1' : '192.0.2.1', family: 4 }])
  },
}))

const media = await createMedia()
afterAll(() => media.remove())

it('connects to the very address that allowUrl has seen', async () => {
  const server = await httpFaultServer(await readFile(media.wav))
  const seen: unknown[] = []
  const allowUrl = (_url: URL, addresses: readonly string[]): boolean => seen.push(addresses) > 0
  const address = server.url('/a').replace('127.0.0.1', 'rebinding.invalid')
  // Node itself could not resolve this name.
  expect(shapeOf((await read(address, { allowUrl, retries: 0 })).bytes).samples).toBe(88_200)
  expect(asked).toEqual(['rebinding.invalid'])
  expect(seen).toEqual([['127.0.0.1']])
  expect(server.requests[0]?.headers.host).toBe(`rebinding.invalid:${server.port}`)
  await server.close()
})
