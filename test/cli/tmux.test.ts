import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { serve } from 'diarize-stream/server'
import { scriptedEngine } from 'diarize-stream/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { TmuxTerminal } from '../../scripts/pictures/tmux.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { asking, main } from './command.ts'

const clip = path.resolve(import.meta.dirname, '../../demo/dialogue.mp4')
const hasTmux = spawnSync('tmux', ['-V']).status === 0
if (!hasTmux) console.warn('skipping the test in a terminal of tmux: tmux is not installed (apt-get install tmux)')

const directory = temporaryDirectories()
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

/** Looks at the screen until it is as `wanted`; gives its lines. */
async function see(terminal: TmuxTerminal, wanted: (text: string) => boolean): Promise<string[]> {
  for (;;) {
    const lines = await terminal.screen()
    if (wanted(lines.join('\n'))) return lines
    const code = await terminal.exitCode()
    if (code !== undefined) throw new Error(`it ended with ${code} and showed:\n${lines.join('\n')}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Exit code of what runs in it, once it has ended. */
async function ended(terminal: TmuxTerminal): Promise<number> {
  for (;;) {
    const code = await terminal.exitCode()
    if (code !== undefined) return code
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe.runIf(hasTmux)('in a terminal of tmux', () => {
  it('shows open turns below finals, corrections as they come, and nothing of them after Ctrl-C', async () => {
    // It takes audio only as fast as it plays, so that there is a middle to look at.
    const script = [
      { words: 'Good morning to you', start: 100, end: 700, speaker: 'A', finalAt: 800 },
      {
        words: 'And to you',
        start: 800,
        end: 1100,
        speaker: 'A',
        finalAt: 1200,
        revisedSpeaker: 'B',
        revisionAt: 1600,
      },
      { words: 'this one is still open '.repeat(8).trim(), start: 1700, end: 30_000, speaker: 'A' },
    ]
    const server = await serve({ engine: scriptedEngine(script, { fasterThanRealTime: false }), apiKeys: ['any-key'] })
    open.push(server)
    const options = [clip, '--names', 'A=Alice,B=Bob', ...asking(server.url, directory())]
    const terminal = await TmuxTerminal.open([process.execPath, main, ...options], {
      columns: 60,
      rows: 12,
      cwd: directory(),
      env: { ASSEMBLYAI_API_KEY: '', TERM: 'screen-256color' },
    })
    open.push(terminal)

    expect(await see(terminal, (text) => text.includes('this one'))).toEqual([
      '00:00:00 Alice: Good morning to you',
      '00:00:00 Alice: And to you',
      'corrected: 00:00:00 Bob: And to you',
      expect.stringMatching(/^this one/),
      expect.stringMatching(/^[█░]{4,} {2}\d+ % {2}0:0\d of 0:46/),
    ])
    await terminal.press('C-c')
    expect(await ended(terminal)).toBe(130)
    const text = (await terminal.screen()).join('\n')
    expect(text).not.toMatch(/^this one/m)
    expect(text).toMatch(/^00:00:01 Alice: this one/m)
    expect(text).toMatch(/^ended by a signal; complete for the first \d+\.\d s$/m)
    expect(text).toMatch(/^1 correction after a turn was final$/m)
    expect(text).not.toMatch(/[█░]/)
  })
})
