import { diarize, run } from '../../../src/index.ts'
import { faultServer, toneEngine, type Fault, type FaultConnection } from '../../../src/testing/index.ts'
import { relabelled } from '../../helpers/relabelled.ts'
import { Collector } from '../collector.ts'
import { clientSockets, leftovers, openResources } from '../leftovers.ts'
import { listening } from '../listening-engine.ts'
import { ToneSource } from '../tone-source.ts'
import { judge, type Stretch, type Verdict } from '../judge.ts'
import { checkAudio } from './audio-check.ts'
import { imprecise, sharpened } from './imprecise.ts'
import { hasStruck, type PlannedFault } from './plan.ts'
import { drawScene, type Scene } from './scene.ts'

/** What came of one run. */
export interface RunReport {
  seed: number
  kind: Scene['kind']
  audioMs: number
  wallMs: number
  sessions: number
  /** Faults that struck. */
  faults: number
  /** How often each struck. */
  byFault: Record<string, number>
  verdict: Verdict
  gaps: number
  gapMs: number
  /** Everything that is not as it must be; none in a good run. */
  violations: string[]
}

/** Longest time in ms that a run may take beyond the time its audio plays. */
const PATIENCE_MS = 40_000

/** How much faster than its pace audio that has piled up may be sent. */
const CATCH_UP_RATE = 1.25
/** Audio in ms that a live source may have ready when the process was busy for a moment: a second of fast time is little. */
const MOST_BACKLOG_MS = 5000
/** Longest burst of audio in ms; two frames more for the one that is due and the one under way. */
const BURST_MS = 7000 + 2 * 50

/** A connection of the fault server with what its public face leaves out. */
type Cuttable = FaultConnection & { readonly fault: Fault; drop(): void }

