import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseCommand } from '../../src/cli/arguments.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()

describe('parseCommand', () => {
  it('takes an input, and has a default for all else', () => {
    expect(parseCommand(['talk.mp4'])).toEqual({
      input: 'talk.mp4',
      outputs: [],
      engine: undefined,
      apiKey: undefined,
      maxSpeakers: undefined,
      names: {},
      preset: 'netflix',
      language: undefined,
      report: false,
      quiet: false,
    })
  })

  it('takes every option', () => {
    const key = path.join(directory(), 'key')
    writeFileSync(key, 'secret\n')
    const options = '--engine embedded --speakers 2 --preset bbc --language de --report --quiet'.split(' ')
    const names = ['--names', 'A=Alice Lee, B=Bob']
    expect(parseCommand(['-', '-o', 'a.srt', '--output=b.vtt', ...options, ...names, '--api-key-file', key])).toEqual({
      input: '-',
      outputs: ['a.srt', 'b.vtt'],
      engine: 'embedded',
      apiKey: 'secret',
      maxSpeakers: 2,
      names: { A: 'Alice Lee', B: 'Bob' },
      preset: 'bbc',
      language: 'de',
      report: true,
      quiet: true,
    })
    expect(parseCommand(['--help'])).toBe('help')
    expect(parseCommand(['--version'])).toBe('version')
  })

  it.each([
    [[], 'an input is needed'],
    [['a', 'b'], 'one input at a time; got also b'],
    [['a', '--wrong'], '--wrong'],
    [['a', '--speakers', 'two'], '--speakers, when given, must be an integer from 1 to 10; got NaN'],
    [['a', '--preset', 'tv'], "--preset, when given, must be 'netflix'"],
    [['a', '--names', 'Alice'], "--names, when given, must be like A=Alice,B=Bob; got 'Alice'"],
    [['a', '--api-key-file', '/does/not/exist'], '--api-key-file cannot be read'],
  ])('refuses %j', (argv, message) => {
    expect(() => parseCommand(argv)).toThrow(message)
  })
})
