import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A store of a fleet that a test runs on: a real server, in a folder and on a port of its own. */
export interface TestStore {
  url: string
  port: number
  /** Ends it as `kill -9` does, and starts it again with what it has kept, at the same address. */
  restart(): Promise<void>
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** The kinds of stores, and why there can be none of them here; `undefined` where there can. */
export const stores: Readonly<
  Record<'redis' | 'postgres', { missing: string | undefined; start: () => Promise<TestStore> }>
> = {
  redis: {
    missing: onPath('redis-server') === undefined ? 'no Redis: apt-get install redis-server' : undefined,
    start: startRedis,
  },
  postgres: {
    missing: postgresFolder() === undefined ? 'no PostgreSQL: apt-get install postgresql' : undefined,
    start: startPostgres,
  },
}

function onPath(program: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, program)).find((file) => existsSync(file))
}

/** Where the programs of PostgreSQL are, the newest; Debian keeps them from the path. */
function postgresFolder(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root) : []
  const folders = versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(root, version, 'bin'))
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
}

/** Who runs PostgreSQL, which refuses root. */
function owner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

async function startRedis(): Promise<TestStore> {
  const folder = mkdtempSync(join(tmpdir(), 'diarize-stream-redis-'))
  const port = await freePort()
  const argv = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes']
  const start = (): Promise<ChildProcess> => started('redis-server', argv, 'Ready to accept connections')
  return storeOf(`redis://127.0.0.1:${port}`, port, folder, start)
}

async function startPostgres(): Promise<TestStore> {
  const programs = postgresFolder() ?? ''
  const folder = mkdtempSync(join(tmpdir(), 'diarize-stream-postgres-'))
  const port = await freePort()
  const user = owner()
  chmodSync(folder, 0o700)
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const options = { ...user, cwd: folder, stdio: 'ignore' as const }
  execFileSync(join(programs, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'fleet', '--no-sync', '-E', 'UTF8'], options)
  // Only processes are killed here, not machines.
  const settings = [
    'fsync=off',
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'max_connections=200',
  ]
  const argv = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
  const start = (): Promise<ChildProcess> =>
    started(join(programs, 'postgres'), argv, 'database system is ready to accept connections', {
      ...user,
      cwd: folder,
    })
  return storeOf(`postgres://fleet@127.0.0.1:${port}/postgres`, port, folder, start)
}

async function storeOf(
  url: string,
  port: number,
  folder: string,
  start: () => Promise<ChildProcess>,
): Promise<TestStore> {
  let child = await start()
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const close = async (): Promise<void> => {
    await kill()
    // Children of PostgreSQL see only now that it is gone.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
  const restart = async (): Promise<void> => {
    await kill()
    for (let attempt = 1; ; attempt++) {
      try {
        child = await start()
        return
      } catch (error) {
        // The shared memory of the one before is in use until its last child has ended.
        if (attempt === 50) throw error
        await delay(100)
      }
    }
  }
  return { url, port, restart, close, [Symbol.asyncDispose]: close }
}

async function started(
  program: string,
  argv: readonly string[],
  ready: string,
  options: { uid?: number; gid?: number; cwd?: string } = {},
): Promise<ChildProcess> {
  const child = spawn(program, argv, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  await new Promise<void>((resolve, reject) => {
    const read = (some: Buffer): void => {
      text = (text + some.toString()).slice(-10_000)
      if (text.includes(ready)) resolve()
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${program} ended with ${code}: ${text}`)))
  })
  return child
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
