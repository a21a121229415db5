import { nearest, parseOptions } from '../../src/cli/options.ts'
import { expect, it } from 'vitest'

it.each([
  ['--spekers', '--speakers'],
  ['--LANGUAGE', '--language'],
  ['--lang', '--language'],
  ['--completely-else', undefined],
  ['-x', undefined],
])('takes %s for %s', (typed, meant) => {
  expect(nearest(typed, ['--speakers', '--language', '-o'])).toBe(meant)
})

it('does not repeat the value of an option that is not known, which may be a secret', () => {
  const attempt = () => parseOptions(['--key=hush'], { keys: { type: 'string' } }, { of: 'diarize-stream serve' })
  expect(attempt).toThrow('there is no option --key; did you mean --keys?; see diarize-stream serve --help')
  expect(attempt).not.toThrow('hush')
})

it('takes one value for an option that takes one', () => {
  const options = { mux: { type: 'string' }, output: { type: 'string', short: 'o', multiple: true } } as const
  const parse = (...argv: string[]) => parseOptions(argv, options, { of: 'diarize-stream' }).values
  expect(() => parse('--mux', 'a.mp4', '--mux=b.mp4')).toThrow('--mux is given twice; give it once')
  expect(parse('--mux', 'a.mp4', '--mux', 'a.mp4', '-o', 'a.srt', '-o', 'b.srt')).toEqual({
    mux: 'a.mp4',
    output: ['a.srt', 'b.srt'],
  })
})