/** Runs the dialogue and the faults that a seed stands for, and judges what comes out. */
export async function runSeed(seed: number, log: (line: string) => void = () => {}): Promise<RunReport> {
  const before = openResources()
  const scene = drawScene(seed)
  const started = performance.now()
  const plan: PlannedFault[] = []
  const connections = new Map<Fault, Cuttable>()
  const timers = new Set<NodeJS.Timeout>()
  const script = [...scene.script()]
  const engine = listening(toneEngine(scene.engine), CATCH_UP_RATE * (scene.pace ?? Infinity))
  const source = new ToneSource({ words: script, duration: scene.duration, ...scene.source })
  const server = await faultServer(
    (index) => {
      const planned = scene.faultFor({
        audioMs: source.deliveredMs,
        elapsed: performance.now() - started,
        begun: engine.sessions.length > 0,
      })
      plan.push(planned)
      log(`${clock(started)} connection ${index}: ${JSON.stringify(planned)}`)
      return planned.fault
    },
    { engine: relabelled(scene.imprecise ? imprecise(engine, seed) : engine, seed) },
  )
  server.on('connection', (connection) => {
    const cuttable = connection as Cuttable
    connections.set(cuttable.fault, cuttable)
    const limit = plan.find(({ fault }) => fault === cuttable.fault)?.cutAfterMs
    if (limit === undefined) return
    const timer = setInterval(() => {
      if (connection.closeCode === undefined && connection.receivedMs < limit) return
      clearInterval(timer)
      timers.delete(timer)
      cuttable.drop()
    }, 2)
    timers.add(timer)
  })

  const collector = new Collector({ partials: scene.options.partials === true, delay: scene.sinkDelay })
  const sessions: { sessionId: string; offset: number }[] = []
  const gaps: Stretch[] = []
  const violations: string[] = []
  const stage = diarize({ url: server.url, ...scene.options })
  stage.on('session', (session) => {
    log(`${clock(started)} session ${sessions.length} at ${session.offset} ms: ${JSON.stringify(session.speakers)}`)
    // Told again when one more of its speakers is known.
    if (sessions.every(({ sessionId }) => sessionId !== session.sessionId)) {
      sessions.push({ sessionId: session.sessionId, offset: session.offset })
    }
  })
  stage.on('gap', ({ start, end }) => {
    log(`${clock(started)} gap from ${start} to ${end} ms`)
    gaps.push({ start, end })
  })
  stage.on('reconnecting', ({ attempt, delay, error }) =>
    log(`${clock(started)} attempt ${attempt} in ${Math.round(delay)} ms: ${error.message}`),
  )
  stage.on('warning', ({ code, message }) => log(`${clock(started)} warning ${code}: ${message}`))

  const forcing =
    scene.forceEvery === undefined ? undefined : setInterval(() => stage.forceEndpoint(), scene.forceEvery)
  const limit = AbortSignal.timeout(
    PATIENCE_MS + Math.round(scene.duration / (scene.source.liveSpeed ?? scene.pace ?? Infinity)),
  )
  try {
    await run(source, stage, collector, { signal: limit })
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    violations.push(limit.aborted ? 'hangs' : `fails with ${code ?? 'an error'}: ${message}`)
  }
  clearInterval(forcing)
  for (const timer of timers) clearInterval(timer)
  for (const socket of await clientSockets(server.port)) violations.push(`leaves a ${socket} open`)
  await server.close()
  for (const left of await leftovers(before)) violations.push(`leaves a ${left} open`)

  const blindWords = (scene.engine.unattributedWords ?? 0) + (scene.engine.mistakenWords ?? 0)
  const uncertain = new Set(
    scene.strictSpeakers ? [] : engine.sessions.flatMap(({ words }) => words.slice(0, blindWords)),
  )
  const turns = scene.imprecise ? sharpened(collector.turns(), script) : collector.turns()
  const verdict = judge(script, { turns, sessions, gaps, uncertain, blindWords })
  violations.push(...collector.complaints, ...complaintsOf(verdict))
  violations.push(
    ...checkAudio({
      heard: engine.sessions.map(({ audio }) => audio),
      offsets: sessions.map(({ offset }) => offset),
      gaps,
      gapsAllowed: scene.gapsAllowed,
      duration: scene.duration,
      turns,
      live: scene.source.liveSpeed !== undefined,
    }),
  )
  const ahead = Math.round(Math.max(0, ...engine.sessions.map(({ aheadMs }) => aheadMs)))
  if (ahead > BURST_MS) violations.push(`a session was sent ${ahead} ms of audio ahead of the clock`)
  if (scene.source.liveSpeed !== undefined && source.backlogMs > MOST_BACKLOG_MS) {
    violations.push(`a live source was held back by ${Math.round(source.backlogMs)} ms`)
  }
  const struck = plan.filter(
    (planned) =>
      planned.fault.fault !== 'none' && !planned.repeated && hasStruck(planned, connections.get(planned.fault)),
  )
  const byFault: Record<string, number> = {}
  for (const { fault } of struck) byFault[fault.fault] = (byFault[fault.fault] ?? 0) + 1
  return {
    seed,
    kind: scene.kind,
    audioMs: scene.duration,
    wallMs: Math.round(performance.now() - started),
    sessions: sessions.length,
    faults: struck.length,
    byFault,
    verdict,
    gaps: gaps.length,
    gapMs: gaps.reduce((sum, { start, end }) => sum + end - start, 0),
    violations,
  }
}

function complaintsOf(verdict: Verdict): string[] {
  const { lost, doubled, disordered, invented, wrongSpeaker, timeError, examples } = verdict
  const counts = { lost, doubled, 'out of order': disordered, invented, 'with a wrong speaker': wrongSpeaker }
  const found = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} words ${what}`] : []))
  if (timeError > 0) found.push(`times up to ${timeError} ms off`)
  return found.length > 0 ? [...found, ...examples.map((example) => `  ${example}`)] : []
}

function clock(started: number): string {
  return `${String(Math.round(performance.now() - started)).padStart(6)} ms`
}
