import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { explainEnd, FfmpegLog, type FfmpegRun, type InputFacts, isTrouble } from '../../src/ffmpeg/log.ts'

function logOf(...pieces: string[]): { log: FfmpegLog; troubles: string[] } {
  const troubles: string[] = []
  const log = new FfmpegLog((line) => troubles.push(line))
  for (const piece of pieces) log.push(piece)
  log.end()
  return { log, troubles }
}

describe('isTrouble', () => {
  it('takes errors, and of the warnings only those that mean lost audio', () => {
    expect(isTrouble('[error] Error while decoding stream #0:0: Invalid data found')).toBe(true)
    expect(isTrouble('[mp3float] [error] Header missing')).toBe(true)
    expect(isTrouble('[NULL] [error] Error parsing Opus packet header.')).toBe(true)
    expect(isTrouble('[aist#0:0/aac] [dec:aac] [error] Error submitting packet to decoder')).toBe(true)
    expect(isTrouble('[aist#0:0/pcm_s16le] [warning] Guessed Channel Layout: mono')).toBe(false)
    expect(isTrouble('[fatal] Stream map matches no streams.')).toBe(true)
    expect(isTrouble('[mpegts] [warning] Packet corrupt (stream = 0, dts = NOPTS).')).toBe(true)
    expect(isTrouble('[in#0/mpegts] [warning] corrupt input packet in stream 0')).toBe(true)
    expect(isTrouble('[mp3] [warning] filesize and duration do not match (growing file?)')).toBe(true)
    expect(isTrouble('[warning] Guessed Channel Layout for Input Stream #0.0 : mono')).toBe(false)
    expect(isTrouble('[info] corrupt')).toBe(false)
    expect(isTrouble('a title that says [error] somewhere')).toBe(false)
  })
})

it.each([
  '[wav] [warning] Packet corrupt (stream = 0, dts = NOPTS).',
  '[caf] [warning] Packet corrupt (stream = 0, dts = 176128).',
  '[in#0/wav] [warning] corrupt input packet in stream 0',
])('the last, short packet of plain samples is no trouble: %s', (line) => {
  expect(isTrouble(line)).toBe(false)
})

it.each([
  '[h264] [error] non-existing PPS 0 referenced',
  '[hevc] [error] Could not find ref with POC 12',
  '[NULL] [error] PPS id out of range: 0',
  '[mjpeg] [error] No JPEG data found in image',
  '[png] [error] Invalid PNG signature 0x0.',
  '[vist#0:0/h264] [dec:h264] [error] Error submitting packet to decoder',
])('a damaged picture is no lost sound: %s', (line) => {
  expect(isTrouble(line)).toBe(false)
})

