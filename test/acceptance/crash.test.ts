import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { parseSubtitles, parseVtt } from '../captions/parsers.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()
const writer = path.join(import.meta.dirname, 'crash-writer.mjs')

interface Given {
  order: number
  at: number
}

/** Kills the writer as soon as it has given `turns` turns, and returns what it had said by then, and when. */
async function crash(folder: string, seed: number, turns: number): Promise<{ given: Given[]; at: number }> {
  const child = spawn(process.execPath, [writer, folder, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const given: Given[] = []
  const lines = createInterface({ input: child.stdout })
  let at = 0
  lines.on('line', (line) => {
    given.push(JSON.parse(line) as Given)
    if (given.length !== turns) return
    at = Date.now()
    child.kill('SIGKILL')
  })
  await once(lines, 'close')
  return { given, at }
}

/** Numbers of the turns in every file of `folder`. */
function inFiles(folder: string): Record<string, number[]> {
  // A file is made with its first cue.
  const read = (name: string): string => {
    const file = path.join(folder, name)
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }
  const numbers = (texts: string[]): number[] =>
    texts.flatMap((text) => [...text.matchAll(/number(\d+)\./g)].map((match) => Number(match[1])))
  const inSrt = (text: string): number[] => numbers(parseSubtitles(text).map((cue) => cue.text))
  const inVtt = (text: string): number[] => {
    if (text === '') return []
    const { errors, cues } = parseVtt(text)
    expect(errors).toEqual([])
    return numbers(cues.map((cue) => cue.text))
  }
  const lines = read('all.jsonl')
    .split('\n')
    .filter((line) => line !== '')
  return {
    'live.srt': inSrt(read('live.srt')),
    'netflix.srt': inSrt(read('netflix.srt')),
    'live.vtt': inVtt(read('live.vtt')),
    'netflix.vtt': inVtt(read('netflix.vtt')),
    'all.jsonl': numbers(lines.map((line) => (JSON.parse(line) as { transcript: string }).transcript)),
  }
}

it('after kill -9 at any moment every file parses and holds what had been final for a second', async () => {
  const counts = [2, 10, 23, 45, 60]
  const crashes = counts.map(async (turns, seed) => {
    const folder = directory()
    const { given, at } = await crash(folder, seed, turns)
    const final = given.filter((turn) => turn.at < at - 1000).length
    for (const [name, found] of Object.entries(inFiles(folder))) {
      expect([name, ...found]).toEqual([name, ...found.map((_, i) => i)])
      expect({ name, missing: Math.max(0, final - found.length) }).toEqual({ name, missing: 0 })
    }
    return final
  })
  expect(Math.max(...(await Promise.all(crashes)))).toBeGreaterThan(0)
})
