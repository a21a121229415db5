import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { refusedOption } from '../options.ts'
import { waitAtMost } from '../stream-helpers.ts'
import type { FleetMetricsOptions } from './options.ts'
import type { FleetWorker } from './worker.ts'

/** What is served at `/metrics`, until it is closed. */
export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

/** How long the store may take to say what jobs there are, in ms: Prometheus waits for 10 s for all. */
const JOBS_MS = 2000
const PREFIX = 'diarize_stream_fleet_'

/**
 * Serves what a worker does to Prometheus.
 *
 * @param jobs - counts the jobs of the queue by their states.
 * @throws (rejects with) ConfigurationError `INVALID_OPTION` where prom-client is missing, or nobody may listen there
 */
export async function serveMetrics(
  worker: FleetWorker,
  { port, host = '127.0.0.1' }: FleetMetricsOptions,
  jobs: () => Promise<Readonly<Record<string, number>>>,
): Promise<MetricsServer> {
  const registry = await registryOf(worker, jobs)
  const server = createServer((request, response) => {
    const isAsked = request.method === 'GET' && request.url?.split('?')[0] === '/metrics'
    if (!isAsked) {
      response.writeHead(404).end()
      return
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(503).end(),
    )
  })
  await listen(server, port, host)
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

async function registryOf(worker: FleetWorker, jobs: () => Promise<Readonly<Record<string, number>>>) {
  let library: typeof import('prom-client')
  try {
    library = await import('prom-client')
  } catch (cause) {
    throw refusedOption('metrics', 'metrics need the package prom-client: npm install prom-client', cause)
  }
  const { Counter, Gauge, Registry } = library
  const registry = new Registry()
  registry.setDefaultLabels({ worker: worker.name })
  const registers: [] = []
  const counter = (name: string, help: string, value: () => number): void => {
    const metric = new Counter({
      name: `${PREFIX}${name}_total`,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(value())
      },
    })
    registry.registerMetric(metric)
  }
  const { counts } = worker
  counter('sessions_opened', 'Sessions that were let in by the bucket.', () => counts.sessions)
  counter('sessions_refused', 'Sessions that a server refused as too many.', () => counts.refusals)
  counter('reconnects', 'Attempts to open again a session, or the input of a source.', () => counts.reconnects)
  counter('words', 'Words that became final.', () => counts.words)
  counter('gaps', 'Stretches of audio that nobody heard.', () => counts.gaps)
  counter('gap_seconds', 'Seconds of audio that nobody heard.', () => counts.gapMs / 1000)
  counter('lock_losses', 'Jobs that the store gave to others while they were under way here.', () => counts.lost)
  counter('jobs_moved', 'Jobs that were handed back.', () => counts.moved)
  counter('jobs_done', 'Jobs, and slices of live inputs, that came to their end.', () => counts.done)
  counter('jobs_failed', 'Attempts at jobs that failed.', () => counts.failed)
  const streams = new Gauge({
    name: `${PREFIX}streams`,
    help: 'Inputs that are heard at present.',
    labelNames: ['kind'],
    registers,
    collect() {
      const live = worker.jobs.filter(({ slice }) => slice !== undefined).length
      this.set({ kind: 'live' }, live)
      this.set({ kind: 'recording' }, worker.jobs.length - live)
    },
  })
  const lag = new Gauge({
    name: `${PREFIX}lag_seconds`,
    help: 'Seconds that the words of the live input with most are behind its audio.',
    registers,
    collect() {
      this.set(Math.max(0, ...worker.jobs.map(({ progress }) => progress.lagMs ?? 0)) / 1000)
    },
  })
  const queued = new Gauge({
    name: `${PREFIX}jobs`,
    help: 'Jobs of the queue, by their states.',
    labelNames: ['state'],
    registers,
    async collect() {
      this.reset()
      // All else is known where the store does not answer.
      const counts = await waitAtMost(JOBS_MS, jobs(), () => new Error('no answer')).catch(() => ({}))
      for (const [state, count] of Object.entries(counts)) this.set({ state }, count)
    },
  })
  for (const metric of [streams, lag, queued]) registry.registerMetric(metric)
  return registry
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening').catch((cause: Error) => {
    const message = `metrics cannot be served at ${host}:${port}: ${cause.message}; choose another port`
    throw refusedOption('metrics.port', message, cause)
  })
}
