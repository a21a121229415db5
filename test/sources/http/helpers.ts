import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach } from 'vitest'
import type { AudioFormat } from '../../../src/audio/format.ts'
import type { Warning } from '../../../src/errors.ts'
import { httpSource } from '../../../src/sources/http/source.ts'
import type { HttpSourceOptions } from '../../../src/sources/http/options.ts'
import { requestFormat, type UpstreamStage } from '../../../src/stage.ts'
import { httpFaultServer, type HttpFaultServer } from '../../../src/testing/http-fault-server.ts'
import { noChildLeft } from '../../helpers/processes.ts'

/** Delays that keep a test short. */
export const quick = { retryDelay: 5, maxRetryDelay: 20 } satisfies HttpSourceOptions

export const mono16k: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }

/** Gives what serves until the test is over, behind which no process is left. */
export function useServers(): typeof httpFaultServer {
  const servers: HttpFaultServer[] = []
  afterEach(async () => {
    await noChildLeft()
    await Promise.all(servers.splice(0).map((server) => server.close()))
  })
  return async (...what) => {
    const server = await httpFaultServer(...what)
    servers.push(server)
    return server
  }
}

/** What a source has given, and said. */
export interface Reading {
  bytes: Buffer
  warnings: Warning[]
  attempts: { attempt: number; error: Error }[]
  gaps: { start: number; end: number; missing: number }[]
}

/** Reads a source to its end. */
export async function read(url: string, options: HttpSourceOptions & { target?: AudioFormat } = {}): Promise<Reading> {
  const { target, ...rest } = options
  const source: Readable & UpstreamStage = httpSource(url, { ...quick, ...rest })
  if (target !== undefined) source[requestFormat]?.(target)
  const reading: Reading = { bytes: Buffer.alloc(0), warnings: [], attempts: [], gaps: [] }
  source.on('warning', (warning) => reading.warnings.push(warning))
  source.on('reconnecting', (record) => reading.attempts.push(record))
  source.on('gap', (record) => reading.gaps.push(record))
  reading.bytes = await buffer(source)
  return reading
}
