/**
 * Makes the pictures of the README from real runs on the demo clip, into `docs/images`: `terminal.svg`, the live view of
 * the command as tmux shows it, and `burnt.png`, a frame of the video with the captions in it.
 * Needs tmux, an FFmpeg with libass, and the embedded engine. Run it with `npm run make-pictures`.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { terminalSvg } from './pictures/terminal-svg.ts'
import { TmuxTerminal } from './pictures/tmux.ts'

const COMMAND = 'npx diarize-stream talk.mp4 --names A=Alice,B=Bob --burn captioned.mp4'
const COLUMNS = 96
/** Where in the clip the frame is taken, in seconds. */
const FRAME_AT = 9

const root = path.dirname(import.meta.dirname)
const images = path.join(root, 'docs/images')
const folder = mkdtempSync(path.join(tmpdir(), 'diarize-stream-pictures-'))
let terminal: TmuxTerminal | undefined
try {
  mkdirSync(images, { recursive: true })
  mkdirSync(path.join(folder, 'node_modules/.bin'), { recursive: true })
  symlinkSync(path.join(root, 'bin/diarize-stream.js'), path.join(folder, 'node_modules/.bin/diarize-stream'))
  copyFileSync(path.join(root, 'demo/dialogue.mp4'), path.join(folder, 'talk.mp4'))

  // Nothing of this machine is to show.
  const env = { PS1: '$ ', HOME: folder, ASSEMBLYAI_API_KEY: '', NPM_CONFIG_LOGLEVEL: 'error' }
  terminal = await TmuxTerminal.open(['sh', '-i'], { columns: COLUMNS, rows: 30, cwd: folder, env })
  await terminal.type(COMMAND)
  const lines = await lastLiveScreen(terminal)
  const svg = path.join(images, 'terminal.svg')
  writeFileSync(svg, terminalSvg(lines, COLUMNS, `Output of: ${COMMAND}`))

  const png = path.join(images, 'burnt.png')
  const video = `file:${path.join(folder, 'captioned.mp4')}`
  const frame = ['-ss', String(FRAME_AT), '-i', video, '-frames:v', '1', '-compression_level', '9', png]
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...frame])
  for (const file of [svg, png])
    console.log(`${path.relative(root, file)}: ${Math.ceil(statSync(file).size / 1000)} kB`)
} finally {
  await terminal?.close()
  rmSync(folder, { recursive: true, force: true })
}

/** Waits for the end of the command; gives the last screen with several turns above a bar. */
async function lastLiveScreen(terminal: TmuxTerminal): Promise<string[]> {
  let live: string[] | undefined
  for (;;) {
    const screen = await terminal.screen(true)
    const plain = screen.map(stripVTControlCharacters)
    const turns = plain.filter((line) => /^\d\d:\d\d:\d\d/.test(line)).length
    if (/^[█░]+ {2}\d+ %.* speakers/.test(plain.at(-1) ?? '') && turns >= 4) live = screen
    if (plain.some((line) => line.startsWith('wrote '))) break
    if (plain.some((line) => line.startsWith('diarize-stream: '))) throw new Error(plain.join('\n'))
    await delay(50)
  }
  if (live === undefined) throw new Error('there were no four turns at any look at the live screen; run it again')
  return live
}
