import { expect, it } from 'vitest'
import { objectDestination, type OutputError } from '../../src/index.ts'
import { seededRandom } from '../helpers/random.ts'
import { MemoryStore, textOf } from './memory-store.ts'

const { signal } = new AbortController()
const line = (number: number): string => `{"line":${number}}\n`
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => line(from + index)).join('')

it('shows readers what was committed, and no more', async () => {
  const output = objectDestination(new MemoryStore(), { epoch: 7 })
  expect(await output.facts()).toBeUndefined()
  const writer = await output.open({ keep: 0, signal })
  await writer.append(line(0))
  expect(await textOf(output.read())).toBe('')
  await writer.commit()
  await writer.append(line(1))
  expect(await textOf(output.read())).toBe(line(0))
  expect(writer.bytes).toBe(lines(0, 2).length)
  await writer.complete()
  await writer.close()
  expect(await textOf(output.read())).toBe(lines(0, 2))
  expect(await output.facts()).toEqual({ bytes: lines(0, 2).length, epoch: 7, isComplete: true })
})

it('keeps what it is told to, wherever segments were merged, and begins anew without', async () => {
  const store = new MemoryStore()
  const first = await objectDestination(store).open({ keep: 0, signal })
  for (let i = 0; i < 40; i++) {
    await first.append(line(i))
    await first.commit()
  }
  // In the middle of a segment of 16, as that was not merged yet when a checkpoint was made.
  const keep = lines(0, 21).length
  const again = objectDestination(store)
  const writer = await again.open({ keep, signal })
  expect(writer.epoch).toBe(2)
  expect(await textOf(again.read())).toBe(lines(0, 21))
  for (let i = 21; i < 80; i++) {
    await writer.append(line(i))
    await writer.commit()
  }
  expect(await textOf(again.read())).toBe(lines(0, 80))
  const anew = await again.open({ keep: 0, signal })
  await anew.append('{"other":true}\n')
  await anew.complete()
  expect(await textOf(again.read())).toBe('{"other":true}\n')
  await expect(again.open({ keep: 1000, signal })).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
})

it('lists few segments, however many commits there were', async () => {
  const store = new MemoryStore()
  const output = objectDestination(store, { segmentBytes: 1024 })
  const writer = await output.open({ keep: 0, signal })
  const many = 2000
  for (let i = 0; i < many; i++) {
    await writer.append(line(i))
    await writer.commit()
  }
  const manifest = JSON.parse(Buffer.from(store.objects.get('manifest.json')!.bytes).toString()) as {
    segments: { bytes: number; level?: number }[]
  }
  const small = manifest.segments.filter(({ level }) => level !== undefined)
  // Fifteen of a level at most, on the two levels that are smaller than a segment need be.
  expect(small.length).toBeLessThanOrEqual(30)
  const large = manifest.segments.filter(({ level }) => level === undefined)
  expect(Math.min(...large.map(({ bytes }) => bytes))).toBeGreaterThanOrEqual(1024)
  expect(await textOf(output.read())).toBe(lines(0, many))
  const stored = [...store.objects.values()].reduce((sum, { bytes }) => sum + bytes.length, 0)
  expect(stored).toBeLessThan(4 * lines(0, many).length)
})

it('refuses a writer once another has opened it, and one of a lower epoch at once', async () => {
  const store = new MemoryStore()
  const old = await objectDestination(store, { epoch: 3 }).open({ keep: 0, signal })
  await old.append(line(0))
  await old.commit()
  const newer = await objectDestination(store, { epoch: 4 }).open({ keep: line(0).length, signal })
  await old.append('{"stale":true}\n')
  const refused = await old.commit().catch((error: unknown) => error as OutputError)
  expect(refused).toMatchObject({ code: 'OUTPUT_FENCED', retryable: false, epoch: 3, currentEpoch: 4 })
  expect((refused as OutputError).message).toContain(store.address)
  await expect(old.append(line(1))).rejects.toBe(refused)
  await expect(objectDestination(store, { epoch: 3 }).open({ keep: 0, signal })).rejects.toMatchObject({
    code: 'OUTPUT_FENCED',
    epoch: 3,
    currentEpoch: 4,
  })
  await newer.append(line(1))
  await newer.complete()
  expect(await textOf(objectDestination(store).read())).toBe(lines(0, 2))
  await expect(old.complete()).rejects.toBe(refused)
})

it('has one holder, however many open it at the same time', async () => {
  const store = new MemoryStore()
  const writers = await Promise.all(Array.from({ length: 5 }, () => objectDestination(store).open({ keep: 0, signal })))
  expect(new Set(writers.map(({ epoch }) => epoch)).size).toBe(5)
  const outcomes = await Promise.allSettled(
    writers.map(async (writer) => {
      await writer.append(`{"writer":${writer.epoch}}\n`)
      await writer.commit()
    }),
  )
  const held = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [writers[index]!.epoch] : []))
  expect(held).toEqual([5])
  expect(await textOf(objectDestination(store).read())).toBe('{"writer":5}\n')
})

