import { spawn, spawnSync } from 'node:child_process'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { serve, type StreamingServer } from 'diarize-stream/server'
import { scriptedEngine } from 'diarize-stream/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { asking, main } from './command.ts'
import { FakeTerminal } from './fake-terminal.ts'

const clip = path.resolve(import.meta.dirname, '../../demo/dialogue.mp4')
// oxlint-disable-next-line no-control-regex
const COLOURS = /\u001B\[\d+m/g
// oxlint-disable-next-line no-control-regex
const DRAWING = /\u001B\[\d*[AJ]|[\r\n]/g
const canPretend =
  process.platform === 'linux' && spawnSync('script', ['--version']).stdout?.toString().includes('util-linux')

const directory = temporaryDirectories()

let server: StreamingServer
beforeAll(async () => {
  const script = [
    { words: 'Good morning\u001B[2J\u001B]0;title\u0007', start: 200, end: 1400, speaker: 'A' },
    { words: 'How are you', start: 1700, end: 2900, speaker: 'B' },
  ]
  server = await serve({ engine: scriptedEngine(script), apiKeys: ['any-key'] })
})
afterAll(() => server.close())

/** What the command writes to a terminal of its own. */
async function onTerminal(options: string, env: Record<string, string> = {}): Promise<string> {
  const words = [process.execPath, main, clip, ...asking(server.url, directory())].map((word) => `'${word}'`)
  const line = `stty cols 70; ${words.join(' ')} ${options}; echo code $?`
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { ...process.env, ASSEMBLYAI_API_KEY: '', NO_COLOR: '', TERM: 'xterm-256color', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return (await text(child.stdout)).replaceAll('\r\n', '\n')
}

/** What is to be seen in the end. */
function screenOf(written: string): string[] {
  const terminal = new FakeTerminal(70)
  terminal.write(written.replaceAll(COLOURS, ''))
  return terminal.screen
}

describe.runIf(canPretend)('on a terminal', () => {
  it('shows open turns and progress in place, and lets finals scroll, in colours', async () => {
    const written = await onTerminal('')
    expect(stripVTControlCharacters(written)).toMatch(/[█░]+ {2}\d+ % {2}0:\d\d of 0:46/)
    expect(written).toContain('\u001B[36mSpeaker A:\u001B[39m Good morning[2J]0;title')
    expect(written).toContain('\u001B[33mSpeaker B:\u001B[39m How are you')
    expect(screenOf(written)).toEqual([
      '00:00:00 Speaker A: Good morning[2J]0;title',
      '00:00:01 Speaker B: How are you',
      expect.stringMatching(/^46\.\d s of audio in \d+\.\d s: 2 turns, 2 speakers \(Speaker A, Speaker B\)$/),
      'code 0',
    ])
    // Nothing but colours, and what draws in place.
    expect(written.replaceAll(COLOURS, '').replaceAll(DRAWING, '')).not.toMatch(/\p{Cc}/u)
  })

  it('says in a line that an output cannot be opened', async () => {
    const file = path.join(directory(), 'missing', 'talk.srt')
    expect(
      screenOf(await onTerminal(`-o ${file}`))
        .join('')
        .replaceAll(/\s/g, ''),
    ).toMatch(/^diarize-stream:cannotwriteto.*:thedirectorydoesnotexist;.*code1$/)
  })

  it('obeys NO_COLOR', async () => {
    const written = await onTerminal('', { NO_COLOR: '1' })
    expect(written).toContain('Speaker A: Good morning')
    expect(written).not.toMatch(COLOURS)
  })

  it.each([
    ['--quiet', {}],
    ['', { TERM: 'dumb' }],
  ])('writes plain lines with %j and %j', async (options, env) => {
    const written = await onTerminal(options, env)
    expect(written).toContain('[00:00:01] Speaker B: How are you\n')
    expect(written.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })
})
