import { once } from 'node:events'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openFleet } from '../../src/fleet/index.ts'
import { endingClient, versionTrouble } from '../../src/fleet/store.ts'
import { freePort, stores, type TestStore } from '../helpers/stores.ts'

async function warningsOf(store: string): Promise<string[]> {
  await using fleet = await openFleet({ store })
  return (await fleet.warnings()).map(({ code }) => code)
}

describe.skipIf(stores.redis.missing !== undefined)('Redis', () => {
  let store: TestStore
  let client: Redis

  beforeAll(async () => {
    store = await stores.redis.start()
    client = new Redis(store.url)
  })
  afterAll(async () => {
    client?.disconnect()
    await store?.close()
  })

  it('is warned of where it may throw jobs away, or forget them', async () => {
    expect(await warningsOf(store.url)).toEqual([])
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
    expect(await warningsOf(store.url)).toEqual(['STORE_EVICTS'])
    await client.config('SET', 'appendonly', 'no')
    expect(await warningsOf(store.url)).toEqual(['STORE_EVICTS', 'STORE_FORGETS'])
    // Some who offer it as a service let nobody ask.
    await client.call('ACL', 'SETUSER', 'guest', 'on', '>secret', '~*', '&*', '+@all', '-config')
    expect(await warningsOf(store.url.replace('redis://', 'redis://guest:secret@'))).toEqual([])
  })

  it('says that it wants a password, and shows none', async () => {
    const address = store.url.replace('redis://', 'redis://guest:wrong-one@')
    const refused = await openFleet({ store: address }).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      code: 'STORE_UNREACHABLE',
      store: store.url,
      message: expect.stringMatching(
        /^the store redis:\S+ cannot be used: WRONGPASS .*; check the user and the password$/,
      ),
    })
    expect(String(refused)).not.toContain('wrong-one')
  })
})

describe.skipIf(stores.postgres.missing !== undefined)('PostgreSQL', () => {
  let store: TestStore
  beforeAll(async () => {
    store = await stores.postgres.start()
  })
  afterAll(async () => {
    await store?.close()
  })

  it('is warned of where it forgets the last moments', async () => {
    expect(await warningsOf(store.url)).toEqual([])
    expect(await warningsOf(`${store.url}?options=-c%20synchronous_commit%3Doff`)).toEqual(['STORE_FORGETS'])
  })

  it('is opened by several at the same moment', async () => {
    await (await openFleet({ store: store.url })).close()
    const other = new pg.Client(store.url)
    await other.connect()
    const watcher = new pg.Client(store.url)
    await watcher.connect()
    await other.query('DROP TABLE diarize_stream.fleet_state')
    await other.query('BEGIN')
    await other.query(
      'CREATE TABLE diarize_stream.fleet_state (queue text, name text, value text, PRIMARY KEY (queue, name))',
    )
    const opened = openFleet({ store: store.url })
    const waiting = "SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    const count = async (): Promise<unknown> => (await watcher.query(waiting)).rows[0]
    await expect.poll(count).toEqual({ waiting: 1 })
    await other.query('COMMIT')
    await (await opened).close()
    await other.end()
    await watcher.end()
  })

  it.each([
    ['ahead of', 3_600_000],
    ['behind', -60_000],
  ])('is given no worker whose clock is %s its own', async (where, step) => {
    await using fleet = await openFleet({ store: store.url })
    const { now } = Date
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + step)
    const refused = await fleet.work({ apiKey: 'any-key' }).catch((error: unknown) => error)
    clock.mockRestore()
    expect(refused).toMatchObject({
      code: 'STORE_UNREACHABLE',
      retryable: true,
      store: store.url.replace('fleet@', ''),
    })
    expect(String(refused)).toMatch(
      new RegExp(`cannot be used: the clock of this machine is \\S+ s ${where} that of the store`),
    )
    await (await fleet.work({ apiKey: 'any-key' })).drain()
  })

  it('says which database is not there', async () => {
    await expect(openFleet({ store: store.url.replace(/\w+$/, 'nothing') })).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      message: expect.stringContaining('database "nothing" does not exist') as string,
    })
  })
})

it.each(['redis:', 'postgres:'])(
  'says where there is no store of %s',
  async (scheme) => {
    const store = `${scheme}//user:secret@127.0.0.1:${await freePort()}/0`
    const refused = await openFleet({ store }).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      code: 'STORE_UNREACHABLE',
      retryable: true,
      message: expect.stringMatching(
        /cannot be reached: connect ECONNREFUSED .*; check the address, and whether it runs$/,
      ),
    })
    expect(String(refused)).not.toContain('secret')
  },
  20_000,
)

it('warns of servers that are older than those it is tested with', () => {
  expect(versionTrouble('Redis', '7.0.15')).toBeUndefined()
  expect(versionTrouble('Redis', '10.1')).toBeUndefined()
  expect(versionTrouble('PostgreSQL', '15.14 (Debian 15.14-0+deb12u1)')).toBeUndefined()
  expect(versionTrouble('PostgreSQL', 'of somebody else')).toBeUndefined()
  expect(versionTrouble('Redis', '6.2.14')).toMatchObject({ code: 'STORE_OLD' })
  expect(versionTrouble('PostgreSQL', '9.6')?.message).toBe(
    'PostgreSQL 9 is older than 15, with which a fleet is tested',
  )
})

it('ends a client of Redis, and what was asked of it, while it waits to try again', async () => {
  const client = new (endingClient(Redis))(await freePort(), { maxRetriesPerRequest: null, lazyConnect: true })
  const copy = client.duplicate()
  for (const one of [client, copy]) {
    one.on('error', () => {})
    one.connect().catch(() => {})
    await new Promise((resolve) => one.once('reconnecting', resolve))
    const asked = one.get('name').catch((error: Error) => error.message)
    const ended = once(one, 'end')
    one.disconnect()
    await ended
    expect(await asked).toBe('Connection is closed.')
  }
})
