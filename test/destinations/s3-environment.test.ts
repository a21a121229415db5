import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()
const { signal } = new AbortController()
let server: Server
let url: string
/** Requests: what they ask for, and the region by which they are signed. */
let asked: string[]

beforeEach(async () => {
  asked = []
  server = createServer((request, response) => {
    const [, region = ''] = /Credential=[^/]+\/\d+\/([^/]+)\/s3\//.exec(request.headers.authorization ?? '') ?? []
    asked.push(`${request.url?.split('?')[0]} ${region}`)
    response.writeHead(200, { etag: '"1"' }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL', 'AWS_REGION', 'AWS_PROFILE'])
    vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'any')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'any')
  vi.resetModules()
})
afterEach(() => {
  vi.unstubAllEnvs()
  server.closeAllConnections()
  server.close()
})

/** Puts an object as a process does that finds this in `~/.aws/config`. */
async function putWith(config: string): Promise<void> {
  const file = path.join(directory(), 'config')
  writeFileSync(file, config)
  vi.stubEnv('AWS_CONFIG_FILE', file)
  const { s3Store } = await import('../../src/destinations/s3.ts')
  await s3Store('s3://bucket/talk').put('', new Uint8Array(), undefined, signal)
}

it('asks an endpoint of the environment in the region of the configuration, or in any', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_S3', url)
  await putWith('[default]\nregion = garage\n')
  vi.resetModules()
  await putWith('')
  expect(asked).toEqual(['/bucket/talk garage', '/bucket/talk us-east-1'])
})

it('asks an endpoint of the configuration with the bucket in the path', async () => {
  await putWith(`[default]\nendpoint_url = ${url}\n`)
  expect(asked).toEqual(['/bucket/talk us-east-1'])
})

it.each(['127.0.0.1:9000', 'localhost:9000'])('says which setting has an endpoint that is none: %s', async (wrong) => {
  vi.stubEnv('AWS_ENDPOINT_URL', wrong)
  await expect(putWith('')).rejects.toThrow(
    `AWS_ENDPOINT_URL must be an address such as http://127.0.0.1:9000; it is ${wrong}`,
  )
  vi.stubEnv('AWS_ENDPOINT_URL', undefined)
  await expect(putWith(`[default]\nendpoint_url = ${wrong}\n`)).rejects.toThrow('endpoint_url in ~/.aws/config must be')
})
