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
