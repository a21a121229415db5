import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as tick } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RecogniserModel } from '../../../src/engine/models/model.ts'
import { CrashingUtterance } from '../../../src/engine/parts.ts'
import { memoryLimit, RecogniserPool } from '../../../src/engine/process/pool.ts'
import type { TokenResult } from '../../../src/engine/process/sherpa.ts'
import { childProcesses, noChildLeft } from '../../helpers/processes.ts'
import { engineProcess as marker } from '../../helpers/sherpa.ts'

/** The pool with real processes, which are made up: see there for what an utterance means. */
const fake = fileURLToPath(new URL('../../helpers/fake-engine-process.js', import.meta.url))
const [plain, deadly, deadlyOnce, refused, held] = [1, 2, 3, 4, 5]

let folder: string
let pools: RecogniserPool[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pool-'))
  process.env['FAKE_ENGINE'] = folder
  writeFileSync(join(folder, 'log'), '')
  pools = []
})
afterEach(async () => {
  await Promise.all(pools.map((pool) => pool.close()))
  await noChildLeft(marker)
  rmSync(folder, { recursive: true })
})

function makePool(most = 1, name = 'fake', checked = Promise.resolve()): RecogniserPool {
  const pool = new RecogniserPool({ name, folder } as RecogniserModel, checked, most, fake)
  pools.push(pool)
  return pool
}

