import { describe, expect, it } from 'vitest'
import { explainEnd, type FfmpegRun } from '../../src/ffmpeg/failure.ts'

const failed: FfmpegRun = {
  end: { code: 1, signal: null },
  ffmpeg: '/usr/bin/ffmpeg',
  input: 'talk.mp4',
  audioTrack: 0,
  produced: false,
  stderr: '',
}

describe('explainEnd', () => {
  it('calls only exit code 0 with audio a success', () => {
    const end = { code: 0, signal: null }
    expect(explainEnd({ ...failed, end, produced: true })).toBeUndefined()
    expect(explainEnd({ ...failed, end, produced: true, stderr: '[error] something' })).toBeUndefined()
    expect(explainEnd({ ...failed, end, produced: false })).toMatchObject({ name: 'InputError', code: 'NO_AUDIO' })
    expect(explainEnd({ ...failed, produced: true })).toMatchObject({ code: 'FFMPEG_FAILED', exitCode: 1 })
    const killed = { code: null, signal: 'SIGKILL' } as const
    expect(explainEnd({ ...failed, end: killed, produced: true })).toMatchObject({
      name: 'FfmpegError',
      code: 'FFMPEG_FAILED',
      signal: 'SIGKILL',
      retryable: true,
    })
  })

  it.each([
    ["[fatal] Stream map '0:a:0' matches no streams.", 'NO_AUDIO', 'talk.mp4 has no audio track'],
    // FFmpeg 7 leaves the name out.
    ["[fatal] Stream map '' matches no streams.", 'NO_AUDIO', 'talk.mp4 has no audio track'],
    ["[wav] [error] no 'data' tag found\n[error] file:a: Invalid data found when", 'NO_AUDIO', 'without audio'],
    ["[concat] [error] Format not on whitelist 'wav'\n[error] Invalid argument", 'INPUT_NOT_MEDIA', 'playlist'],
    ['[mov] [error] moov atom not found\n[error] Invalid data found when', 'INPUT_NOT_MEDIA', 'index'],
    ['[error] file:/a: No such file or directory', 'INPUT_NOT_FOUND', 'does not exist'],
    ['[error] file:/a: Permission denied', 'INPUT_UNREADABLE', 'permissions'],
    ['[error] pipe:0: Invalid data found when processing input', 'INPUT_NOT_MEDIA', 'not audio or video'],
    ['[fatal] Unrecognized option', 'FFMPEG_FAILED', 'exit code 1'],
  ])('reads %s as %s', (stderr, code, words) => {
    const error = explainEnd({ ...failed, stderr })
    expect(error?.code).toBe(code)
    expect(error?.message).toContain('talk.mp4')
    expect(error?.message).toContain(words)
    expect(error?.message.endsWith(stderr)).toBe(true)
    expect(error).toMatchObject({ stderr })
    expect(error?.retryable).toBe(false)
  })

  it('blames FFmpeg, not the input, once audio has come', () => {
    const stderr = '[error] pipe:0: Invalid data found when processing input'
    expect(explainEnd({ ...failed, stderr, produced: true })?.code).toBe('FFMPEG_FAILED')
  })

  it('names the track that is missing', () => {
    const stderr = "[fatal] Stream map '0:a:2' matches no streams."
    expect(explainEnd({ ...failed, audioTrack: 2, stderr })?.message).toContain('no audio track 2')
  })

  it('tells a binary that does not run from a machine that is full', () => {
    const start = (code: string): FfmpegRun => ({
      ...failed,
      end: { code: null, signal: null, spawnError: Object.assign(new Error('spawn'), { code }) },
    })
    const broken = explainEnd(start('EACCES'))
    expect(broken).toMatchObject({ code: 'FFMPEG_NOT_FOUND', retryable: false })
    expect(broken?.message).toContain('/usr/bin/ffmpeg')
    expect(broken?.message).toContain('FFMPEG_PATH')
    expect(broken?.cause).toBeInstanceOf(Error)
    expect(explainEnd(start('EAGAIN'))).toMatchObject({ code: 'FFMPEG_FAILED', retryable: true })
  })
})
