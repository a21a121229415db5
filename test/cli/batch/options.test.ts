import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseCommand } from '../../../src/cli/arguments.ts'
import type { BatchCommand } from '../../../src/cli/batch/options.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'

const directory = temporaryDirectories()

function batchOf(...argv: string[]): BatchCommand | undefined {
  const command = parseCommand(argv)
  if (typeof command === 'string') throw new Error(command)
  return command.batch
}

describe('parseBatch', () => {
  it('knows one input from several', () => {
    const folder = path.join(directory(), 'videos')
    mkdirSync(folder)
    expect(batchOf('talk.mp4')).toBeUndefined()
    expect(batchOf('-')).toBeUndefined()
    expect(batchOf('a.mp4', 'b.mp4')).toEqual({
      inputs: ['a.mp4', 'b.mp4'],
      outputDir: undefined,
      formats: ['srt'],
      existing: 'refuse',
      jobs: 1,
      continueOnError: false,
      resume: false,
    })
    for (const input of [folder, 'list.txt']) expect(batchOf(input)?.inputs).toEqual([input])
    expect(batchOf('talk.mp4', '--format', 'vtt')?.formats).toEqual(['vtt'])
  })

  it('takes every option', () => {
    const options = '--output-dir out --format srt,.VTT --format jsonl,srt --skip-existing --jobs 2 --continue-on-error'
    expect(batchOf('a.mp4', ...options.split(' '), '--no-clobber')).toEqual({
      inputs: ['a.mp4'],
      outputDir: 'out',
      formats: ['srt', 'vtt', 'jsonl'],
      existing: 'skip',
      jobs: 2,
      continueOnError: true,
      resume: false,
    })
    expect(batchOf('a.mp4', 'b.mp4', '--resume')).toMatchObject({ existing: 'skip', resume: true })
    expect(batchOf('a.mp4', 'b.mp4', '--resume', '--overwrite')).toMatchObject({ existing: 'overwrite', resume: true })
    expect(batchOf('a.mp4', '--overwrite')?.existing).toBe('overwrite')
  })

  it.each([
    ['a.mp4 b.srt', 'b.srt is no recording; where it is an output, give it as -o b.srt'],
    [
      'a.mp4 b.mp4 -o c.srt',
      '--output is for one input; with several, say where by --output-dir, and what by --format',
    ],
    ['a.mp4 -o c.srt --overwrite', '--output is for one input, and --overwrite for several; leave one of them out'],
    ['a.mp4 b.mp4 --mux c.mp4', '--mux is for one input'],
    ['a.mp4 b.mp4 --report', '--report is for one input'],
    ['a.mp4 --format doc', "--format, when given, must be 'srt', 'vtt'"],
    ['a.mp4 b.mp4 --resume --format srt,docx', '--resume cannot keep .docx'],
    ['a.mp4 b.mp4 --checkpoint c', '--resume keeps one for each input beside its output'],
    ['a.mp4 --jobs 0', '--jobs, when given, must be an integer from 1 to 100; got 0'],
    ['a.mp4 --jobs many', "got 'many'"],
    ['a.mp4 --overwrite --skip-existing', '--overwrite and --skip-existing exclude each other'],
    ['a.mp4 b.mp4 --overwrite --no-clobber', '--overwrite and --no-clobber exclude each other'],
  ])('refuses %s', (line, message) => {
    expect(() => parseCommand(line.split(' '))).toThrow(message)
  })
})
