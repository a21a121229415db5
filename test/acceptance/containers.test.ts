import { readFile, writeFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { fileSource, type Warning } from 'diarize-stream'
import { beforeAll, describe, expect, it } from 'vitest'
import { ffmpeg } from '../helpers/media.ts'
import { onsets, tones } from '../helpers/onsets.ts'
import { some } from '../helpers/runs.ts'
import { containers, describeSound, heardIn, make, mediaFolder, right } from './containers.ts'

describeSound('usual')

const { at } = mediaFolder()

describe('a change in the middle moves nothing', () => {
  const joined = async (name: string, parts: string[]): Promise<string> => {
    const file = at(name)
    await writeFile(file, Buffer.concat(await Promise.all(parts.map((part) => readFile(part)))))
    return file
  }
  const part = async (name: string, ...how: string[]): Promise<string> => {
    const file = at(name)
    await ffmpeg('-y', ...tones(2, [1]), ...how, file)
    return file
  }

  describe('from stereo to 5.1 and back', () => {
    let all: string
    beforeAll(async () => {
      const stereo = await part('stereo.ac3', '-ac', '2')
      const surround = await part('surround.ac3', '-ac', '6')
      all = await joined('all.ac3', [stereo, surround, stereo])
    })

    it.each(some(['ac3', 'ts', 'mkv', 'mp4', 'vob'], 3))('%s', async (ending) => {
      const file = at(`channels.${ending}`)
      await ffmpeg('-y', '-i', all, '-c', 'copy', file)
      expect(await heardIn(file, [1000, 3000, 5000])).toEqual(right(3))
    })
  })

  it.each([
    ['mp3', 'from mono to stereo', ['-ac', '1', '-ar', '44100'], ['-ac', '2', '-ar', '44100']],
    ['mp3', 'of the sample rate', ['-ar', '44100'], ['-ar', '48000']],
    ['aac', 'of the sample rate', ['-ar', '44100'], ['-ar', '48000']],
  ] as const)('%s, %s', async (ending, what, one, other) => {
    const first = await part(`one ${what}.${ending}`, ...one)
    const second = await part(`other ${what}.${ending}`, ...other)
    // The first is 2.04 s long, by what its codec makes of 2 s.
    const file = await joined(`both ${what}.${ending}`, [first, second])
    expect(await heardIn(file, [1000, 3030])).toEqual(right(2))
  })

  it('of the sample rate of mp2 that begins long after the picture', async () => {
    const parts = [await part('first.mp2', '-ar', '48000'), await part('second.mp2', '-ar', '44100')]
    const [file, sound] = [at('late.ts'), await joined('late.mp2', parts)]
    const picture = ['-f', 'lavfi', '-i', 'testsrc=size=64x48:rate=25:duration=46']
    await ffmpeg('-y', ...picture, '-itsoffset', '40', '-i', sound, '-c:v', 'libx264', '-bf', '0', '-c:a', 'copy', file)
    expect(await heardIn(file, [41_000, 43_020])).toEqual(right(2))
  })

  it.each(['ts', 'vob', 'mkv', 'mp4', 'asf'])('of the sample rate of mp2, twice: %s', async (ending) => {
    const high = await part('high.mp2', '-ar', '48000')
    const low = await part('low.mp2', '-ar', '44100')
    for (const [name, parts] of Object.entries({ 'low first': [low, high, low], 'high first': [high, low, high] })) {
      const file = at(`${name}.${ending}`)
      await ffmpeg('-y', '-i', await joined(`${name}.mp2`, parts), '-c', 'copy', file)
      expect(await heardIn(file, [1000, 3020, 5040])).toEqual(right(3))
    }
  })

  it.each(['mp3', 'aac', 'ac3'])('from mono to stereo of which one channel is inverted: %s', async (ending) => {
    const mono = await part(`mono.${ending}`, '-ac', '1')
    const inverted = await part(`inverted.${ending}`, '-af', 'pan=stereo|c0=c0|c1=-1*c0', '-ac', '2')
    const file = await joined(`inverted later.${ending}`, [mono, inverted])
    expect(await heardIn(file, [1000, 3030])).toEqual(right(2))
  })

  it('adts with tags between, from mono to stereo', async () => {
    const [mono, stereo] = [await part('mono tagged.aac', '-ac', '1'), await part('stereo tagged.aac', '-ac', '2')]
    const tag = at('tag')
    await writeFile(tag, Buffer.from(`ID3\x04\0\0\0\0\0\x3f${'\0'.repeat(63)}`, 'latin1'))
    expect(await heardIn(await joined('tagged.aac', [tag, mono, tag, stereo]), [1000, 3030])).toEqual(right(2))
  })

  it.each([
    ['of one kind', ['-ac', '1'], ['-ac', '1']],
    ['of other rate, channels and bits', ['-ac', '1', '-ar', '44100'], ['-ac', '2', '-c:a', 'pcm_s24le']],
    ['of 8 bits, then of 16', ['-c:a', 'pcm_mulaw', '-ar', '8000'], ['-ac', '2']],
    ['of ADPCM', ['-c:a', 'adpcm_ms'], ['-c:a', 'adpcm_ms']],
  ])('wav files that were joined, %s: all are heard, and it is said', async (what, one, other) => {
    const [first, second] = [await part(`one ${what}.wav`, ...one), await part(`other ${what}.wav`, ...other)]
    const file = await joined(`both ${what}.wav`, [first, second, first])
    expect(await heardIn(file, [1000, 3030, 5030])).toEqual(
      right(3).map((way) => ({ ...way, warnings: ['WAV_JOINED'] })),
    )
    expect(fileSource(file).duration).toBeGreaterThan(5990)
  })

  it.each([
    ['of the same format', []],
    ['of another', ['-ac', '2', '-ar', '44100']],
  ])('a wav that was cut short, and another behind it, %s: both are heard, and it is said', async (what, other) => {
    const first = await part(`cut short ${what}.wav`)
    const bytes = await readFile(first)
    await writeFile(first, bytes.subarray(0, bytes.length - 48_000))
    const second = await part(`behind ${what}.wav`, ...other)
    const heard = await heardIn(await joined(`cut and joined ${what}.wav`, [first, second]), [1000, 2500])
    expect(heard).toEqual(right(2).map((way) => ({ ...way, warnings: ['WAV_JOINED'] })))
  })

  const kinds: [ending: string, codec: string[]][] = [
    ['ogg', ['-c:a', 'libvorbis']],
    ['opus', ['-c:a', 'libopus']],
    ['m4a', ['-c:a', 'aac']],
    ['mp4', ['-c:a', 'aac', '-movflags', '+frag_keyframe+empty_moov+default_base_moof']],
    ['mkv', ['-c:a', 'aac']],
    ['webm', ['-c:a', 'libopus', '-live', '1']],
    ['flv', ['-c:a', 'aac']],
    ['flac', ['-c:a', 'flac']],
    ['avi', ['-c:a', 'libmp3lame']],
    ['asf', ['-c:a', 'wmav2']],
    ['aiff', []],
    ['caf', []],
    ['au', []],
    ['w64', []],
    ['tta', []],
  ]
  describe.each(some(kinds, 5))('%s files that were joined', (ending, codec) => {
    it('are all heard, and it is said where that is unusual', async () => {
      const first = await part(`joined mono.${ending}`, ...codec, '-ac', '1')
      const second = await part(
        `joined stereo.${ending}`,
        ...codec,
        '-ac',
        '2',
        '-ar',
        ending === 'flv' ? '22050' : '24000',
      )
      const file = await joined(`joined all.${ending}`, [first, second, first])
      const heard = await heardIn(file, [1020, 3050, 5100])
      const warnings = ['ogg', 'opus'].includes(ending) ? [] : ['INPUT_JOINED']
      expect(heard).toEqual(right(3).map((way) => ({ ...way, off: expect.any(Array) as unknown, warnings })))
      // Each part is as long as its codec makes it.
      expect(Math.max(...heard.flatMap(({ off }) => off.map(Math.abs)), 0)).toBeLessThan(130)
    })
  })

  it.each(['wav', 'mp3', 'aac', 'flac', 'ogg'])(
    '%s behind an mp4 and before another is heard, and it is said',
    async (ending) => {
      const [first, other] = [await part('around another.mp4', '-c:a', 'aac'), await part(`between mp4.${ending}`)]
      const heard = await heardIn(await joined(`between mp4s.${ending}`, [first, other, first]), [1020, 3050, 5100])
      const told = right(3).map((way) => ({ ...way, off: expect.any(Array) as unknown, warnings: ['INPUT_JOINED'] }))
      expect(heard).toEqual(told)
      expect(Math.max(...heard.flatMap(({ off }) => off.map(Math.abs)), 0)).toBeLessThan(130)
    },
  )

  it('a file without sound that was joined is said not to be heard', async () => {
    const first = await part('with sound.mp4', '-c:a', 'aac')
    const mute = at('mute.mp4')
    await ffmpeg('-y', '-f', 'lavfi', '-i', 'testsrc=d=1:s=64x48:r=5', '-c:v', 'mpeg4', mute)
    for (const [name, parts, tone] of [
      ['first', [mute, first], 1000],
      ['last', [first, mute], 1000],
      ['between', [first, mute, first], 1000],
    ] as const) {
      const heard = await heardIn(await joined(`mute ${name}.mp4`, [...parts]), [tone, 3005])
      const warnings = name === 'between' ? ['INPUT_JOINED', 'INPUT_JOINED'] : ['INPUT_JOINED']
      expect(heard).toEqual(right(parts.length === 3 ? 2 : 1).map((way) => ({ ...way, warnings })))
    }
  })

  it('what only looks like many files costs no more than a few processes', async () => {
    const first = await part('before fakes.flac')
    const fakes = at('fakes')
    await writeFile(fakes, Buffer.from('fLaC\0\0\0\x22'.repeat(1000), 'latin1'))
    const file = await joined('fakes.flac', [first, fakes])
    const source = fileSource(file)
    let unheard = 0
    source.on('warning', ({ code }) => (unheard += code === 'INPUT_JOINED' ? 1 : 0))
    const read = async (): Promise<void> => {
      for await (const _ of source);
    }
    await expect(read()).rejects.toMatchObject({ code: 'INPUT_NOT_MEDIA' })
    expect(unheard).toBe(20)
  })

  it.each(some(['ts', 'm2ts', 'ps', 'mpeg-1', 'audio in ts'], 3))('recordings that were joined: %s', async (name) => {
    const one = await make(at(`part ${name}`), containers[name]!, 2, tones(2, [1]))
    const file = await joined(`joined ${name}.${containers[name]!.ending}`, [one, one, one])
    // Sound alone goes on right behind itself: 1.99 to 2.03 s, what the codec makes of 2 s.
    const each = containers[name]!.picture === undefined ? 2025 : 2000
    expect(await heardIn(file, [1000, 1000 + each, 1000 + 2 * each])).toEqual(right(3))
  })

  it.each(['ts', 'm2ts', 'ps'])('recordings that were joined, from the middle of a packet on: %s', async (name) => {
    const container = { ...containers[name]!, sound: ['-c:a', 'ac3'] }
    const one = await make(at(`first ${name}`), container, 2, tones(2, [1]))
    const ahead = { ...container, more: ['-output_ts_offset', '3600'] }
    const other = await make(at(`hour later ${name}`), ahead, 2, tones(2, [1]))
    const file = await joined(`from the middle ${name}.${container.ending}`, [one, other])
    await writeFile(file, (await readFile(file)).subarray(101))
    expect(await heardIn(file, [1000, 3000])).toEqual(right(2))
  })

  describe('recordings whose tracks have other numbers, joined', () => {
    const numbers = (picture: number, sound: number): string[] => [
      '-streamid',
      `0:${picture}`,
      '-streamid',
      `1:${sound}`,
    ]
    const ahead = (seconds: number): string[] => ['-output_ts_offset', String(seconds)]
    const changes: [what: string, streams: string[], codec: string[]][] = [
      ['other numbers', numbers(0x200, 0x201), []],
      ['another table, too', [...numbers(0x200, 0x201), '-mpegts_pmt_start_pid', '0x1100'], []],
      ['each that of the other', numbers(0x101, 0x100), []],
      ['and another codec', numbers(0x300, 0x301), ['-c:a', 'aac']],
      ['the same, but another codec', [], ['-c:a', 'ac3']],
      [
        'other numbers, a clock far ahead and another codec',
        [...numbers(0x300, 0x301), ...ahead(5000)],
        ['-c:a', 'ac3'],
      ],
    ]
    it.each(some(changes, 3))('%s: the sound is one track', async (what, streams, codec) => {
      const ts = { ...containers['ts']!, sound: ['-c:a', 'mp2'] }
      const one = await make(at(`one of ${what}`), ts, 2, tones(2, [1]))
      const changed = { ...ts, more: streams, ...(codec.length > 0 && { sound: codec }) }
      const other = await make(at(`other of ${what}`), changed, 2, tones(2, [1]))
      const file = await joined(`numbers ${what}.ts`, [one, other, one])
      expect(await heardIn(file, [1000, 3010, 5020])).toEqual(right(3))
    })

    it('one that goes on in another codec, and begins a moment later, lies where it was sent', async () => {
      const ts = { ...containers['ts']!, sound: ['-c:a', 'mp2'] }
      const one = await make(at('one of another codec later'), ts, 3, tones(2, [1]))
      const later = { ...ts, sound: ['-c:a', 'ac3'], more: ahead(3) }
      const other = await make(at('another codec later'), later, 3, ['-itsoffset', '1', ...tones(2, [1])])
      const file = await joined('another codec later.ts', [one, other])
      expect(await heardIn(file, [1000, 5000])).toEqual(right(2, 1))
    })
  })

  it.each([
    ['ac3', Buffer.alloc(3000)],
    ['mp3', Buffer.alloc(500, 0xff)],
    ['aac', Buffer.alloc(3000, 0xff)],
    ['flv', Buffer.concat([Buffer.from('TAG'), Buffer.alloc(125, 0x20)])],
    ['wv', Buffer.concat([Buffer.from('TAG'), Buffer.alloc(125, 0x20)])],
  ])('what is behind %s and no sound is no loss', async (ending, filling) => {
    const first = await part(`filled.${ending}`)
    const behind = at('filling')
    await writeFile(behind, filling)
    expect(await heardIn(await joined(`filled up.${ending}`, [first, behind]), [1010])).toEqual(right(1))
  })

  it.each(['flac', 'm4a', 'caf'] as const)('what follows damage in %s lies where it was', async (ending) => {
    const file = at(`damaged.${ending}`)
    // With some noise, so that as much of it is heard in each byte.
    const codec = ending === 'caf' ? ['-c:a', 'alac'] : []
    await ffmpeg('-y', ...tones(8, [1, 3, 4.65, 7], ',aeval=val(0)+0.005*(random(0)-0.5)'), ...codec, file)
    const bytes = await readFile(file)
    const [before, after] = { flac: [], m4a: ['mdat', 'moov'], caf: ['data', 'pakt'] }[ending]
    const from = before === undefined ? 0 : bytes.indexOf(before) + 16
    const to = after === undefined ? bytes.length : bytes.indexOf(after) - 4
    const place = (second: number): number => Math.floor(from + ((to - from) * second) / 8)
    await writeFile(file, bytes.fill(0, place(2.1), place(4.5)))
    const heard = await heardIn(file, [1000, 4650, 7000])
    expect(heard).toEqual(right(3, 1).map((way) => ({ ...way, warnings: expect.any(Array) as unknown })))
  })

  it.each([
    ['tta', 0xff],
    ['wv', 0],
  ])('what follows damage in %s, whose frames are numbered, lies where it was', async (ending, filling) => {
    const file = at(`numbered.${ending}`)
    await ffmpeg('-y', ...tones(8, [1, 3, 7], ',aeval=val(0)+0.005*(random(0)-0.5)'), file)
    const bytes = await readFile(file)
    await writeFile(file, bytes.fill(filling, Math.floor(bytes.length * 0.3), Math.floor(bytes.length * 0.5)))
    for (const piped of [false, true]) {
      const { found, warnings, gaps } = await onsets(file, piped)
      expect(Math.abs(found.at(-1)! - 7000)).toBeLessThan(50)
      expect(warnings).toContain('FFMPEG_WARNING')
      expect(gaps.length).toBeGreaterThan(0)
    }
  })

  it.each([
    ['mp3', ['-b:a', '64k', '-write_xing', '0']],
    ['mp2', []],
  ])('what follows an erased stretch of %s, which has no clock, lies where it was', async (ending, how) => {
    const file = at(`no clock.${ending}`)
    await ffmpeg('-y', ...tones(6, [1, 5]), ...how, file)
    const bytes = await readFile(file)
    await writeFile(file, bytes.fill(0, Math.floor(bytes.length * 0.4), Math.floor(bytes.length * 0.7)))
    const one = { tones: 2, off: [], warnings: ['FFMPEG_WARNING'], gaps: [expect.any(Array)] }
    expect(await heardIn(file, [1000, 5000])).toEqual([one, one])
  })

  it.each([1.5, 8])(
    'what follows %f s of silence that a phone has not sent in an amr lies where it was said',
    async (s) => {
      const [speech, silence] = [50, s * 50].map((count) => Array.from({ length: count }, (_, frame) => frame))
      const noise = speech!.map((frame) =>
        Buffer.from([0x3c, ...speech!.slice(0, 31).map((at) => (frame + 7) * at ** 3)]),
      )
      // Every eighth frame says what the silence is like, and the others nothing. FFmpeg decodes neither.
      const nothing = silence!.map((frame) => Buffer.from(frame % 8 === 0 ? [0x44, 0, 0, 0, 0, 0] : [0x7c]))
      const file = at('phone.amr')
      await writeFile(file, Buffer.concat([Buffer.from('#!AMR\n'), ...noise, ...nothing, ...noise]))
      const heard = await heardIn(file, [50, 1050 + 1000 * s])
      expect(heard).toEqual(right(2, 1).map((way) => ({ ...way, warnings: heard[0]!.warnings })))
    },
  )

  it('what an avi has in its middle that is no packet is told', async () => {
    const file = await make(at('damaged'), containers['avi']!, 6, tones(6, [1]))
    const bytes = await readFile(file)
    await writeFile(file, bytes.fill(0x5a, Math.floor(bytes.length * 0.4), Math.floor(bytes.length * 0.7)))
    const heard = await heardIn(file, [1000])
    expect(heard.map(({ warnings }) => warnings)).toEqual([['FFMPEG_WARNING'], ['FFMPEG_WARNING']])
  })

  it.each([
    ['erased', 0],
    ['overwritten', 0x91],
  ])('an mp4 in fragments of which one is %s lacks no more than that', async (_, filling) => {
    const file = at('fragments.mp4')
    await ffmpeg('-y', ...tones(6, [1, 3.5, 5]), '-movflags', '+empty_moov', '-frag_duration', '1000000', file)
    const bytes = await readFile(file)
    const fragments: number[] = []
    for (let at = bytes.indexOf('moof'); at >= 0; at = bytes.indexOf('moof', at + 1)) fragments.push(at - 4)
    await writeFile(file, bytes.fill(filling, fragments[3], fragments[3]! + 100))
    const one = { tones: 2, off: [], warnings: ['FFMPEG_WARNING'], gaps: [expect.any(Array)] }
    expect(await heardIn(file, [1000, 5000])).toEqual([one, one])
  })

  it('an avi whose index is wrong is heard to its end', async () => {
    const file = await make(at('wrong index'), containers['avi']!, 3, tones(3, [1, 2]))
    const bytes = await readFile(file)
    const index = bytes.lastIndexOf('idx1')
    // The length of each packet of sound, in one bit.
    for (let entry = index + 8; entry < bytes.length; entry += 16) {
      if (bytes.toString('latin1', entry, entry + 4) === '01wb') bytes[entry + 14]! ^= 4
    }
    await writeFile(file, bytes)
    expect(await heardIn(file, [1000, 2000])).toEqual(right(2))
  })

  it('an ogg that is cut within a page is said to lack what was in it', async () => {
    const file = await part('cut.opus', '-c:a', 'libopus')
    const bytes = await readFile(file)
    await writeFile(file, bytes.subarray(0, bytes.lastIndexOf('OggS') - 100))
    const source = fileSource(file)
    const warnings: Warning[] = []
    source.on('warning', (warning) => warnings.push(warning))
    const wav = await buffer(source)
    expect(warnings).toMatchObject([{ code: 'INPUT_TRUNCATED', missing: 100 }])
    const heard = (wav.length - 44) / 96
    expect(Math.abs(heard + Number(warnings[0]!['missingMs']) - 2000)).toBeLessThan(30)
  })

  it('a recording of TV that is cut within a packet of the picture lacks nothing that is heard', async () => {
    const ts = { ...containers['ts']!, sound: ['-c:a', 'mp2'] }
    const file = await make(at('cut film'), ts, 2, tones(2, [1]), ['-itsoffset', '1'])
    const bytes = await readFile(file)
    const packets = Array.from({ length: bytes.length / 188 }, (_, index) => 188 * index)
    const isPicture = (packet: number): boolean => (bytes.readUInt16BE(packet + 1) & 0x1fff) === 0x100
    await writeFile(file, bytes.subarray(0, packets.findLast(isPicture)! + 100))
    expect(await heardIn(file, [1000])).toEqual(right(1))
  })

  it('a multiplex of two programmes, each with a clock of its own', async () => {
    const file = at('multiplex.ts')
    const film = ['-f', 'lavfi', '-i', 'testsrc=d=2:s=64x48:r=25']
    const later = ['-itsoffset', '100']
    const inputs = [...later, ...film, ...later, ...tones(2, [1]), ...film, ...tones(2, [1])]
    const maps = ['0:v', '1:a', '2:v', '3:a'].flatMap((one) => ['-map', one])
    const both = ['-program', 'program_num=1:st=0:st=1', '-program', 'program_num=2:st=2:st=3']
    await ffmpeg('-y', ...inputs, ...maps, ...both, '-c:v', 'mpeg2video', '-c:a', 'mp2', file)
    const warnings = ['SEVERAL_AUDIO_TRACKS']
    expect(await heardIn(file, [1000])).toEqual(right(1).map((way) => ({ ...way, warnings })))
  })

  it('a clock that runs out after 26.5 hours', async () => {
    const wrapped = { ...containers['ts']!, more: ['-output_ts_offset', String(2 ** 33 / 90_000 - 3)] }
    const file = await make(at('wrap'), wrapped, 4, tones(4, [1, 3]))
    expect(await heardIn(file, [1000, 3000])).toEqual(right(2))
  })
})
