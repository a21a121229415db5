import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { main } from '../cli/command.ts'
import type { TestStore } from '../helpers/stores.ts'
import { FrozenProxy } from './frozen-proxy.ts'

/** The key that workers show to servers of a test. */
export const WORKER_KEY = 'any-key'

const blocking = path.resolve(import.meta.dirname, 'blocking.mjs')

/** What a worker says, as `--json` has it. */
export interface WorkerEvent {
  type: string
  id?: string
  code?: string
  message?: string
}

/** `fleet work` in a process of its own, between whose store and which stands a proxy. */
export interface WorkerProcess {
  child: ChildProcess
  name: string
  proxy: FrozenProxy
  /** Ids of its jobs. */
  jobs: Set<string>
  events: EventEmitter<{ event: [WorkerEvent] }>
}

export interface WorkerProcessOptions {
  folder: string
  store: TestStore
  name: string
  concurrency: number
  /** In s. */
  lockTime: number
  more?: readonly string[]
}

/** Starts a worker, which blocks its thread for three lock times at SIGUSR2. */
export async function startWorker(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const { folder, store, name, concurrency, lockTime, more = [] } = options
  const proxy = await FrozenProxy.open(store.port)
  const url = store.url.replace(String(store.port), String(proxy.port))
  const key = path.join(folder, 'key')
  writeFileSync(key, WORKER_KEY)
  const own = ['--concurrency', String(concurrency), '--lock-time', String(lockTime), '--name', name, '--json', ...more]
  const argv = [main, 'fleet', 'work', '--store', url, '--api-key-file', key, ...own]
  const child = spawn(process.execPath, ['--import', blocking, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ASSEMBLYAI_API_KEY: '', TEST_BLOCK_MS: String(lockTime * 3000) },
  })
  const worker: WorkerProcess = { child, name, proxy, jobs: new Set(), events: new EventEmitter() }
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line, worker)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => process.stderr.write(text))
  return worker
}

function take(line: string, { jobs, events }: WorkerProcess): void {
  if (!line.startsWith('{')) return
  tell(line.slice(0, 300))
  const event = JSON.parse(line) as WorkerEvent
  const { type, id = '' } = event
  if (type === 'begin') jobs.add(id)
  else if (type !== 'warning') jobs.delete(id)
  events.emit('event', event)
}

/** With `FLEET_TOLD=1` one sees what happens. */
export function tell(line: string): void {
  if (process.env['FLEET_TOLD'] !== undefined) process.stderr.write(`${line}\n`)
}
