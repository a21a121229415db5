import { PassThrough, Transform, Writable } from 'node:stream'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { RunOptions } from '../src/run.ts'
import { recordStage } from '../src/stage.ts'

const isTerminal = process.stderr.isTTY
let said: unknown[]

beforeEach(() => {
  // It is said once in a process.
  vi.resetModules()
  said = []
  vi.spyOn(process, 'emitWarning').mockImplementation((message: string | Error) => void said.push(message))
  process.stderr.isTTY = true
})
afterEach(() => {
  process.stderr.isTTY = isTerminal
  vi.restoreAllMocks()
})

/** Runs what behaves as `diarize()` does when its session begins. */
async function once(options: RunOptions = {}, watch = (_stage: Transform): void => {}): Promise<unknown[]> {
  const { run } = await import('../src/run.ts')
  const stage = new PassThrough({ objectMode: true })
  Object.assign(stage, { [recordStage]: true })
  watch(stage)
  const source = (function* () {
    stage.emit('session', { engine: 'embedded', model: 'whisper\u001B[2J', url: 'embedded:' })
    yield {}
  })()
  await run(source, stage, new Writable({ objectMode: true, write: (_item, _encoding, done) => done() }), options)
  return said
}

it('tells somebody at a terminal, once, which engine runs and how progress is followed', async () => {
  await once()
  expect(await once()).toEqual([
    'the engine on this machine (whisper [2J) hears it; run(..., { onProgress }) tells how far it has come',
  ])
})

it.each([
  ['it is off', { notice: false }, () => {}],
  ['there is onProgress', { onProgress: () => {} }, () => {}],
  ['somebody listens', {}, (stage: Transform) => void stage.on('session', () => {})],
  ['it is no terminal', {}, () => void (process.stderr.isTTY = false)],
])('says nothing where %s', async (_why, options, watch) => {
  expect(await once(options, watch)).toEqual([])
})
