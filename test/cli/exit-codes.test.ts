import { describe, expect, it } from 'vitest'
import { exitCodeFor, exitCodeOf, isReaderGone } from '../../src/cli/exit-codes.ts'
import {
  ConfigurationError,
  EngineError,
  FfmpegError,
  InputError,
  OutputError,
  SessionError,
} from '../../src/errors.ts'

describe('exit codes', () => {
  it('say what kind of thing went wrong', () => {
    expect(exitCodeOf(new OutputError('OUTPUT_UNWRITABLE', ''))).toBe(1)
    expect(exitCodeOf(new DOMException('', 'AbortError'))).toBe(1)
    expect(exitCodeOf(new ConfigurationError('MISSING_API_KEY', ''))).toBe(2)
    expect(exitCodeOf(new InputError('NO_AUDIO', ''))).toBe(3)
    expect(exitCodeOf(new FfmpegError('FFMPEG_FAILED', ''))).toBe(3)
    expect(exitCodeOf(new SessionError('UNAUTHORIZED', ''))).toBe(4)
    expect(exitCodeOf(new EngineError('ENGINE_FAILED', ''))).toBe(4)
  })

  it('say whether what was written is whole', () => {
    expect(exitCodeFor({ gaps: [] }, false)).toBe(0)
    expect(exitCodeFor({ gaps: [] }, true)).toBe(130)
    // Ended by Ctrl-C and complete until there: the second is not true.
    for (const interrupted of [false, true]) expect(exitCodeFor({ gaps: [{ start: 0, end: 1 }] }, interrupted)).toBe(5)
    expect(exitCodeFor({ gaps: [], truncated: { missing: 1 } }, false)).toBe(5)
  })
})

it('knows a reader that has gone from other failures', () => {
  const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
  expect(isReaderGone(gone)).toBe(true)
  expect(isReaderGone(new OutputError('OUTPUT_UNWRITABLE', '', { cause: gone }))).toBe(true)
  expect(isReaderGone(new OutputError('OUTPUT_UNWRITABLE', '', { cause: new Error('full') }))).toBe(false)
  for (const other of [undefined, null, 'EPIPE', new SessionError('CONNECTION_LOST', '', { cause: gone })]) {
    expect(isReaderGone(other)).toBe(false)
  }
})
