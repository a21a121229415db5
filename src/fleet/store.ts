import type { JobsOptions, Processor, Queue, Worker, WorkerOptions } from 'bullmq'
import type { Redis, RedisOptions } from 'ioredis'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from 'pg'
import { DiarizeStreamError, FleetError, type Warning } from '../errors.ts'
import { refusedOption } from '../options.ts'
import { redact } from '../redact.ts'
import { waitAtMost } from '../stream-helpers.ts'
import { type FleetJob, type JobKind, jobKinds } from './jobs.ts'

/** How long a store may take until it answers at first, ms. */
const CONNECT_MS = 10_000
/** How long one may take to say goodbye, ms. */
const CLOSE_MS = 5000
/** A store that does not answer is asked again after this, in ms. */
const AGAIN_MS = 1000
/**
 * Most connections to PostgreSQL of each that has its own: what processes tell each other, two queues, and of a worker two
 * takers, which have one more each that listens.
 */
const CONNECTIONS = 2

type Bullmq = typeof import('bullmq')

/** The queue of a fleet, and what its processes tell each other, in Redis or in PostgreSQL. */
export interface Store {
  readonly kind: 'redis' | 'postgres'
  readonly bullmq: Bullmq
  /** To BullMQ it is two, so that no live input stands behind recordings. */
  readonly queues: Readonly<Record<JobKind, Queue<FleetJob>>>
  /** It has connections of its own, and takes jobs when it is ready and told to. */
  worker(kind: JobKind, process: Processor<FleetJob>, options: OwnWorkerOptions): Worker<FleetJob>
  /** Puts jobs into the queue of their kind, some hundreds at most. */
  enqueue(kind: JobKind, jobs: readonly JobToQueue[]): Promise<void>
  /** Which of these jobs there are, of either kind. */
  present(ids: readonly string[]): Promise<Set<string>>
  /** What all processes know by a name. */
  read(name: string): Promise<string | undefined>
  write(name: string, value: string): Promise<void>
  /**
   * Changes what all processes know by a name, as nobody else does at the same time.
   *
   * @param change - is given what is there, and the store's time in ms of the epoch; may be called several times.
   */
  update<Result>(name: string, change: Change<Result>): Promise<Result>
  /**
   * Refuses a machine by whose clock workers would take the jobs of others for lost.
   *
   * @param most - ms by which clocks may differ.
   * @throws (rejects with) FleetError `STORE_UNREACHABLE`
   */
  checkClock(most: number): Promise<void>
  /** What is told of an error of its own. */
  failure(error: unknown): unknown
  /** What keeps it from being relied on. */
  troubles(): Promise<Warning[]>
  close(): Promise<void>
}

export type OwnWorkerOptions = Omit<WorkerOptions, 'connection' | 'prefix' | 'autorun'>

/** A job as BullMQ takes it. */
export interface JobToQueue {
  name: string
  data: FleetJob
  opts: JobsOptions
}

/** Makes a new value of what is there. */
export type Change<Result> = (value: string | undefined, now: number) => { value: string; result: Result }

export interface StoreOptions {
  store: URL
  queue: string
  namespace: string
}

/** What BullMQ calls the queue of a kind; nobody can give a queue the name of another's live inputs, as there is a dot in it. */
function queueName(queue: string, kind: JobKind): string {
  return kind === 'live' ? `${queue}.live` : queue
}

function queuesBy(open: (kind: JobKind) => Queue<FleetJob>): Record<JobKind, Queue<FleetJob>> {
  return { live: open('live'), recording: open('recording') }
}

/**
 * Connects to a store, and makes in it what is missing.
 *
 * @throws (rejects with) ConfigurationError `INVALID_OPTION` where a package is missing; FleetError `STORE_UNREACHABLE`
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const isRedis = options.store.protocol.startsWith('redis')
  const bullmq = await optional('bullmq', () => import('bullmq'))
  try {
    return isRedis ? await RedisStore.open(bullmq, options) : await PostgresStore.open(bullmq, options)
  } catch (error) {
    throw storeFailure(error, options)
  }
}

/** The address of a store, without credentials. */
function addressOf(store: URL): string {
  return `${store.protocol}//${store.host}${store.pathname}`
}