it('neither loses nor doubles a line when answers are lost', async () => {
  const store = new MemoryStore()
  const random = seededRandom(22)
  store.fault = (request) => (request.startsWith('put') && random() < 0.4 ? 'lost' : undefined)
  const output = objectDestination(store, { segmentBytes: 1024 })
  const writer = await output.open({ keep: 0, signal })
  for (let i = 0; i < 100; i++) {
    await writer.append(line(i))
    if (random() < 0.5) await writer.commit()
  }
  await writer.complete()
  expect(await textOf(output.read())).toBe(lines(0, 100))
})

it('stays as it was when a commit fails, and says whether that may pass', async () => {
  const store = new MemoryStore()
  const output = objectDestination(store)
  const writer = await output.open({ keep: 0, signal })
  await writer.append(line(0))
  await writer.commit()
  await writer.append(line(1))
  store.fault = (request) => (request === 'put manifest.json' ? 'refused' : undefined)
  const failure = await writer.commit().catch((error: unknown) => error as OutputError)
  expect(failure).toMatchObject({ code: 'OUTPUT_UNWRITABLE', retryable: true, target: store.address })
  await expect(writer.complete()).rejects.toBe(failure)
  store.fault = () => undefined
  expect(await textOf(output.read())).toBe(line(0))
})

it('commits by itself by time and by size', async () => {
  const store = new MemoryStore()
  const output = objectDestination(store, { commitInterval: 100, segmentBytes: 1024 })
  const writer = await output.open({ keep: 0, signal })
  const puts = (): number => store.log.filter((request) => request === 'put manifest.json').length
  const committed = new Promise<void>((resolve) => {
    store.gate = (request) => {
      if (request === 'put manifest.json') resolve()
      return undefined
    }
  })
  await writer.append(line(0))
  expect(puts()).toBe(1)
  await committed
  const before = puts()
  await writer.append('x'.repeat(1024))
  expect(puts()).toBeGreaterThan(before)
  await writer.close()
})

it('takes no more than is to be committed at once while the store does not answer', async () => {
  const store = new MemoryStore()
  const writer = await objectDestination(store, { segmentBytes: 1024, commitInterval: 600_000 }).open({
    keep: 0,
    signal,
  })
  let answer = (): void => {}
  store.gate = () => new Promise<void>((resolve) => (answer = resolve))
  const asked = new Promise<void>((resolve) => {
    const { gate } = store
    store.gate = (request) => {
      resolve()
      return gate(request)
    }
  })
  let taken = 0
  const writing = (async () => {
    for (; taken < 1000; taken++) await writer.append('x'.repeat(127) + '\n')
  })()
  await asked
  await new Promise((resolve) => setImmediate(resolve))
  expect(taken).toBeLessThan(1024 / 128)
  store.gate = () => undefined
  answer()
  await writing
  await writer.complete()
  expect(writer.bytes).toBe(128_000)
})

it('gives up at once when it is closed, and leaves no timer', async () => {
  const store = new MemoryStore()
  const writer = await objectDestination(store, { commitInterval: 100 }).open({ keep: 0, signal })
  await writer.append(line(0))
  await writer.close()
  await expect(writer.commit()).rejects.toThrow('closed')
  expect(store.log.filter((request) => request === 'put manifest.json')).toHaveLength(1)
})

it('reads an object that somebody else has put whole, and says what is not there or is no manifest', async () => {
  const store = new MemoryStore()
  const output = objectDestination(store)
  await expect(textOf(output.read())).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
  store.objects.set('', { bytes: Buffer.from(lines(0, 3)), version: 'a' })
  expect(await textOf(output.read())).toBe(lines(0, 3))
  for (const [text, why] of [
    ['{', 'no JSON'],
    ['{}', 'no manifest'],
    ['{"format":"diarize-stream manifest","version":2}', 'version 2'],
    ['{"format":"diarize-stream manifest","version":1,"segments":[{"name":"../x","bytes":1}]}', 'damaged'],
  ] as const) {
    store.objects.set('manifest.json', { bytes: Buffer.from(text), version: 'b' })
    await expect(textOf(output.read())).rejects.toMatchObject({
      code: 'INPUT_NOT_MEDIA',
      message: expect.stringContaining(why) as string,
    })
  }
})

it('refuses wrong options', () => {
  const store = new MemoryStore()
  expect(() => objectDestination(store, { epoch: -1 })).toThrow(
    'epoch, when given, must be an integer of at least 0; got -1',
  )
  expect(() => objectDestination(store, { commitInterval: 5 })).toThrow('from 100 to 600000 ms')
  expect(() => objectDestination({} as MemoryStore)).toThrow('store')
})
