import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { run, transcribe } from '../../../src/index.ts'
import { prerecordedServer, type PrerecordedFaultPlan } from '../../../src/testing/index.ts'
import { seededRandom } from '../../helpers/random.ts'
import { clientSockets, leftovers, openResources } from '../../trials/leftovers.ts'
import { collector, conversation, expected, quick, temporaryFolder, wordsOf } from './support.ts'

const temporary = temporaryFolder()
const MINUTE = 60_000

/** The most memory in bytes, beyond what there was before, that a file takes while it is read and uploaded. */
async function mostMemory(duration: number): Promise<number> {
  await using server = await prerecordedServer()
  const { script, source } = conversation({ seed: 3, duration })
  const stage = transcribe({ ...quick, url: server.url, temporaryFolder: temporary.folder })
  const used = (): number => {
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = used()
  let most = 0
  stage.on('progress', ({ phase }) => {
    if (phase === 'reading' || phase === 'uploading') most = Math.max(most, used() - before)
  })
  const { sink, turns } = collector()
  const summary = await run(source(), stage, sink)
  expect(summary).toMatchObject({ audioMs: duration, gaps: [] })
  expect(server.requests[1]!.bytes).toBe(44 + duration * 32)
  expect(wordsOf(turns)).toEqual(expected(script))
  return most
}

it(
  'a file of three hours takes no more memory than one of a quarter of an hour, and every word comes',
  { timeout: 30 * MINUTE },
  async () => {
    // The first one loads what is loaded once.
    await mostMemory(MINUTE)
    const short = await mostMemory(15 * MINUTE)
    const long = await mostMemory(180 * MINUTE)
    console.log(
      `most memory in MB: ${(short / 1e6).toFixed(1)} of 15 min, ${(long / 1e6).toFixed(1)} of 3 h (346 MB of audio)`,
    )
    // What is not collected yet comes and goes by some dozens of MB.
    expect(long).toBeLessThan(Math.max(short, 40e6) + 60e6)
  },
)

it('what a service that does not answer keeps is told before run() settles', { timeout: MINUTE }, async () => {
  await using server = await prerecordedServer({
    faults: { create: { fault: 'neverReady' }, delete: { fault: 'hang' } },
  })
  const abort = new AbortController()
  const stage = transcribe({ ...quick, url: server.url, signal: abort.signal })
  const warnings: unknown[] = []
  stage.on('warning', (warning) => warnings.push(warning))
  stage.on('progress', ({ phase }) => phase === 'transcribing' && abort.abort())
  const { source } = conversation({ duration: 5000 })
  await expect(run(source(), stage, collector().sink)).rejects.toMatchObject({ name: 'AbortError' })
  expect(warnings).toMatchObject([{ code: 'TRANSCRIPT_KEPT', transcriptId: server.transcripts[0]!.id }])
  expect(stage.closed).toBe(true)
})

describe('an abort at any moment', () => {
  const { source, script } = conversation({ duration: 5000 })
  const drop = { fault: 'drop', afterBytes: 60_000 } as const
  const plans: Record<string, PrerecordedFaultPlan> = {
    'with all well': {},
    'with faults': {
      list: [{ fault: 'status', status: 503 }],
      upload: [drop, { fault: 'loseAnswer' }],
      create: [{ fault: 'loseAnswer' }, { fault: 'status', status: 429, retryAfter: 0 }],
      poll: [drop, { fault: 'garbage' }, { fault: 'status', status: 500 }],
      delete: [{ fault: 'loseAnswer' }, { fault: 'drop' }],
    },
  }

  it.each(Object.entries(plans))('leaves nothing behind, %s', { timeout: 10 * MINUTE }, async (_name, faults) => {
    /** How long a whole run takes, so that the moments are spread over all of it. */
    const trial = async (afterMs: number) => {
      const before = openResources()
      const server = await prerecordedServer({ polls: 3, faults })
      const controller = new AbortController()
      const timer = delay(afterMs, undefined, { signal: controller.signal }).then(
        () => controller.abort(),
        () => {},
      )
      const began = performance.now()
      const options = { ...quick, url: server.url, temporaryFolder: temporary.folder, signal: controller.signal }
      const { sink, turns } = collector()
      const outcome = await run(source(), transcribe(options), sink).then(
        () => 'complete',
        (error: Error) => error.name,
      )
      const elapsed = performance.now() - began
      controller.abort()
      await timer
      const kept = server.transcripts.filter(({ deleted }) => !deleted).length
      const sockets = await clientSockets(server.port)
      await server.close()
      const isComplete = outcome === 'complete'
      const left = {
        words: isComplete ? wordsOf(turns) : [],
        kept,
        sockets,
        files: temporary.files(),
        resources: await leftovers(before),
      }
      expect({ afterMs, outcome, ...left }).toEqual({
        afterMs,
        outcome: expect.stringMatching(/^complete$|^AbortError$/),
        words: isComplete ? expected(script) : [],
        kept: isComplete ? 1 : 0,
        sockets: [],
        files: [],
        resources: [],
      })
      return { elapsed, outcome }
    }
    await trial(60_000)
    const { elapsed } = await trial(60_000)
    const random = seededRandom(7)
    const outcomes: string[] = []
    for (let round = 0; round < 60; round++) outcomes.push((await trial(random() * elapsed)).outcome)
    console.log(`${outcomes.filter((outcome) => outcome === 'AbortError').length} of ${outcomes.length} were aborted`)
    expect(outcomes).toContain('AbortError')
  })
})