describe('FfmpegLog', () => {
  it('leaves out what FFmpeg says a second time of a short last packet, and only of that', () => {
    const second = '[warning] pipe:0: corrupt input packet in stream 0'
    expect(logOf(`[wav @ 0x5] [warning] Packet corrupt (stream = 0, dts = NOPTS).\n${second}\n`).troubles).toEqual([])
    const damaged = '[mpegts] [warning] Packet corrupt (stream = 0, dts = 1).'
    expect(logOf(`${damaged}\n${second}\n`).troubles).toEqual([damaged, second])
  })

  it.each([
    ['62.3.100', 1, 0],
    ['62.3.100', 2, 1],
    ['61.7.100', 1, 1],
  ])(
    'takes the end of Opus in Matroska for no damaged packet, as FFmpeg 8.0 does: %s, %i lines',
    (lavf, lines, told) => {
      const line = '[opus] [error] Error parsing Opus packet header.'
      const { troubles } = logOf(
        [
          "[info] Input #0, matroska,webm, from 'pipe:0':",
          '[info]     encoder         : Lavf62.3.100',
          "[info] Output #0, nut, to 'pipe:1':",
          `[info]     encoder         : Lavf${lavf}`,
          ...Array.from({ length: lines }, () => line),
          '',
        ].join('\n'),
      )
      expect(troubles).toHaveLength(told)
    },
  )

  it('takes what FFmpeg says at the end of each GXF for no trouble, and what it says of damage', () => {
    const end = '[error] pipe:0: Operation not permitted'
    const newer = '[in#0/gxf] [error] Error during demuxing: Operation not permitted'
    const damage = '[gxf] [error] sync lost'
    const of = (container: string): string => `[info] Input #0, ${container}, from 'pipe:0':`
    expect(logOf([of('gxf'), damage, end, newer, ''].join('\n')).troubles).toEqual([damage])
    expect(logOf([of('mxf'), end, ''].join('\n')).troubles).toEqual([end])
  })

  it('puts lines together however they were cut', () => {
    const text = '[mp3 @ 0x55d5] [error] Header missing\r\n[warning] harmless\n\n[error] last one'
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), text.length]
        const { log, troubles } = logOf(...places.slice(1).map((end, i) => text.slice(places[i], end)))
        expect(troubles).toEqual(['[mp3] [error] Header missing', '[error] last one'])
        expect(log.tail).toBe('[mp3] [error] Header missing\n[warning] harmless\n[error] last one')
      }),
    )
  })

  it('reports alike lines once', () => {
    const lines = Array.from({ length: 50 }, (_, i) => `[aac @ 0x${i}] [error] bad packet, dts = ${i * 1024}\n`)
    expect(logOf(...lines).troubles).toEqual(['[aac] [error] bad packet, dts = 0'])
  })

  it('stops reporting at twenty, and says so', () => {
    const letters = Array.from({ length: 60 }, (_, i) => String.fromCodePoint(0x100 + i))
    const { troubles } = logOf(...letters.map((letter) => `[error] ${letter}\n`))
    expect(troubles).toHaveLength(20)
    expect(troubles.at(-1)).toContain('left out')
  })

  it('does not report what reading a spooled stream always prints', () => {
    const { log, troubles } = logOf('[cache @ 0x5] [error] Inner protocol failed to seekback end : -38\n')
    expect(troubles).toEqual([])
    expect(log.tail).toBe('')
  })

  it('keeps the end of a flood, and little of it', () => {
    const { log } = logOf(...Array.from({ length: 20_000 }, (_, i) => `[warning] line ${i}\n`))
    expect(log.tail.length).toBeLessThanOrEqual(4096)
    expect(log.tail.endsWith('[warning] line 19999')).toBe(true)
  })

  it('keeps little of a line that never ends', () => {
    const { log } = logOf(...Array.from({ length: 500 }, () => 'word '.repeat(1000)))
    expect(log.tail.length).toBeLessThanOrEqual(4096)
    expect(log.tail.endsWith('…')).toBe(true)
  })

  it('hides credentials, wherever chunks and limits cut them', () => {
    const url = 'rtsp://user:pass%40word@camera/stream'
    for (let length = 1940; length < 2010; length++) {
      const padding = `${'x'.repeat(length - 1)} `
      const line = `[error] ${padding}${url} failed${' and so on'.repeat(300)}\n`
      for (const at of [0, 1990, line.indexOf('pass') + 2]) {
        const { log, troubles } = logOf(line.slice(0, at), line.slice(at))
        expect(log.tail).not.toMatch(/user|pass|word/)
        expect(troubles.join('')).not.toMatch(/user|pass|word/)
      }
    }
  })

  it('tells what FFmpeg says of its input, once, and keeps that out of errors', () => {
    const facts: InputFacts[] = []
    const log = new FfmpegLog(
      () => {},
      (input) => void facts.push(input),
    )
    log.push(
      [
        "[info] Input #0, mpegts, from 'pipe:0':",
        '[info]   Metadata:',
        "[info]     title           : Input #0, wav, from 'x'",
        '[info]                     : Stream #0:7: Audio: none',
        '[info]   Duration: 00:00:08.03, start: 1.400000, bitrate: 114 kb/s',
        '[info]   Program 1 ',
        '[info]     Stream #0:2[0x102](deu): Audio: ac3 ([129][0][0][0] / 0x0081), 48000 Hz, 5.1(side), fltp, 448 kb/s (default)',
        '[info]     Stream #0:0[0x100]: Video: h264 (High), 25 fps',
        '[info]     Stream #0:1[0x101](und): Audio: aac (LC), 48000 Hz, stereo, fltp, 128 kb/s, start 1.400000',
        '[mpegts @ 0x5] [info] something',
        '[info] Stream mapping:',
        "[info] Input #0, wav, from 'late'",
        '[info] Stream mapping:',
        '',
      ].join('\n'),
    )
    log.end()
    expect(facts).toEqual([
      {
        container: 'mpegts',
        start: 1.4,
        tracks: [
          { stream: 1, isDefault: false, about: 'aac, 48000 Hz, stereo, fltp' },
          { stream: 2, language: 'deu', isDefault: true, about: 'ac3, 48000 Hz, 5.1, fltp' },
        ],
      },
    ])
    expect(log.tail).toBe('')
  })

  it('says at the end that nothing was said', () => {
    const onInput = vi.fn<(input: InputFacts) => void>()
    new FfmpegLog(() => {}, onInput).end()
    expect(onInput.mock.calls).toEqual([[{ container: '', start: 0, tracks: [] }]])
  })
})

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

  it('takes silence that a phone has not sent for no damage', () => {
    const end = { code: 69, signal: null }
    const track = { stream: 0, isDefault: true, about: 'amr_nb (amrnb), 8000 Hz, mono, flt' }
    expect(explainEnd({ ...failed, end, track, produced: true })).toBeUndefined()
    expect(explainEnd({ ...failed, end, track, produced: false })).toBeDefined()
    const mp3 = { ...track, about: 'mp3, 44100 Hz, stereo, fltp' }
    expect(explainEnd({ ...failed, end, track: mp3, produced: true })).toMatchObject({ code: 'FFMPEG_FAILED' })
  })

  it.each([
    ["[fatal] Stream map '0:a:0' matches no streams.", 'NO_AUDIO', 'talk.mp4 has no audio track'],
    // FFmpeg 7 leaves the name out.
    ["[fatal] Stream map '' matches no streams.", 'NO_AUDIO', 'talk.mp4 has no audio track'],
    ["[wav] [error] no 'data' tag found\n[error] file:a: Invalid data found when", 'NO_AUDIO', 'without audio'],
    ["[concat] [error] Format not on whitelist 'wav'\n[error] Invalid argument", 'INPUT_NOT_MEDIA', 'playlist'],
    ['[mov] [error] moov atom not found\n[error] Invalid data found when', 'INPUT_NOT_MEDIA', 'index'],
    [
      '[cache] [error] write in cache failed\n[mov] [error] moov atom not found\n[error] cache:pipe:0: Invalid data found when',
      'INPUT_UNREADABLE',
      'room',
    ],
    [
      '[cache] [error] Failed to create tempfile\n[error] cache:pipe:0: No space left on device',
      'INPUT_UNREADABLE',
      'room',
    ],
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

  it.each([
    ['[error] file:/a.wav: Input/output error', 'wav', 'Input/output error'],
    ['[error] file:/a.mka: Stale file handle\n[warning] more', 'matroska,webm', 'Stale file handle'],
    ['[in#0/wav] [error] Error during demuxing: Input/output error', 'wav', 'Input/output error'],
    ['[error] file:/a.aac: Transport endpoint is not connected', 'aac', 'Transport endpoint is not connected'],
    // So FFmpeg calls what is cut.
    ['[error] file:/a.aac: Input/output error', 'aac', undefined],
    ['[error] file:/a.wav: Invalid data found when processing input', 'wav', undefined],
    ['[error] pipe:0: Input/output error', 'wav', undefined],
    ['[error] file:/a.wav: Input/output error', undefined, undefined],
  ])('takes what the system says of reading for a failure: %s (%s)', (stderr, fileKind, words) => {
    const error = explainEnd({ ...failed, end: { code: 0, signal: null }, produced: true, stderr, fileKind })
    expect(error?.code).toBe(words && 'FFMPEG_FAILED')
    expect(error?.retryable).toBe(words && true)
    expect(error?.message ?? '').toContain(words === undefined ? '' : `(${words})`)
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
