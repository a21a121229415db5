import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { certificateAdvice, ConfigurationError, DiarizeStreamError, FfmpegError, isAbortError } from '../src/errors.ts'

describe('DiarizeStreamError', () => {
  it('carries code, cause, and facts as fields, and is not retryable unless it says so', () => {
    const cause = new Error('lower')
    const error = new FfmpegError('FFMPEG_FAILED', 'ffmpeg exited with 1', { cause, exitCode: 1 })
    expect(error).toBeInstanceOf(DiarizeStreamError)
    expect(error).toMatchObject({ name: 'FfmpegError', code: 'FFMPEG_FAILED', retryable: false, exitCode: 1, cause })
  })

  it('has no cause where none is given', () => {
    expect('cause' in new ConfigurationError('INVALID_OPTION', 'x')).toBe(false)
  })

  it('never shows credentials', () => {
    const error = new FfmpegError('FFMPEG_FAILED', 'cannot open rtsp://me:secret@camera/1')
    expect(error.message).toBe('cannot open rtsp://***@camera/1')
  })
})

it('isAbortError knows an AbortSignal at work', () => {
  expect(isAbortError(new DOMException('stop', 'AbortError'))).toBe(true)
  expect(isAbortError(Object.assign(new Error('stop'), { code: 'ABORT_ERR' }))).toBe(true)
  expect(isAbortError(runInNewContext("Object.assign(new Error('stop'), { code: 'ABORT_ERR' })"))).toBe(true)
  expect(isAbortError(new Error('stop'))).toBe(false)
  expect(isAbortError(runInNewContext("new Error('stop')"))).toBe(false)
  expect(isAbortError(undefined)).toBe(false)
})

it.each([
  ['CERT_HAS_EXPIRED', /renewed/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /name/],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', /as ca$/],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', /as ca$/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /as ca$/],
])('a certificate that is refused with %s has advice of its own', (code, advice) => {
  expect(certificateAdvice(code)).toMatch(advice)
})

it.each(['ECONNREFUSED', 'ENOTFOUND', 'ERR_SSL_WRONG_VERSION_NUMBER'])('%s is no matter of a certificate', (code) => {
  expect(certificateAdvice(code)).toBeUndefined()
})
