import { S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Readable } from 'node:stream'
import {
  jsonlSink,
  run,
  s3Destination,
  type Turn,
  type S3DestinationOptions,
  type OutputDestination,
} from '../../src/index.ts'
import { s3Store } from '../../src/destinations/s3.ts'
import { seededRandom } from '../helpers/random.ts'
import { textOf } from './memory-store.ts'
import { type S3Server, startS3, whyNoS3 } from './s3-server.ts'

const { signal } = new AbortController()
const line = (number: number): string => `{"line":${number}}\n`
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => line(from + index)).join('')

describe.skipIf(whyNoS3 !== undefined)('S3', () => {
  let server: S3Server
  let client: S3Client
  let number = 0
  let address: string

  beforeAll(async () => {
    server = await startS3()
    const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
    client = new S3Client({
      endpoint: server.url,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials,
      maxAttempts: 1,
    })
  })
  afterAll(async () => {
    client?.destroy()
    await server?.[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    server.fault = () => undefined
    address = `s3://bucket/day ${++number}/talk.jsonl`
  })
  const at = (options: S3DestinationOptions = {}): OutputDestination => s3Destination(address, { client, ...options })

  it('holds what was committed, continues it, and begins it anew', async () => {
    expect(await at().facts()).toBeUndefined()
    const writer = await at({ epoch: 3 }).open({ keep: 0, signal })
    for (let i = 0; i < 20; i++) {
      await writer.append(line(i))
      await writer.commit()
    }
    await writer.append(line(20))
    await writer.close()
    expect(await textOf(at().read())).toBe(lines(0, 20))
    const next = await at().open({ keep: lines(0, 10).length, signal })
    await next.append(lines(10, 30))
    await next.complete()
    await next.close()
    expect(await textOf(at().read())).toBe(lines(0, 30))
    expect(await at().facts()).toEqual({ bytes: lines(0, 30).length, epoch: 4, isComplete: true })
    await expect(at({ epoch: 3 }).open({ keep: 0, signal })).rejects.toMatchObject({ code: 'OUTPUT_FENCED' })
    const anew = await at().open({ keep: 0, signal })
    await anew.complete()
    expect(await textOf(at().read())).toBe('')
  })

  it('has one of many writers that race', async () => {
    const writers = await Promise.all(Array.from({ length: 6 }, () => at().open({ keep: 0, signal })))
    const outcomes = await Promise.allSettled(
      writers.map(async (writer) => {
        for (let i = 0; i < 5; i++) {
          await writer.append(`{"epoch":${writer.epoch}}\n`)
          await writer.commit()
        }
      }),
    )
    const codes = outcomes.map((outcome) =>
      outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : outcome.status,
    )
    expect(codes.toSorted()).toEqual([...Array.from({ length: 5 }, () => 'OUTPUT_FENCED'), 'fulfilled'])
    expect(await textOf(at().read())).toBe('{"epoch":6}\n'.repeat(5))
  })

  it('neither loses nor doubles a line when answers are lost, or the server is busy', async () => {
    const random = seededRandom(22)
    server.fault = () => {
      const dice = random()
      return dice < 0.15 ? 'lost' : dice < 0.3 ? 'refused' : undefined
    }
    const writer = await at().open({ keep: 0, signal })
    for (let i = 0; i < 60; i++) {
      await writer.append(line(i))
      await writer.commit()
    }
    await writer.complete()
    expect(await textOf(at().read())).toBe(lines(0, 60))
  }, 120_000)

  it('gives up after so many attempts, and says that it may pass', async () => {
    const writer = await at().open({ keep: 0, signal })
    await writer.append(line(0))
    server.log.length = 0
    server.fault = () => 'refused'
    await expect(writer.commit()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE', retryable: true })
    expect(server.log.length).toBe(10)
  }, 60_000)

  it('stops at once when it is closed in the middle of a request', async () => {
    const writer = await at().open({ keep: 0, signal })
    await writer.append(line(0))
    const asked = new Promise<void>((resolve) => {
      server.fault = () => {
        resolve()
        return 'silent'
      }
    })
    const commit = writer.commit()
    commit.catch(() => {})
    await asked
    await writer.close()
    await expect(commit).rejects.toThrow('closed')
  })

  it('holds a run up for some seconds at most when it is aborted and the server does not answer', async () => {
    const controller = new AbortController()
    const turn = (order: number): Turn => ({
      sessionId: 's',
      order,
      revision: 0,
      endOfTurn: true,
      formatted: true,
      transcript: 'word',
      words: [{ text: 'word', start: order * 1000, end: order * 1000 + 500, final: true }],
      start: order * 1000,
      end: order * 1000 + 500,
    })
    const sink = jsonlSink(at({ commitInterval: 100 }))
    const source = Readable.from(
      (async function* () {
        yield turn(0)
        while (((await at().facts())?.bytes ?? 0) === 0) await new Promise((resolve) => setTimeout(resolve, 50))
        server.fault = () => 'silent'
        yield turn(1)
        controller.abort()
        await new Promise(() => {})
      })(),
    )
    await expect(run(source, sink, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' })
    expect(sink.closed).toBe(true)
    server.fault = () => undefined
    expect((await textOf(at().read())).match(/"type":"turn"/g)).toHaveLength(1)
    expect(await at().facts()).toMatchObject({ isComplete: false })
  }, 30_000)

  it('needs no more memory for a long text than for a short one', async () => {
    const writer = await at().open({ keep: 0, signal })
    const text = `${'y'.repeat(16_383)}\n`
    const used = async (count: number): Promise<number> => {
      for (let i = 0; i < count; i++) await writer.append(text)
      await writer.commit()
      globalThis.gc?.()
      return process.memoryUsage().arrayBuffers
    }
    const before = await used(64)
    // 64 MB in segments of 256 kB.
    const after = await used(4096)
    expect(after - before).toBeLessThan(16_777_216)
    await writer.complete()
    expect((await at().facts())?.bytes).toBe((64 + 4096) * 16_384)
    let read = 0
    for await (const part of at().read()) read += part.length
    expect(read).toBe((64 + 4096) * 16_384)
  }, 180_000)

  it('finds an object that has no bytes, and puts another in its place', async () => {
    const store = s3Store(address, client)
    const first = await store.put('', new Uint8Array(), undefined, signal)
    const found = await store.get('', { from: 0, length: 10 }, signal)
    expect(found).toEqual({ bytes: new Uint8Array(), version: first, size: 0 })
    expect(await store.put('', Buffer.from(line(1)), found?.version, signal)).toBeDefined()
    expect(await textOf(at().read())).toBe(line(1))
  })

  it('says what is wrong with the bucket', async () => {
    const wrong = s3Destination('s3://no-such-bucket/talk.jsonl', { client })
    await expect(wrong.open({ keep: 0, signal })).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      retryable: false,
      message: expect.stringMatching(
        /^cannot write to s3:\/\/no-such-bucket\/talk.jsonl: NoSuchBucket: .*\(make the bucket first\)$/,
      ) as string,
    })
  })
})
