import { readFileSync } from 'node:fs'
import path from 'node:path'
import { serve } from 'diarize-stream/server'
import { toneEngine } from 'diarize-stream/testing'
import { expect, it } from 'vitest'
import { wordsIn, writeRecording } from '../batch/recordings.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { asking, command } from './command.ts'

const directory = temporaryDirectories()

it('captions the part from --start for --duration, at the times of the recording', async () => {
  const folder = directory()
  const input = writeRecording(path.join(folder, 'talk.wav'), 7)
  await using server = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
  const output = path.join(folder, 'talk.srt')
  const range = ['--start', '0:00.55', '--duration', '0.8']
  const { code, out } = await command(input, ...range, '--json', '-o', output, ...asking(server.url, folder))
  expect(code).toBe(0)
  // Of four words, at 200, 600, 1000 and 1400 ms, those within.
  expect(wordsIn(output)).toEqual([701, 702])
  expect(readFileSync(output, 'utf8')).toMatch(/^1\n00:00:00,600 -->/)
  const events = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; audioMs?: number })
  expect(events.find(({ type }) => type === 'summary')?.audioMs).toBe(800)
})
