import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { serve } from 'diarize-stream/server'
import { toneEngine } from 'diarize-stream/testing'
import { seededRandom } from '../../helpers/random.ts'
import { expect, it } from 'vitest'
import { filesIn, wordsIn, wordsOf, writeRecording } from '../../batch/recordings.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { asking, command, startCommand } from '../command.ts'

const directory = temporaryDirectories()

const COUNT = 100
const BROKEN = [7, 23, 24, 61, 99]
const place = (at: number): string => path.join('v', `day${at % 5}`, `${at}`)
const numbers = Array.from({ length: COUNT }, (_, at) => at)

it('captions 100 files of which five are broken, and those only the second time', async () => {
  const root = directory()
  for (const at of numbers) writeRecording(path.join(root, `${place(at)}.wav`), at)
  for (const at of BROKEN) writeFileSync(path.join(root, `${place(at)}.wav`), 'no recording')
  await using server = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
  const out = path.join(root, 'out')
  const options = [path.join(root, 'v'), '--output-dir', out, '--format', 'srt,vtt', '--skip-existing', '--jobs', '4']
  const asked = [...options, '--continue-on-error', ...asking(server.url, directory())]
  const first = await command(...asked)
  expect(first.code).toBe(6)
  expect(first.err).toContain('100 inputs: 95 done, 5 failed; ')
  const whole = numbers.filter((at) => !BROKEN.includes(at))
  expect(filesIn(out)).toEqual(whole.flatMap((at) => [`${place(at)}.srt`, `${place(at)}.vtt`]).toSorted())
  for (const at of whole) expect(wordsIn(path.join(out, `${place(at)}.srt`))).toEqual(wordsOf(at))

  for (const at of BROKEN) writeRecording(path.join(root, `${place(at)}.wav`), at)
  const second = await command(...asked)
  expect(second.code).toBe(0)
  expect(second.err).toContain('100 inputs: 5 done, 95 there already; ')
  for (const at of BROKEN) expect(wordsIn(path.join(out, `${place(at)}.srt`))).toEqual(wordsOf(at))
}, 600_000)

it('has every file whole however often it is killed', async () => {
  const root = directory()
  for (const at of numbers) writeRecording(path.join(root, `${place(at)}.wav`), at)
  await using server = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
  const out = path.join(root, 'out')
  const options = ['--output-dir', out, '--format', 'srt,vtt', '--skip-existing', '--jobs', '4']
  const asked = [path.join(root, 'v'), ...options, ...asking(server.url, directory())]
  const random = seededRandom(22)
  for (let kill = 0; kill < 20; kill++) {
    const run = startCommand([...asked, '--json'], {}, { detached: true })
    const done = run.ended.then(() => true)
    await Promise.race([run.wrote('"type":"begin"').catch(() => {}), done])
    await Promise.race([delay(random() * 1500), done])
    if (run.child.exitCode === null) process.kill(-(run.child.pid ?? 0), 'SIGKILL')
    await run.ended
    for (const file of filesIn(out).filter((name) => /\.(?:srt|vtt)$/.test(name))) {
      const at = Number(path.parse(file).name)
      expect(wordsIn(path.join(out, file))).toEqual(wordsOf(at))
    }
  }
  expect((await command(...asked)).code).toBe(0)
  expect(filesIn(out)).toEqual(numbers.flatMap((at) => [`${place(at)}.srt`, `${place(at)}.vtt`]).toSorted())
}, 600_000)
