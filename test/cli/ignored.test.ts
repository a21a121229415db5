import { parseCommand } from '../../src/cli/arguments.ts'
import { ignoredOptions } from '../../src/cli/ignored.ts'
import { expect, it } from 'vitest'

function ignored(line: string, key: string | undefined): string[] {
  const command = parseCommand(['a.mp4', ...line.split(' ')])
  if (typeof command === 'string') throw new Error(command)
  return ignoredOptions(command, key).map(({ option, message }) => {
    expect(message).toMatch(new RegExp(`^${String(option)} has no effect: `))
    return String(option)
  })
}

it.each([
  ['--preset bbc', ['--preset']],
  ['--preset bbc -o a.jsonl', ['--preset']],
  ['--cps 15 --max-lines 1 -o - --format txt', ['--max-lines', '--cps']],
  ['--names A=Alice -o a.ctm', ['--names']],
  ['--server-names', ['--server-names']],
  ['--channels A,B --speakers 2', ['--speakers']],
  ['--highlight-words -o a.srt --box', ['--highlight-words', '--box']],
  ['--colours -o a.ass', ['--colours']],
  ['--language cy', ['--language']],
  ['--language de --model universal-streaming-english', ['--language']],
])('says that in %s something has no effect', (line, options) => {
  expect(ignored(line, 'key')).toEqual(options)
})

it.each([
  '--preset bbc -o a.srt',
  '--max-lines 1 -o -',
  '--preset bbc --burn a.mp4',
  '--preset bbc --report',
  '--highlight-words --colours -o a.vtt',
  '--highlight-words --box --burn b.mp4',
  '--names A=Alice',
  '--names A=Alice -o a.ctm -o a.srt',
  '--server-names --url ws://localhost:1',
  '--language de --speakers 2',
  '--language cy --finished',
  '--language auto',
])('has nothing to say of %s', (line) => {
  expect(ignored(line, 'key')).toEqual([])
})

it('leaves the languages of its models to the engine on this machine', () => {
  expect(ignored('--language cy', undefined)).toEqual([])
})
