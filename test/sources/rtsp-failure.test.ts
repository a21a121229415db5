import { describe, expect, it } from 'vitest'
import { FfmpegError, InputError } from '../../src/errors.ts'
import { explainRtsp, type RtspFailure } from '../../src/sources/rtsp-failure.ts'

const said = (stderr: string): FfmpegError => new FfmpegError('FFMPEG_FAILED', 'failed', { stderr })
const trouble = (code: string): Error => Object.assign(new Error('no'), { code })
const nothing: RtspFailure = {
  shown: 'rtsp://camera/live',
  error: undefined,
  status: undefined,
  trouble: undefined,
  silent: false,
  heard: false,
}

describe('explainRtsp', () => {
  it.each([
    ['an end', {}, 'INPUT_LOST', false],
    ['a failure of FFmpeg', { error: said('[error] Invalid data') }, 'INPUT_LOST', false],
    ['a wrong password', { status: 401 }, 'INPUT_REFUSED', true],
    ['a wrong path', { status: 404 }, 'INPUT_REFUSED', true],
    ['a redirection', { status: 301 }, 'INPUT_REFUSED', true],
    ['a camera that starts', { status: 503 }, 'INPUT_REFUSED', false],
    ['too many clients', { status: 453 }, 'INPUT_REFUSED', false],
    ['the wrong transport', { status: 461 }, 'INPUT_REFUSED', false],
    ['a wrong password, as FFmpeg says', { error: said('method DESCRIBE failed: 401 No') }, 'INPUT_REFUSED', true],
    ['no connection', { trouble: trouble('ECONNREFUSED') }, 'INPUT_UNREACHABLE', false],
    ['no such host', { trouble: trouble('ENOTFOUND') }, 'INPUT_UNREACHABLE', false],
    ['no connection, as FFmpeg says', { error: said('rtsp://***@a: Connection refused') }, 'INPUT_UNREACHABLE', false],
    ['a bad certificate', { trouble: trouble('DEPTH_ZERO_SELF_SIGNED_CERT') }, 'INPUT_UNREACHABLE', true],
    ['a certificate of another', { trouble: trouble('ERR_TLS_CERT_ALTNAME_INVALID') }, 'INPUT_UNREACHABLE', true],
    ['no FFmpeg', { error: new FfmpegError('FFMPEG_NOT_FOUND', 'none') }, 'FFMPEG_NOT_FOUND', true],
    ['no microphone', { silent: true, status: 454 }, 'NO_AUDIO', true],
    ['no such track', { error: new InputError('NO_AUDIO', 'none') }, 'NO_AUDIO', true],
  ] as [string, Partial<RtspFailure>, string, boolean][])('knows %s', (_name, facts, code, final) => {
    const before = explainRtsp({ ...nothing, ...facts })
    expect(before).toMatchObject({ final, error: { code } })
    if (code === 'FFMPEG_NOT_FOUND') return
    expect((before.error as InputError).retryable).toBe(!final)
    // A camera that has been heard may say anything while it starts again.
    expect(explainRtsp({ ...nothing, ...facts, heard: true }).final).toBe(false)
  })
})
