import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseCommand, type Command } from '../../src/cli/arguments.ts'
import { exitCodeOf } from '../../src/cli/exit-codes.ts'
import { checkpointOf } from '../../src/cli/resume.ts'
import { CheckpointError } from '../../src/errors.ts'
import { serve } from '../../src/server/index.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { wordsIn } from '../batch/recordings.ts'
import { writeTalk } from '../checkpoint/talk.ts'
import { ffmpeg } from '../helpers/media.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { asking, command, startCommand } from './command.ts'

const directory = temporaryDirectories()
const asked = (...argv: string[]) => checkpointOf(parseCommand(argv) as Command)

describe('--resume', () => {
  it('keeps its checkpoint beside the first output, or where --checkpoint says', () => {
    const srt = path.join(directory(), 'a.srt')
    expect(asked('a.mp4', '-o', srt)).toBeUndefined()
    expect(asked('a.mp4', '-o', srt, '--resume')).toEqual({ file: `${srt}.checkpoint`, isThere: false })
    expect(asked('a.mp4', '-o', srt, '--checkpoint', `${srt}.c`)).toEqual({ file: `${srt}.c`, isThere: false })
    writeFileSync(`${srt}.c`, '')
    expect(asked('a.mp4', '-o', srt, '--resume', '--checkpoint', `${srt}.c`)?.isThere).toBe(true)
    expect(() => asked('a.mp4', '-o', srt, '--checkpoint', `${srt}.c`)).toThrow('add --resume to go on from it')
  })

  it('keeps it where the name of the output leaves no room for an ending', () => {
    const srt = path.join(directory(), `${'a'.repeat(251)}.srt`)
    const { file = '' } = asked('a.mp4', '-o', srt, '--resume') ?? {}
    writeFileSync(file, '')
    expect(path.dirname(file)).toBe(path.dirname(srt))
    expect(asked('a.mp4', '-o', srt, '--resume')).toEqual({ file, isThere: true })
  })

  it('is kept beside a video where there are no other outputs', () => {
    const mkv = path.join(directory(), 'a.mkv')
    expect(asked('a.mp4', '--mux', mkv, '--resume')).toEqual({ file: `${mkv}.checkpoint`, isThere: false })
    writeFileSync(mkv, '')
    expect(() => asked('a.mp4', '--mux', mkv, '--resume')).toThrow(`there is nothing to resume: ${mkv} is there`)
  })

  it('says that a run has finished', () => {
    const srt = path.join(directory(), 'a.srt')
    writeFileSync(srt, '')
    expect(() => asked('a.mp4', '-o', srt, '--resume')).toThrow(`there is nothing to resume: ${srt} is there`)
    expect(asked('a.mp4', '-o', srt, '-o', `${srt}.vtt`, '--resume')?.isThere).toBe(false)
  })

  it.each([
    [['a.mp4', '-o', 'a.srt', '--report'], '--resume and --report exclude each other'],
    [['a.mp4', '-o', 'a.srt', '--finished'], '--resume and --finished exclude each other'],
    [['a.mp4', '-o', 'a.srt', '--parallel', '4'], '--resume and --parallel exclude each other'],
    [['a.jsonl', '-o', 'a.srt'], '--resume is of no use with a transcript'],
    [['-', '-o', 'a.srt'], '--resume needs an input that can be opened again'],
    [['a.mp4', '-o', 'a.srt', '-o', 'a.docx'], '--resume cannot keep a.docx, which is made at the end'],
    [['a.mp4'], '--resume needs files'],
    [['a.mp4', '-o', '-'], '--resume needs files'],
  ])('is refused for %j', (argv, why) => {
    expect(() => asked(...argv, '--resume')).toThrow(why)
  })

  it('ends with 2 where the checkpoint is of something else', () => {
    expect(exitCodeOf(new CheckpointError('CHECKPOINT_MISMATCH', 'x'))).toBe(2)
  })

  it('goes on after Ctrl-C', async () => {
    const folder = directory()
    const at = (name: string) => path.join(folder, name)
    const words = toneScript({ seed: 3, duration: 30_000, speakers: 2, turnWords: [1, 8] })
    writeTalk(at('talk.wav'), words)
    await using fast = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
    const whole = await command(at('talk.wav'), '-o', at('whole.srt'), '--no-voices', ...asking(fast.url, folder))
    expect(whole.code).toBe(0)
    const slow = await serve({ engine: toneEngine({ fasterThanRealTime: false }), apiKeys: ['any-key'], port: 0 })
    const { port } = new URL(slow.url)
    const argv = [at('talk.wav'), '-o', at('talk.srt'), '--mux', at('talk.mkv'), '--resume', '--no-voices']
    const run = startCommand([...argv, ...asking(slow.url, folder)])
    while (!existsSync(at('talk.srt')) || !readFileSync(at('talk.srt.checkpoint'), 'utf8').includes('"order"')) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(130)
    expect(run.err).toContain('talk.srt.checkpoint stays: with --resume the same command goes on')
    // What it is to hold is not there yet.
    expect(existsSync(at('talk.mkv'))).toBe(false)
    await slow.close()
    await using again = await serve({ engine: toneEngine(), apiKeys: ['any-key'], port: Number(port) })
    const rest = await command(...argv, ...asking(again.url, folder))
    expect(rest.err).toContain('going on from')
    expect(rest.code).toBe(0)
    expect(readFileSync(at('talk.srt'), 'utf8')).toBe(readFileSync(at('whole.srt'), 'utf8'))
    await ffmpeg('-i', at('talk.mkv'), '-map', '0:s', at('muxed.srt'))
    expect(wordsIn(at('muxed.srt'))).toEqual(words.map(({ word }) => word))
    expect(readdirSync(folder).filter((name) => /checkpoint|captions/.test(name))).toEqual([])
    const finished = await command(...argv, ...asking(again.url, folder))
    expect(finished.code).toBe(2)
    expect(finished.err).toContain('there is nothing to resume')
  }, 60_000)
})