/** What a store that fails fails with; errors of the library are left as they are. */
function storeFailure(error: unknown, { store }: StoreOptions): unknown {
  if (error instanceof DiarizeStreamError) return error
  const where = addressOf(store)
  const why = redact((error as Error).message || String((error as { code?: unknown }).code), [store.password])
  const isRefused = /^(NOAUTH|WRONGPASS|NOPERM)|password|role .* does not exist|no pg_hba.conf entry/i.test(why)
  const isAnswer = isRefused || 'severity' in (error as Error) || (error as Error).name === 'ReplyError'
  const message = isAnswer
    ? `the store ${where} cannot be used: ${why.replace(/\.$/, '')}${isRefused ? '; check the user and the password' : ''}`
    : `the store ${where} cannot be reached: ${why}; check the address, and whether it runs`
  return new FleetError('STORE_UNREACHABLE', message, { cause: error, retryable: true, store: where })
}

async function optional<Library extends object>(name: string, load: () => Promise<Library>): Promise<Library> {
  try {
    const library = await load()
    return 'default' in library && typeof library.default === 'object' ? { ...(library.default as Library) } : library
  } catch (cause) {
    throw refusedOption('store', `a fleet needs the package ${name}: npm install ${name}`, cause)
  }
}

const READ_WITH_TIME = `
  local time = redis.call('TIME')
  return { redis.call('GET', KEYS[1]) or '', time[1] * 1000 + math.floor(time[2] / 1000) }`
const WRITE_UNLESS_CHANGED = `
  if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1`
/** What processes tell each other is forgotten when nobody has said anything for a day, in ms. */
const STATE_MS = 86_400_000

/** The oldest servers that a fleet is tested with. */
const OLDEST = { Redis: 7, PostgreSQL: 15 }

/** What is to be said of a server of that version. */
export function versionTrouble(name: keyof typeof OLDEST, version: string): Warning | undefined {
  const major = Number.parseInt(version, 10)
  if (!(major < OLDEST[name])) return undefined
  return {
    code: 'STORE_OLD',
    message: `${name} ${major} is older than ${OLDEST[name]}, with which a fleet is tested`,
    version,
  }
}

/**
 * A client that ends when it is told to, also while it waits to try again: ioredis then forgets to say so, and keeps what was asked of
 * it, so that whoever waits for either, as workers of BullMQ do, waits for ever.
 */
export function endingClient(Client: typeof Redis): typeof Redis {
  return class EndingClient extends Client {
    override disconnect(reconnect = false): void {
      const isWaiting = this.status === 'reconnecting' && !reconnect
      super.disconnect(reconnect)
      if (!isWaiting) return
      // An attempt that is given up is an end.
      this.connect().catch(() => {})
      super.disconnect()
    }

    override duplicate(more?: Partial<RedisOptions>): Redis {
      return new EndingClient({ ...this.options, ...more })
    }
  }
}

/** Commands for new jobs that Redis has not answered. */
const ADDED_AT_ONCE = 25

class RedisStore implements Store {
  readonly kind = 'redis'
  readonly bullmq: Bullmq
  readonly queues: Readonly<Record<JobKind, Queue<FleetJob>>>
  readonly #client: Redis
  readonly #options: StoreOptions

  static async open(bullmq: Bullmq, options: StoreOptions): Promise<RedisStore> {
    const client = new (endingClient((await optional('ioredis', () => import('ioredis'))).Redis))(options.store.href, {
      maxRetriesPerRequest: null,
      connectTimeout: CONNECT_MS,
      keepAlive: 10_000,
    })
    client.on('error', () => {})
    try {
      await answered(once(client, 'ready'))
    } catch (error) {
      client.disconnect()
      throw error
    }
    return new RedisStore(bullmq, client, options)
  }

