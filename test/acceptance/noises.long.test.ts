import { afterAll, beforeAll, expect, it } from 'vitest'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { EngineSession } from '../../src/engine/engine.ts'
import { ordinarySettings, runEngine } from '../helpers/engine-run.ts'
import { speak } from '../helpers/flite.ts'
import { inventedIn, mixesOf } from '../helpers/noise-trial.ts'
import { wordErrorRate } from '../helpers/scoring.ts'

const engine = embeddedEngine()
/** Keeps the models loaded from one sound to the next. */
let keeper: EngineSession
beforeAll(async () => {
  const failed = (error: Error): never => expect.unreachable(error.message)
  keeper = await engine.open(ordinarySettings, { speechStarted() {}, turn() {}, revision() {}, failed })
})
afterAll(() => keeper.destroy())

async function hear(samples: Int16Array): Promise<string[]> {
  const { words } = await runEngine(engine, samples, { speakerLabels: false, formatTurns: true })
  return words.map(({ text }) => text)
}

it('hears no word where nobody speaks: noise, hum, music, tones, breath, applause, silence', async () => {
  expect(await inventedIn(hear)).toEqual([])
}, 600_000)

it('hears what is said among noises, and nothing beside it', async () => {
  const said = 'we brought on two new engineers last week and they are doing very well'
  const wrong: { name: string; heard: string }[] = []
  for (const { name, samples } of await mixesOf(speak('rms', said))) {
    const heard = await hear(samples)
    if (wordErrorRate(said.split(' '), heard) > 0.3) wrong.push({ name, heard: heard.join(' ') })
  }
  expect(wrong).toEqual([])
}, 600_000)
