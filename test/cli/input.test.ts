import { once } from 'node:events'
import path from 'node:path'
import { expect, it } from 'vitest'
import { inputFile, inputKind, openInput } from '../../src/cli/input.ts'

it.each([
  ['talk.mp4', 'file'],
  ['./mic', 'file'],
  ['file:///a/talk.mp4', 'file'],
  ['http.mp4', 'file'],
  ['-', 'standard input'],
  ['/dev/fd/0', 'standard input'],
  ['/dev/fd/10', 'file'],
  ['mic', 'microphone'],
  ['HTTP://example.org/a', 'http'],
  ['https://example.org/a', 'http'],
  ['rtsps://example.org/a', 'rtsp'],
])('takes %s for a %s', (input, kind) => {
  expect(inputKind(input)).toBe(kind)
})

it('refuses other addresses, without their password', () => {
  expect(() => inputKind('ftp://user:hush@example.org/a')).toThrow('addresses begin with http:')
  expect(() => inputKind('ftp://user:hush@example.org/a')).not.toThrow('hush')
})

it('knows which inputs can be opened twice', () => {
  expect(inputFile('-odd name.mp4')).toBe(path.resolve('-odd name.mp4'))
  expect(inputFile('file:///does/not/exist.mp4')).toBe('/does/not/exist.mp4')
  for (const input of ['-', 'mic', 'http://example.org/a.mp4', '/dev/null', '.', 'file://host%2F/a']) {
    expect(inputFile(input)).toBeUndefined()
  }
})

it.each(['mic', 'http://example.org/a', 'rtsp://example.org/a', '-', 'talk.mp4'])(
  'has a source for %s',
  async (input) => {
    const source = await openInput({
      input,
      tracks: {},
      channels: undefined,
      device: undefined,
      passThrough: false,
      resume: false,
    })
    expect(source.readable).toBe(true)
    // What it loads is there by then, and not after the end of this file.
    await once(source.destroy(), 'close')
  },
)
