import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { diarize, fanOut, fileSource, jsonlSink, resample, run, srtSink } from '../../src/index.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { heldBack, wordsOf, writeTalk } from './talk.ts'

const directory = temporaryDirectories()
const words = toneScript({ seed: 9, duration: 60_000, speakers: 2, turnWords: [1, 8] })

/** A folder on a disk of 256 kB of its own; `undefined` where none can be made, as by somebody who is not root. */
function smallDisk(): string | undefined {
  const folder = mkdtempSync(path.join(tmpdir(), 'diarize-stream-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    rmdirSync(folder)
    return undefined
  }
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', folder])
    rmdirSync(folder)
  })
  return folder
}

/** Takes all that is left. */
function fill(folder: string): void {
  const filler = path.join(folder, 'filler')
  const write = (): void => {
    for (;;) appendFileSync(filler, Buffer.alloc(4096))
  }
  expect(write).toThrow('ENOSPC')
}

const cases = [
  ['the outputs', (disk: string, other: string) => ({ outputs: disk, checkpoint: path.join(other, 'checkpoint') })],
  ['the checkpoint', (disk: string, other: string) => ({ outputs: other, checkpoint: path.join(disk, 'checkpoint') })],
  ['both', (disk: string) => ({ outputs: disk, checkpoint: path.join(disk, 'checkpoint') })],
] as const

it.each(cases)(
  'ends where the disk of %s is full, and goes on to whole outputs once there is room',
  async (_what, places) => {
    const disk = smallDisk()
    if (disk === undefined) {
      process.stderr.write('skipped: only root can make a disk that is soon full\n')
      return
    }
    const other = directory()
    const { outputs, checkpoint } = places(disk, other)
    const talk = path.join(other, 'talk.wav')
    writeTalk(talk, words)
    const at = (folder: string, ending: string): string => path.join(folder, `talk.${ending}`)
    const hear = (folder: string, kept?: string, filled = Promise.resolve()) =>
      run(
        fileSource(talk),
        resample(),
        heldBack(30_000, filled),
        diarize({ engine: toneEngine(), pace: 'unpaced', voices: false }),
        // No cue is cut for the time that a busy machine takes.
        fanOut(srtSink(at(folder, 'srt'), { layout: { maxDelayMs: 10_000 } }), jsonlSink(at(folder, 'jsonl'))),
        kept === undefined ? {} : { checkpoint: kept },
      )
    let goOn = (): void => {}
    const running = hear(outputs, checkpoint, new Promise((resolve) => (goOn = resolve)))
    running.catch(() => {})
    while (((await readCheckpoint(checkpoint))?.nextOrder ?? 0) < 3)
      await new Promise((resolve) => setTimeout(resolve, 5))
    fill(disk)
    goOn()
    await expect(running).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message: expect.stringMatching(/no space.*free some space/i) as string,
    })
    const kept = await readCheckpoint(checkpoint)
    expect(kept?.nextOrder).toBeGreaterThanOrEqual(3)
    // What cannot begin for want of room leaves it as it is, too.
    const [again] = await Promise.allSettled([hear(outputs, checkpoint)])
    expect(again).toMatchObject({ reason: { code: 'OUTPUT_UNWRITABLE' } })
    expect((await readCheckpoint(checkpoint))?.nextOrder).toBeGreaterThanOrEqual(kept!.nextOrder)
    rmSync(path.join(disk, 'filler'))
    await hear(outputs, checkpoint)
    const whole = path.join(other, 'whole')
    mkdirSync(whole)
    await hear(whole)
    expect(wordsOf(at(outputs, 'jsonl'))).toEqual(wordsOf(at(whole, 'jsonl')))
    expect(readFileSync(at(outputs, 'srt'), 'utf8')).toBe(readFileSync(at(whole, 'srt'), 'utf8'))
  },
)