const utterance = (kind: number, text: number, megabytes = 0) => ({
  samples: Int16Array.of(kind, text, megabytes),
  language: '',
  hotwords: '',
})
const said = (text: number): TokenResult => ({ tokens: [` ${text}`], timestamps: [0], logProbabilities: [] })
/** What the processes did, without their numbers. */
const done = (what: string): string[] =>
  readFileSync(join(folder, 'log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes(what))
const begun = (what: string, times = 1): Promise<void> =>
  vi.waitFor(() => expect(done(what)).toHaveLength(times), { timeout: 20_000, interval: 5 })
const release = (): void => writeFileSync(join(folder, 'go'), '')
const process1 = (what: string): string => done(what)[0]!.split(' ')[0]!

describe.skipIf(process.platform === 'win32')('RecogniserPool', () => {
  it('has a process from the first use on, and gives it one utterance after another', async () => {
    const pool = makePool()
    expect(childProcesses(marker)).toEqual([])
    await pool.ready()
    const results = await Promise.all([1, 2, 3].map((text) => pool.decode(utterance(plain, text), 'final')))
    expect(results).toEqual([said(1), said(2), said(3)])
    expect(done('start')).toHaveLength(1)
    await pool.ready()
    expect(done('start')).toHaveLength(1)
  })

  it('starts another process when two utterances wait, and no more than it may', async () => {
    const pool = makePool(2)
    const first = pool.decode(utterance(held, 1), 'final')
    await begun('decode 1')
    const second = pool.decode(utterance(held, 2), 'final')
    for (let turn = 0; turn < 20; turn++) await tick()
    expect(childProcesses(marker)).toHaveLength(1)
    const others = [3, 4, 5, 6].map((text) => pool.decode(utterance(held, text), 'final'))
    await begun('decode 2')
    release()
    expect(await Promise.all([first, second, ...others])).toEqual([1, 2, 3, 4, 5, 6].map(said))
    expect(done('start')).toHaveLength(2)
  })

  it('has time for a partial only where a process is free', async () => {
    const pool = makePool()
    expect(await pool.decode(utterance(plain, 1), 'partial')).toBeUndefined()
    await pool.ready()
    expect(await pool.decode(utterance(plain, 2), 'partial')).toEqual(said(2))
    const final = pool.decode(utterance(held, 3), 'final')
    expect(await pool.decode(utterance(plain, 4), 'partial')).toBeUndefined()
    release()
    expect(await final).toEqual(said(3))
    expect(done('decode 4')).toEqual([])
  })

  it('leaves out a partial that would hold a final up for long', async () => {
    const pool = makePool()
    await pool.ready()
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 500))
    await pool.decode(utterance(plain, 1), 'final')
    vi.restoreAllMocks()
    const long = { ...utterance(plain, 2), samples: new Int16Array(160_000).fill(plain, 0, 1).fill(2, 1, 2) }
    expect(await pool.decode(long, 'partial')).toBeUndefined()
    expect(await pool.decode(utterance(plain, 3), 'partial')).toEqual(said(3))
  })

  it('begins with what is urgent', async () => {
    const pool = makePool()
    let isHurried = false
    const first = pool.decode(utterance(held, 1), 'final')
    await begun('decode 1')
    const others = [2, 3].map((text) => pool.decode(utterance(plain, text), 'final'))
    const urgent = pool.decode(utterance(plain, 4), 'final', undefined, () => isHurried)
    isHurried = true
    release()
    await Promise.all([first, ...others, urgent])
    expect(done('decode').map((line) => line.split(' ').at(-1))).toEqual(['1', '4', '2', '3'])
  })

  it('does not begin what nobody waits for any more', async () => {
    const pool = makePool()
    let isWanted = true
    const first = pool.decode(utterance(held, 1), 'final')
    const second = pool.decode(utterance(plain, 2), 'final', () => isWanted)
    const third = pool.decode(utterance(plain, 3), 'final')
    await begun('decode 1')
    isWanted = false
    release()
    expect(await Promise.all([first, second, third])).toEqual([said(1), undefined, said(3)])
    expect(done('decode 2')).toEqual([])
  })

  it('has an utterance heard once more where its process dies, by a new one', async () => {
    const pool = makePool()
    const [first, second] = await Promise.all([
      pool.decode(utterance(deadlyOnce, 1), 'final'),
      pool.decode(utterance(plain, 2), 'final'),
    ])
    expect([first, second]).toEqual([said(1), said(2)])
    expect(done('start')).toHaveLength(2)
    expect(done('decode 1')).toHaveLength(2)
  })

  it('gives up on an utterance that two processes die of, and goes on with the next', async () => {
    const pool = makePool()
    const dying = pool.decode(utterance(deadly, 1), 'final')
    const next = pool.decode(utterance(plain, 2), 'final')
    await expect(dying).rejects.toThrow(CrashingUtterance)
    await expect(dying).rejects.toMatchObject({
      message: expect.stringContaining('SIGABRT') as string,
      cause: { log: 'it was too much' },
    })
    expect(await next).toEqual(said(2))
    expect(done('decode 1')).toHaveLength(2)
  })

  it('does not blame an utterance for the death of a process that had nothing to do', async () => {
    const pool = makePool()
    await pool.ready()
    process.kill(Number(process1('start')), 'SIGKILL')
    await noChildLeft(marker)
    for (let turn = 0; turn < 20; turn++) await tick()
    // Had it been given to the dead process, this would be its second death.
    expect(await pool.decode(utterance(deadlyOnce, 1), 'final')).toEqual(said(1))
  })

  it('passes on what a process says, which goes on', async () => {
    const pool = makePool()
    await expect(pool.decode(utterance(refused, 1), 'final')).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringContaining('it did not like it') as string,
    })
    expect(await pool.decode(utterance(plain, 2), 'final')).toEqual(said(2))
    expect(done('start')).toHaveLength(1)
  })

  describe('when a process has grown', () => {
    const { bytes } = memoryLimit
    beforeEach(() => (memoryLimit.bytes = 150_000_000))
    afterEach(() => (memoryLimit.bytes = bytes))

    it('replaces it between two utterances', async () => {
      const pool = makePool()
      // It has 100 MB with the model.
      expect(await pool.decode(utterance(plain, 1, 190), 'final')).toEqual(said(1))
      expect(await pool.decode(utterance(plain, 2, 210), 'final')).toEqual(said(2))
      const [third, fourth] = await Promise.all([3, 4].map((text) => pool.decode(utterance(plain, text), 'final')))
      expect([third, fourth]).toEqual([said(3), said(4)])
      expect(done('start')).toHaveLength(2)
      expect(process1('decode 1')).toBe(process1('decode 2'))
      expect(process1('decode 3')).not.toBe(process1('decode 2'))
      expect(process1('decode 3')).toBe(process1('decode 4'))
    })

    it('leaves one alone that streams live in', async () => {
      const pool = makePool()
      const lease = await pool.lease()
      await pool.decode(utterance(plain, 1, 900), 'final')
      await pool.decode(utterance(plain, 2, 900), 'final')
      expect(done('start')).toHaveLength(1)
      lease.release()
      await pool.decode(utterance(plain, 3, 900), 'final')
      await pool.decode(utterance(plain, 4), 'final')
      expect(done('start')).toHaveLength(2)
    })
  })

  describe('when a model cannot be loaded', () => {
    it.each([
      ['unreadable', /cannot be loaded: no such model/],
      ['deadly', /cannot be loaded: .*ended by SIGABRT after it wrote: it was too much/],
    ])('says so to all who wait: %s', async (name, message) => {
      const pool = makePool(2, name)
      const waiting = [1, 2, 3].map((text) => pool.decode(utterance(plain, text), 'final'))
      const failure = { code: 'MODEL_UNUSABLE', message: expect.stringMatching(message) as string }
      await expect(pool.ready()).rejects.toMatchObject(failure)
      for (const each of waiting) await expect(each).rejects.toMatchObject(failure)
      await expect(pool.decode(utterance(plain, 4), 'final')).rejects.toMatchObject(failure)
      await noChildLeft(marker)
    })

    it('does not blame it for a process that is killed from outside, and starts another once', async () => {
      const pool = makePool(1, 'killed-once')
      await pool.ready()
      expect(await pool.decode(utterance(plain, 1), 'final')).toEqual(said(1))
      const other = makePool(1, 'killed')
      await expect(other.ready()).rejects.toMatchObject({
        code: 'ENGINE_FAILED',
        retryable: true,
        message: expect.stringMatching(/SIGKILL.*memory runs out/) as string,
      })
      expect(done('start')).toHaveLength(4)
    })

    it('works for those who come later where it can be by then', async () => {
      const pool = makePool(1, 'deadly-once')
      await expect(pool.ready()).rejects.toMatchObject({ code: 'MODEL_UNUSABLE' })
      await pool.ready()
      expect(await pool.decode(utterance(plain, 1), 'final')).toEqual(said(1))
    })

    it('starts no process where its files are damaged', async () => {
      const pool = makePool(1, 'fake', Promise.reject(new Error('it is cut off')))
      await expect(pool.decode(utterance(plain, 1), 'final')).rejects.toThrow('it is cut off')
      expect(done('start')).toEqual([])
    })
  })

  describe('gives out streams', () => {
    it('each in the process with the fewest, of which there are as many as there may be', async () => {
      const pool = makePool(2)
      const leases = await Promise.all([pool.lease(), pool.lease(), pool.lease()])
      expect(done('start')).toHaveLength(2)
      expect(new Set(leases.map((lease) => lease.process)).size).toBe(2)
      const alone = leases.find(({ process: own }) => leases.filter((lease) => lease.process === own).length === 1)!
      alone.release()
      alone.release()
      expect((await pool.lease()).process).toBe(alone.process)
    })

    it('in a new process where the old one has died', async () => {
      const pool = makePool()
      const lease = await pool.lease()
      process.kill(Number(process1('start')), 'SIGKILL')
      await expect(lease.process.call('finish', { stream: 1 }, 30_000)).rejects.toThrow('SIGKILL')
      const next = await pool.lease()
      expect(next.process).not.toBe(lease.process)
      expect(next.process.ended).toBe(false)
      lease.release()
      expect(await next.process.call('start', { stream: 1 }, 30_000)).toBeUndefined()
    })

    it('only once the model is loaded, and not where it cannot be', async () => {
      await expect(makePool(1, 'unreadable').lease()).rejects.toMatchObject({ code: 'MODEL_UNUSABLE' })
      const pool = makePool(1, 'held')
      const ready = pool.ready()
      await begun('loadRecogniser', 2)
      let isLeased = false
      const lease = pool.lease().then(() => (isLeased = true))
      for (let turn = 0; turn < 20; turn++) await tick()
      expect(isLeased).toBe(false)
      release()
      await Promise.all([ready, lease])
    })
  })

  describe('leaves no process, and nothing else, when it is closed', () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

    async function closeAndCheck(pool: RecogniserPool): Promise<void> {
      await pool.close()
      expect(childProcesses(marker)).toEqual([])
      expect(await pool.decode(utterance(plain, 9), 'final')).toBeUndefined()
      await pool.close()
      await expect(pool.lease()).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
      expect(childProcesses(marker)).toEqual([])
    }

    it('before anything', async () => {
      await closeAndCheck(makePool())
      expect(done('start')).toEqual([])
    })

    it('while the files of the model are looked at', async () => {
      const pool = makePool(1, 'fake', new Promise(() => {}))
      const result = pool.decode(utterance(plain, 1), 'final')
      await closeAndCheck(pool)
      expect(await result).toBeUndefined()
    })

    it('while a model is loaded', async () => {
      const pool = makePool(1, 'held')
      const ready = pool.ready().catch(() => {})
      const result = pool.decode(utterance(plain, 1), 'final')
      await begun('loadRecogniser')
      await closeAndCheck(pool)
      await ready
      expect(await result).toBeUndefined()
    })

    it.each(['closed', 'killed'])('of what was written to load it, where it is %s meanwhile', async (how) => {
      const pool = makePool(1, 'writing')
      const ready = pool.ready().catch(() => {})
      await begun('wrote')
      const [first, , ...names] = done('wrote')[0]!.split(' ')
      const scratch = names.join(' ')
      expect(existsSync(scratch)).toBe(true)
      if (how === 'closed') await closeAndCheck(pool)
      else {
        process.kill(Number(first), 'SIGKILL')
        await begun('wrote', 2)
        // The next has one of its own.
        release()
      }
      await ready
      expect(existsSync(scratch)).toBe(false)
    })

    it('while utterances are heard and others wait', async () => {
      const pool = makePool(2)
      const results = [1, 2, 3, 4].map((text) => pool.decode(utterance(held, text), 'final'))
      await begun('decode 2')
      await closeAndCheck(pool)
      expect(await Promise.all(results)).toEqual([undefined, undefined, undefined, undefined])
    })

    it('while it waits before it starts another', async () => {
      const before = timers()
      const pool = makePool()
      for (const text of [1, 2]) {
        await expect(pool.decode(utterance(deadly, text), 'final')).rejects.toThrow(CrashingUtterance)
      }
      const result = pool.decode(utterance(plain, 3), 'final')
      await noChildLeft(marker)
      await closeAndCheck(pool)
      expect(await result).toBeUndefined()
      expect(timers()).toBeLessThanOrEqual(before)
    })
  })
})
