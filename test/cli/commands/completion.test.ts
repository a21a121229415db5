import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { OPTIONS } from '../../../src/cli/arguments.ts'
import { runCompletion } from '../../../src/cli/commands/completion.ts'

function printed(...args: string[]): string {
  let text = ''
  runCompletion(args, { write: (more) => (text += more) })
  return text
}

const folder = mkdtempSync(path.join(tmpdir(), 'diarize-stream-completion-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const has = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0

describe.skipIf(!has('bash'))('bash', () => {
  /** What bash would offer for the last of the words. */
  function offered(...words: string[]): string[] {
    const typed = words.map((word) => `'${word}'`).join(' ')
    const ask = `COMP_WORDS=(diarize-stream ${typed}); COMP_CWORD=${words.length}; _diarize_stream; echo "\${COMPREPLY[@]}"`
    const said = execFileSync('bash', ['--norc', '-c', `${printed('bash')}\n${ask}`], { encoding: 'utf8' })
    return said
      .trim()
      .split(' ')
      .filter((word) => word !== '')
  }

  it('offers every option of the command', () => {
    const names = Object.keys(OPTIONS).map((name) => `--${name}`)
    expect(offered('talk.mp4', '-').toSorted()).toEqual([...names, '-o'].toSorted())
  })

  it.each([
    [['--eng'], ['--engine']],
    [
      ['talk.mp4', '--engine', ''],
      ['assemblyai', 'local'],
    ],
    [['talk.mp4', '--preset', 'b'], ['bbc']],
    [['ser'], ['serve']],
    [
      ['serve', '--max-s'],
      ['--max-sessions', '--max-sessions-per-minute'],
    ],
    [
      ['models', 'p'],
      ['pull', 'path'],
    ],
    [
      ['doctor', '--'],
      ['--network', '--help'],
    ],
    // Nothing of ours, so that bash completes the name of a file.
    [['talk.mp4', '-o', 'ta'], []],
    [['tal'], []],
  ])('completes %j', (words, expected) => {
    expect(offered(...words)).toEqual(expected)
  })

  it.skipIf(!has('script') || process.platform !== 'linux')('completes what is typed on a terminal', () => {
    const rc = path.join(folder, 'rc')
    writeFileSync(path.join(folder, 'a talk.mp4'), '')
    writeFileSync(rc, `${printed('bash')}\ndiarize-stream() { printf '[%s]' "$@"; }\nPS1=''\n`)
    const input = 'diarize-stream a\t--eng\tloc\t\nexit\n'
    const said = spawnSync('script', ['-qec', `bash --noprofile --rcfile ${rc} -i`, '/dev/null'], {
      cwd: folder,
      input,
      encoding: 'utf8',
      env: { ...process.env, TERM: 'dumb', INPUTRC: '/dev/null' },
    })
    expect(said.stdout).toContain('[a talk.mp4][--engine][local]')
  })
})

describe.each(['zsh', 'fish'])('%s', (shell) => {
  it.skipIf(!has(shell))('takes its script', () => {
    writeFileSync(path.join(folder, shell), printed(shell))
    expect(spawnSync(shell, ['-n', path.join(folder, shell)], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    })
  })

  it('knows every option', () => {
    const script = printed(shell)
    for (const name of Object.keys(OPTIONS)) expect(script).toContain(shell === 'zsh' ? `--${name}` : `-l ${name}`)
  })
})

describe.skipIf(!has('fish'))('fish', () => {
  it.each([
    ['diarize-stream --eng', '--engine'],
    ['diarize-stream talk.mp4 --preset b', 'bbc'],
    ['diarize-stream serve --por', '--port'],
    ['diarize-stream ser', 'serve'],
  ])('completes %s', (typed, expected) => {
    const script = `${printed('fish')}\ncomplete --do-complete '${typed}'`
    expect(execFileSync('fish', ['--no-config', '-c', script], { encoding: 'utf8', cwd: folder })).toMatch(
      new RegExp(`^${expected}\\b`, 'm'),
    )
  })
})

it.each([[[]], [['tcsh']], [['bash', 'zsh']]])('refuses %j', (args) => {
  expect(() => printed(...args)).toThrow(
    /^completion is for bash, zsh or fish; got .*; see diarize-stream completion --help$/,
  )
})

it('explains itself', () => expect(printed('--help')).toContain('eval "$(diarize-stream completion bash)"'))
