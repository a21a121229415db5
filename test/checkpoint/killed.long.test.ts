import { expect, it } from 'vitest'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { killOverFiles, killOverStation } from './killing.ts'

const directory = temporaryDirectories()
/** 200 is the bar, by hand: `RESUME_KILLS=200 npx vitest run --mode long test/checkpoint/killed.long.test.ts`. */
const kills = Number(process.env['RESUME_KILLS'] ?? 0)

it('has every word of a recording once, at its time and by its speaker, however often it is killed', async () => {
  const { faults, ...done } = await killOverFiles(directory(), kills || 9, 22)
  if (kills > 0) process.stderr.write(`recordings: ${JSON.stringify(done)}\n`)
  expect(faults).toEqual([])
  expect(done.resumed).toBeGreaterThan(0)
}, 3_600_000)

it('has every word of a station once, but for what its gaps say, however often it is killed', async () => {
  const { faults, ...done } = await killOverStation(directory(), kills || 3, 23)
  if (kills > 0) process.stderr.write(`station: ${JSON.stringify(done)}\n`)
  expect(faults).toEqual([])
  expect(done.resumed).toBeGreaterThan(0)
  expect(done.gaps).toBeGreaterThan(0)
}, 3_600_000)

it('has every word of a station once in parts that follow one another, but for what its gaps say', async () => {
  const { faults, ...done } = await killOverStation(directory(), kills || 4, 24, '2s')
  if (kills > 0) process.stderr.write(`station in parts: ${JSON.stringify(done)}\n`)
  expect(faults).toEqual([])
  expect(done.resumed).toBeGreaterThan(0)
  expect(done.parts).toBeGreaterThan(2)
}, 3_600_000)
