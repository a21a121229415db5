import { describe, expect, it } from 'vitest'
import { findFfmpeg } from '../../src/ffmpeg/find.ts'
import { rtspTimeout, timeoutIn } from '../../src/ffmpeg/rtsp-timeout.ts'

describe('timeoutIn', () => {
  it.each([
    [
      'FFmpeg 4',
      '  -timeout           <int>        .D....... set maximum timeout (in seconds) to wait for incoming connections\n' +
        '  -stimeout          <int64>      .D....... set timeout (in microseconds) of socket TCP I/O operations\n',
      ['-stimeout'],
    ],
    [
      'FFmpeg 5 to 8',
      '  -listen_timeout    <int>        .D....... set maximum timeout\n  -timeout           <int64>      .D....... set timeout\n',
      ['-timeout'],
    ],
    ['one without RTSP', "Unknown format 'rtsp'.\n", []],
  ])('knows the name of %s', (_version, help, expected) => {
    expect(timeoutIn(help)).toEqual(expected)
  })
})

describe('rtspTimeout', () => {
  it('asks the FFmpeg that is here', async () => {
    expect(await rtspTimeout(findFfmpeg(), 1500)).toEqual([expect.stringMatching(/^-s?timeout$/), '1500000'])
  })

  it('gives no option to one that does not answer', async () => {
    expect(await rtspTimeout('/nowhere/ffmpeg', 1500)).toEqual([])
  })
})
