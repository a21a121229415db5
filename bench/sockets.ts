import { makeCertificate } from './certificate.ts'
import { runChild, startChild, stopChild } from './child.ts'
import { atMost, type BenchOptions, costRatio, type Finding } from './report.ts'
import type { SocketSample } from './sockets/client.ts'
import type { SenderName } from './sockets/senders.ts'
import { percentile } from './statistics.ts'

/** How late a send may be, ms. */
const MOST_LATE_MS = 20
/** Frames that must have been sent, as a share of those due. */
const LEAST_SENT = 0.99
const TARGET_STREAMS = 1000
/** Times that each is measured in turn; the median counts. */
const ROUNDS = 7
const CLIENT_CORE = 0
const SINK_CORE = 1

type Scheme = 'ws' | 'wss'
/** What is measured: a way to send, and ours with its messages made by ws, as `DIARIZE_STREAM_WS=1` has it. */
type Measured = SenderName | 'oursByWs'

/**
 * `npm run bench -- sockets`: what a real-time stream costs, and how many of them one core carries: ours, the official
 * SDK paced by hand, and a bare socket with a timer, all into one server that runs on another core.
 */
export async function benchSockets(options: BenchOptions): Promise<Finding[]> {
  const certificate = await makeCertificate()
  const sink = await startChild<Record<Scheme, string>>('sockets/sink.ts', [certificate.key, certificate.certificate], {
    core: SINK_CORE,
  })
  const seconds = options.quick ? 1 : 5
  const samples: Record<string, SocketSample[]> = {}
  const measure = async (name: Measured, scheme: Scheme, streams: number): Promise<SocketSample> => {
    const byWs = name === 'oursByWs'
    const args = [byWs ? 'ours' : name, streams, seconds, sink.said[scheme]]
    const sample = await runChild<SocketSample>('sockets/client.ts', args, {
      core: CLIENT_CORE,
      env: { NODE_EXTRA_CA_CERTS: certificate.certificate, ...(byWs && { DIARIZE_STREAM_WS: '1' }) },
    })
    ;(samples[`${name} ${scheme}`] ??= []).push(sample)
    show(name, scheme, sample)
    return sample
  }
  try {
    const compared: [Measured, Scheme][] = options.quick
      ? [
          ['ours', 'wss'],
          ['sdk', 'wss'],
          ['bare', 'wss'],
        ]
      : [
          ['ours', 'ws'],
          ['bare', 'ws'],
          ['ours', 'wss'],
          ['oursByWs', 'wss'],
          ['sdk', 'wss'],
          ['bare', 'wss'],
        ]
    const streams = options.quick ? 50 : 500
    for (let round = 0; round < (options.quick ? 1 : ROUNDS); round++) {
      for (const [name, scheme] of compared) await measure(name, scheme, streams)
    }
    const cost = (name: Measured, scheme: Scheme): number =>
      1000 *
      percentile(
        (samples[`${name} ${scheme}`] ?? []).map((sample) => sample.cpuPerStream),
        0.5,
      )
    const findings = compare(cost, streams, options.quick)
    findings.push(...compareMemory(samples, streams))
    if (!options.quick) {
      const most: Record<string, number> = {}
      for (const name of ['ours', 'sdk', 'bare'] as const) {
        most[name] = await mostStreams((count) => measure(name, 'wss', count), cost(name, 'wss') / 1000)
      }
      findings.push({
        measure: `streams on one core, p99 of lateness below ${MOST_LATE_MS} ms, TLS`,
        ours: String(most['ours']),
        against: `SDK: ${most['sdk']}, bare socket: ${most['bare']}`,
        target: `at least ${TARGET_STREAMS}`,
        good: (most['ours'] ?? 0) >= TARGET_STREAMS,
      })
      const full = await measure('ours', 'wss', TARGET_STREAMS)
      const one = await measure('ours', 'wss', 1)
      const perStream = (full.rssMb - one.rssMb) / (TARGET_STREAMS - 1)
      findings.push({ measure: 'memory per stream at 1,000 streams, TLS', ours: `${(perStream * 1024).toFixed(0)} kB` })
      findings.push(atMost('p99 of lateness at 1,000 streams, TLS', full.p99, MOST_LATE_MS, 'ms'))
    }
    return findings
  } finally {
    await stopChild(sink)
    await certificate.remove()
  }
}

function compare(cost: (name: Measured, scheme: Scheme) => number, streams: number, quick: boolean): Finding[] {
  const unit = 'ms/s'
  const pair = (rival: Measured, called: string, scheme: Scheme, limit: number): Finding =>
    costRatio(`CPU of a stream, ${streams} streams, ${scheme === 'wss' ? 'TLS' : 'no TLS'}`, unit, {
      ours: cost('ours', scheme),
      theirs: cost(rival, scheme),
      rival: called,
      limit,
    })
  return [
    pair('bare', 'bare socket', 'wss', 1.2),
    pair('sdk', 'SDK', 'wss', 1),
    ...(quick ? [] : [pair('bare', 'bare socket', 'ws', 1.2), pair('oursByWs', 'its messages made by ws', 'wss', 0.9)]),
  ]
}

function compareMemory(samples: Readonly<Record<string, SocketSample[]>>, streams: number): Finding[] {
  const memory = (name: Measured): number => samples[`${name} wss`]?.[0]?.rssMb ?? NaN
  return [
    costRatio(`memory of a process of ${streams} streams, TLS`, 'MB', {
      ours: memory('ours'),
      theirs: memory('bare'),
      rival: 'bare socket',
    }),
  ]
}

/**
 * The most streams at which sends are in time, found in steps of a tenth of what the cost of a stream promises. Each number
 * has two tries: what else the machine does can only make it worse.
 */
async function mostStreams(measure: (streams: number) => Promise<SocketSample>, cost: number): Promise<number> {
  const step = Math.max(50, Math.round(1 / cost / 10 / 50) * 50)
  const isInTime = ({ p99, sent }: SocketSample): boolean => p99 < MOST_LATE_MS && sent >= LEAST_SENT
  const inTime = async (streams: number): Promise<boolean> =>
    isInTime(await measure(streams)) || isInTime(await measure(streams))
  let streams = 6 * step
  if (await inTime(streams)) {
    while (await inTime(streams + step)) streams += step
    return streams
  }
  do streams -= step
  while (streams > 0 && !(await inTime(streams)))
  return streams
}

function show(name: string, scheme: Scheme, { streams, cpuPerStream, cpu, p50, p99, sent, rssMb }: SocketSample): void {
  const cost = `${(1000 * cpuPerStream).toFixed(3)} ms/s each, ${(100 * cpu).toFixed(0)} % of a core`
  const late = `late by ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`
  console.log(
    `  ${name} ${scheme}, ${streams}: ${cost}, ${late}, ${(100 * sent).toFixed(1)} % sent, ${rssMb.toFixed(0)} MB`,
  )
}