  private constructor(bullmq: Bullmq, client: Redis, options: StoreOptions) {
    this.bullmq = bullmq
    this.#client = client
    this.#options = options
    this.queues = queuesBy((kind) => {
      const own = { connection: client, prefix: options.namespace }
      const queue = new bullmq.Queue<FleetJob>(queueName(options.queue, kind), own)
      // The client tries for ever; what is asked of it meanwhile waits.
      queue.on('error', () => {})
      return queue
    })
  }

  worker(kind: JobKind, process: Processor<FleetJob>, options: OwnWorkerOptions): Worker<FleetJob> {
    const own = { ...options, autorun: false, connection: this.#client, prefix: this.#options.namespace }
    return new this.bullmq.Worker<FleetJob>(queueName(this.#options.queue, kind), process, own)
  }

  /**
   * By commands of their own: ioredis gives each pipeline, as `addBulk()` makes one, a hidden class, which keeps it and its commands
   * until V8 looks through all that is old. Few at a time, since what is under way when V8 looks through what is new becomes old, too.
   */
  async enqueue(kind: JobKind, jobs: readonly JobToQueue[]): Promise<void> {
    for (let at = 0; at < jobs.length; at += ADDED_AT_ONCE) {
      const some = jobs.slice(at, at + ADDED_AT_ONCE)
      await Promise.all(some.map(({ name, data, opts }) => this.queues[kind].add(name, data, opts)))
    }
  }

  async present(ids: readonly string[]): Promise<Set<string>> {
    const exists = (id: string): Promise<number> =>
      this.#client.exists(...jobKinds.map((kind) => this.queues[kind].toKey(id)))
    const counts = await Promise.all(ids.map((id) => exists(id)))
    return new Set(ids.filter((_id, index) => (counts[index] ?? 0) > 0))
  }

  async read(name: string): Promise<string | undefined> {
    return (await this.#client.get(this.#key(name))) ?? undefined
  }

  async write(name: string, value: string): Promise<void> {
    await this.#client.set(this.#key(name), value)
  }

  async update<Result>(name: string, change: Change<Result>): Promise<Result> {
    const key = this.#key(name)
    for (;;) {
      const [before, now] = (await this.#client.eval(READ_WITH_TIME, 1, key)) as [string, number]
      const { value, result } = change(before === '' ? undefined : before, now)
      if ((await this.#client.eval(WRITE_UNLESS_CHANGED, 1, key, before, value, STATE_MS)) === 1) return result
    }
  }

  #key(name: string): string {
    return `${this.#options.namespace}:fleet:${this.#options.queue}:${name}`
  }

  /** Locks are over by its own clock. */
  checkClock(): Promise<void> {
    return Promise.resolve()
  }

  failure(error: unknown): unknown {
    return storeFailure(error, this.#options)
  }

  async troubles(): Promise<Warning[]> {
    const setting = async (name: string): Promise<string | undefined> => {
      // Some who offer Redis as a service do not let it be asked.
      const answer = await this.#client.config('GET', name).catch(() => [])
      return (answer as string[])[1]
    }
    const [policy, appendOnly] = await Promise.all([setting('maxmemory-policy'), setting('appendonly')])
    const warnings: Warning[] = []
    if (policy !== undefined && policy !== 'noeviction') {
      const message = `Redis may throw jobs away when its memory is full: its maxmemory-policy is ${policy}; set it to noeviction`
      warnings.push({ code: 'STORE_EVICTS', message, policy })
    }
    if (appendOnly !== undefined && appendOnly !== 'yes') {
      const message = 'Redis forgets the last minutes of jobs when it is killed; set appendonly to yes'
      warnings.push({ code: 'STORE_FORGETS', message })
    }
    const version = /redis_version:(\S+)/.exec(await this.#client.info('server').catch(() => ''))?.[1]
    const old = version === undefined ? undefined : versionTrouble('Redis', version)
    return old === undefined ? warnings : [...warnings, old]
  }

  async close(): Promise<void> {
    await closeQueues(this.queues)
    // BullMQ leaves a client that it was given.
    this.#client.disconnect()
  }
}

/** What PostgreSQL calls it that there is one by that name. */
const UNIQUE_VIOLATION = '23505'

function connectionsTo(store: URL) {
  return { connectionString: store.href, max: CONNECTIONS, connectionTimeoutMillis: CONNECT_MS, keepAlive: true }
}

class PostgresStore implements Store {
  readonly kind = 'postgres'
  readonly bullmq: Bullmq
  readonly queues: Readonly<Record<JobKind, Queue<FleetJob>>>
  readonly #pool: Pool
  readonly #options: StoreOptions

  static async open(bullmq: Bullmq, options: StoreOptions): Promise<PostgresStore> {
    const { Pool: Connections } = await optional('pg', () => import('pg'))
    const pool = new Connections(connectionsTo(options.store))
    // One that waits for its next use may be lost; the next takes another.
    pool.on('error', () => {})
    const store = new PostgresStore(bullmq, pool, options)
    try {
      // One after the other, as each makes the tables where they are missing.
      for (const kind of jobKinds) await store.queues[kind].waitUntilReady()
      await store.#makeTable().catch((error: Error) => {
        // Who makes it at the same moment as another is told that it is there, by an error.
        if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error
        return store.#makeTable()
      })
    } catch (error) {
      await store.close()
      throw error
    }
    return store
  }

  private constructor(bullmq: Bullmq, pool: Pool, options: StoreOptions) {
    this.bullmq = bullmq
    this.#pool = pool
    this.#options = options
    const { createPostgresBackend } = bullmq
    this.queues = queuesBy((kind) => {
      const own = { connection: this.#connection(true) }
      const queue = new bullmq.Queue(queueName(options.queue, kind), own, createPostgresBackend)
      queue.on('error', () => {})
      return queue as never
    })
  }

  #connection(migrate: boolean) {
    return { ...connectionsTo(this.#options.store), schema: this.#options.namespace, migrate }
  }

  get #table(): string {
    return `"${this.#options.namespace}".fleet_state`
  }

  async #makeTable(): Promise<void> {
    await this.#pool.query(
      `CREATE TABLE IF NOT EXISTS ${this.#table} (queue text, name text, value text NOT NULL, PRIMARY KEY (queue, name))`,
    )
  }

  worker(kind: JobKind, process: Processor<FleetJob>, options: OwnWorkerOptions): Worker<FleetJob> {
    const own = { ...options, autorun: false, connection: this.#connection(false) }
    const { Worker: Own, createPostgresBackend } = this.bullmq
    return new Own(queueName(this.#options.queue, kind), process, own, createPostgresBackend) as never
  }

  async enqueue(kind: JobKind, jobs: readonly JobToQueue[]): Promise<void> {
    await this.queues[kind].addBulk([...jobs])
  }

  async present(ids: readonly string[]): Promise<Set<string>> {
    const text = `SELECT id FROM "${this.#options.namespace}".job WHERE queue = ANY($1) AND id = ANY($2)`
    const names = jobKinds.map((kind) => queueName(this.#options.queue, kind))
    const { rows } = await this.#pool.query<{ id: string }>(text, [names, ids])
    return new Set(rows.map(({ id }) => id))
  }

  async read(name: string): Promise<string | undefined> {
    const text = `SELECT value FROM ${this.#table} WHERE queue = $1 AND name = $2`
    const { rows } = await this.#pool.query<{ value: string }>(text, [this.#options.queue, name])
    return rows[0]?.value
  }

  async write(name: string, value: string): Promise<void> {
    const text =
      `INSERT INTO ${this.#table} (queue, name, value) VALUES ($1, $2, $3) ` +
      'ON CONFLICT (queue, name) DO UPDATE SET value = EXCLUDED.value'
    await this.#pool.query(text, [this.#options.queue, name, value])
  }

  async update<Result>(name: string, change: Change<Result>): Promise<Result> {
    // No lock is held between the two: a process that is blocked then would block all others.
    const own = [this.#options.queue, name]
    for (;;) {
      const { rows } = await this.#pool.query<{ before: string | null; now: string }>(
        `SELECT (SELECT value FROM ${this.#table} WHERE queue = $1 AND name = $2) AS before, ` +
          'floor(extract(epoch FROM clock_timestamp()) * 1000) AS now',
        own,
      )
      const { before = null, now = '0' } = rows[0] ?? {}
      const { value, result } = change(before ?? undefined, Number(now))
      const { rowCount } =
        before === null
          ? await this.#pool.query(
              `INSERT INTO ${this.#table} (queue, name, value) VALUES ($1, $2, $3) ON CONFLICT (queue, name) DO NOTHING`,
              [...own, value],
            )
          : await this.#pool.query(
              `UPDATE ${this.#table} SET value = $3 WHERE queue = $1 AND name = $2 AND value = $4`,
              [...own, value, before],
            )
      if (rowCount === 1) return result
    }
  }

  /** BullMQ goes by the clock of each worker here. */
  async checkClock(most: number): Promise<void> {
    const before = Date.now()
    const { rows } = await this.#pool.query<{ now: string }>(
      'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000) AS now',
    )
    const now = Number(rows[0]!.now)
    // It was told at some moment between the two.
    const ahead = Math.max(0, before - now) || Math.min(0, Date.now() - now)
    if (Math.abs(ahead) <= most) return
    const where = addressOf(this.#options.store)
    const difference = `${Math.abs(ahead) / 1000} s ${ahead > 0 ? 'ahead of' : 'behind'}`
    const message =
      `the store ${where} cannot be used: the clock of this machine is ${difference} that of the store, and workers whose clocks ` +
      'differ take jobs from each other; set both, as by NTP'
    throw new FleetError('STORE_UNREACHABLE', message, { retryable: true, store: where })
  }

  failure(error: unknown): unknown {
    return storeFailure(error, this.#options)
  }

  async troubles(): Promise<Warning[]> {
    const { rows } = await this.#pool.query<{ commit: string; version: string }>(
      "SELECT current_setting('synchronous_commit') AS commit, current_setting('server_version') AS version",
    )
    const { commit, version } = rows[0]!
    const warnings: Warning[] = []
    if (commit === 'off') {
      const message = 'PostgreSQL forgets the last moments of jobs when it is killed: its synchronous_commit is off'
      warnings.push({ code: 'STORE_FORGETS', message })
    }
    const old = versionTrouble('PostgreSQL', version)
    return old === undefined ? warnings : [...warnings, old]
  }

  async close(): Promise<void> {
    await closeQueues(this.queues)
    await waitAtMost(CLOSE_MS, this.#pool.end()).catch(() => {})
  }
}

/** @throws (rejects with) an Error where a store does not answer for so long */
export function answered<Answer>(answer: Promise<Answer>): Promise<Answer> {
  return waitAtMost(CONNECT_MS, answer, () => new Error(`no answer within ${CONNECT_MS / 1000} s`))
}

async function closeQueues(queues: Store['queues']): Promise<void> {
  await Promise.all(jobKinds.map((kind) => waitAtMost(CLOSE_MS, queues[kind].close()).catch(() => {})))
}

/** Asks a store again that does not answer: that is no fault of the input, which would be tried later and later. */
export async function patiently<Answer>(ask: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  for (;;) {
    signal.throwIfAborted()
    try {
      return await ask()
    } catch {
      await delay(AGAIN_MS, undefined, { signal })
    }
  }
}
