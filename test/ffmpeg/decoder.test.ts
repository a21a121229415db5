import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { SilenceLimit } from '../../src/audio/silence.ts'
import type { AudioFormat } from '../../src/audio/format.ts'
import { fileInput } from '../../src/ffmpeg/arguments.ts'
import type { FfmpegDecoder } from '../../src/ffmpeg/decoder.ts'
import { requestFormat, startAhead } from '../../src/stage.ts'
import { ffmpeg } from '../helpers/media.ts'
import { childStarted, closed, noChildLeft } from '../helpers/processes.ts'
import { stream, useWorkbench, warningsOf } from './workbench.ts'

const bench = useWorkbench()
const target: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }

describe('success', () => {
  it('is exit code 0 and some audio; data ends before the stream does', async () => {
    const ffmpegPath = await bench.fake('write(1, nut(100_000))')
    const bytes = await buffer(bench.source({ ffmpegPath }))
    expect(bytes).toHaveLength(44 + 200_000)
  })

  it('keeps every byte, however slowly it is read and after FFmpeg is long gone', async () => {
    const ffmpegPath = await bench.fake('write(1, nut(25_000))')
    const slow = bench.source({ ffmpegPath })
    slow.read()
    await childStarted()
    await noChildLeft()
    expect(await buffer(slow)).toHaveLength(44 + 50_000)
  })

  it('holds at most 200 ms of 16 kHz mono', async () => {
    const sizes: number[] = []
    for await (const chunk of bench.source()) sizes.push((chunk as Buffer).length)
    // The first chunk has the WAV header before it.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(44 + 2 * 3200)
  })

  it('passes bytes in and audio out in order', async () => {
    const ffmpegPath = await bench.fake(`
      write(1, nut(0))
      process.stdin.on('data', (chunk) => write(1, frame(chunk)))`)
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
    const through = stream({ ffmpegPath })
    const [bytes] = await Promise.all([buffer(through), pipeline(Readable.from([...slices(sent, 7000)]), through)])
    expect(bytes.subarray(44).equals(sent)).toBe(true)
  })

  it('has what follows missing pages of an Ogg where its clock has it, however short they are', async () => {
    const [whole, file] = ['whole.opus', 'holes.opus'].map((name) => join(bench.directory, name)) as [string, string]
    const sound = "aevalsrc='(0.05+0.5*gte(t,10))*sin(2000*t)':d=12:s=48000"
    await ffmpeg('-f', 'lavfi', '-i', sound, '-c:a', 'libopus', '-page_duration', '20000', whole)
    // Of each second but the last two, 0.4 s are missing, as where somebody on the telephone is silent.
    const kept = oggPages(await readFile(whole)).filter((_, page) => page < 3 || page > 480 || page % 50 < 30)
    await writeFile(file, Buffer.concat(kept))
    const wav = await buffer(bench.source({ input: fileInput(file) }))
    const samples = new Int16Array(wav.buffer, wav.byteOffset + 44, (wav.length - 44) / 2)
    expect(Math.abs(samples.findIndex((sample) => Math.abs(sample) > 8000) / 48 - 10_000)).toBeLessThan(40)
  })

  it('is the same where FFmpeg was started ahead, and its warnings wait for somebody who reads', async () => {
    const ffmpegPath = await bench.fake(`
      write(2, Buffer.from('[error] damaged'))
      write(1, nut(25_000))`)
    const ahead = bench.source({ ffmpegPath })
    void ahead[startAhead](target)
    await childStarted()
    await noChildLeft()
    const warnings = warningsOf(ahead)
    expect(await buffer(ahead)).toHaveLength(44 + 50_000)
    expect(warnings).toMatchObject([{ code: 'FFMPEG_WARNING' }])
  })

  it('is the same out of a file that is all there, for which FFmpeg works in large pieces, also behind a gap', async () => {
    const gap = join(bench.directory, 'gap.mkv')
    const heard = ['-af', "aselect='lt(t,1.111)+gt(t,2.345)'"]
    await ffmpeg('-f', 'lavfi', '-i', 'sine=r=44100:d=4', ...heard, '-ac', '2', '-c:a', 'flac', gap)
    const { mp3, m4a, video, wav } = bench.media
    const decoded = (file: string, whole: boolean, format?: AudioFormat): Promise<Buffer> => {
      const from = stream({ input: fileInput(file, whole) })
      if (format !== undefined) from[requestFormat](format)
      return buffer(from)
    }
    for (const file of [gap, mp3, m4a, video, wav]) {
      for (const format of [target, undefined]) {
        const [whole, growing] = await Promise.all([decoded(file, true, format), decoded(file, false, format)])
        expect(whole.equals(growing)).toBe(true)
      }
    }
    // Silence in the place of the gap.
    expect((await decoded(gap, true, target)).length).toBeGreaterThan(44 + 3.9 * 32_000)
  })
})

describe('several channels as one', () => {
  const tone = '0.5*sin(2*PI*300*t)'
  it.each([
    ['inverted', `${tone}|-${tone}`, [0, 1, 2, 3], true],
    ['nearly inverted', `${tone}|-0.98*${tone}`, [0, 1, 2, 3], true],
    ['inverted from the middle on', `${tone}|if(lt(t,2),1,-1)*${tone}`, [0, 1, 2, 3], true],
    ['inverted for a second', `${tone}|if(between(t,1,2),-1,1)*${tone}`, [0, 1, 2, 3], true],
    ['the same, with a pause', `gt(t,1)*${tone}|gt(t,1)*${tone}`, [1, 2, 3], false],
    ['delayed', `${tone}|0.5*sin(2*PI*300*(t-0.0004))`, [0, 1, 2, 3], false],
    ['in step, of four', `${tone}|${tone}|${tone}|${tone}`, [0, 1, 2, 3], false],
    ['inverted, of four', `${tone}|-${tone}|${tone}|-${tone}`, [0, 1, 2, 3], true],
  ])('are heard where they are %s', async (name, sound, seconds, cancel) => {
    const file = join(bench.directory, `${name}.wav`)
    const layout = sound.split('|').length === 4 ? 'quad' : 'stereo'
    await ffmpeg('-f', 'lavfi', '-i', `aevalsrc='${sound}':s=48000:d=4:c=${layout}`, file)
    const from = stream({ input: fileInput(file, true) })
    const warnings = warningsOf(from)
    expect(from[requestFormat](target)).toBe(true)
    const bytes = (await buffer(from)).subarray(44)
    expect(bytes.length).toBe(4 * 32_000)
    // Not more than three decibels below what one channel has.
    const heard = [0, 1, 2, 3].filter((second) => {
      const samples = Array.from({ length: 16_000 }, (_, at) => bytes.readInt16LE(32_000 * second + 2 * at) / 32_768)
      return Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length) > 0.25
    })
    expect(heard).toEqual(seconds)
    expect(warnings.map(({ code }) => code)).toEqual(cancel ? ['CHANNELS_CANCEL'] : [])
    if (layout === 'quad') return
    // Where FFmpeg mixes them as long as that is right, the same is heard, and told.
    const mixed = stream({ input: fileInput(file, true, true, true) })
    const told = warningsOf(mixed)
    mixed[requestFormat](target)
    const same = (await buffer(mixed)).subarray(44)
    expect(same.length).toBe(bytes.length)
    const off = Array.from(
      { length: bytes.length / 2 },
      (_, at) => bytes.readInt16LE(2 * at) - same.readInt16LE(2 * at),
    )
    expect(off.reduce((most, one) => Math.max(most, Math.abs(one)), 0)).toBeLessThanOrEqual(4)
    expect(told).toEqual(warnings)
  })

  it('tell of a damage once where FFmpeg mixes them at first', async () => {
    const file = join(bench.directory, 'inverted.mp3')
    const sound = `${tone}|if(lt(t,20),1,-1)*${tone}`
    await ffmpeg('-f', 'lavfi', '-i', `aevalsrc='${sound}':s=44100:d=30:c=stereo`, '-b:a', '128k', file)
    const damaged = await readFile(file)
    damaged.fill(0xff, 100_000, 103_000)
    await writeFile(file, damaged)
    const [mixed, mixedHere] = [true, false].map((stereo) => {
      const from = stream({ input: fileInput(file, true, true, stereo) })
      from[requestFormat](target)
      return { from, warnings: warningsOf(from) }
    })
    const [first, second] = await Promise.all([buffer(mixed!.from), buffer(mixedHere!.from)])
    expect(first.length).toBe(second.length)
    expect(mixed!.warnings).toEqual(expect.arrayContaining(mixedHere!.warnings))
    expect(mixed!.warnings).toHaveLength(mixedHere!.warnings.length)
    expect(mixed!.warnings.length).toBeGreaterThan(1)
  })

  it('of which there are none are no audio, also where two were expected', async () => {
    const from = stream({ input: fileInput(bench.media.wav, true, true, true), audioTrack: 3 })
    from[requestFormat](target)
    await expect(buffer(from)).rejects.toMatchObject({ code: 'NO_AUDIO', message: expect.stringContaining('track 3') })
  })

  it.each(['mono', '5.1'])('are heard where they are %s, and two were expected', async (layout) => {
    const file = join(bench.directory, `expected ${layout}.wav`)
    const sound = layout === 'mono' ? tone : `0|0|${tone}|0|0|0`
    await ffmpeg('-f', 'lavfi', '-i', `aevalsrc='${sound}':s=48000:d=2:c=${layout}`, file)
    const [mixed, mixedHere] = [true, false].map(async (stereo) => {
      const from = stream({ input: fileInput(file, true, true, stereo) })
      from[requestFormat](target)
      return buffer(from)
    })
    expect((await mixed!).equals(await mixedHere!)).toBe(true)
  })

  it('are told of once, also where damage makes FFmpeg begin anew', async () => {
    const file = join(bench.directory, 'damaged.m4a')
    const noisy = `${tone}+0.01*(random(0)-0.5)`
    await ffmpeg('-f', 'lavfi', '-i', `aevalsrc='${noisy}|-(${noisy})':s=48000:d=6:c=stereo`, file)
    const bytes = await readFile(file)
    const [from, to] = [bytes.indexOf('mdat') + 4, bytes.indexOf('moov') - 4]
    await writeFile(file, bytes.fill(0, Math.round(from + (to - from) * 0.5), Math.round(from + (to - from) * 0.7)))
    const source = stream({ input: fileInput(file, true, true, true) })
    const warnings = warningsOf(source)
    source[requestFormat](target)
    await buffer(source)
    expect(warnings.map(({ code }) => code).filter((code) => code === 'CHANNELS_CANCEL')).toHaveLength(1)
  })

  it.each([
    ['3.0', '-0.707|-0.707|1'],
    ['5.1', '-0.707|-0.707|1|0|0|0'],
    ['5.1', '-1|-1|1|0|0|0'],
    ['5.1(side)', '0.5|0.5|0|0|-0.707|-0.707'],
    ['7.1', '-0.6|-0.8|1|0.3|0|0|0|0'],
  ])('are heard where of %s some take the others away: %s', async (layout, factors) => {
    const file = join(bench.directory, 'taken away.wav')
    const sound = factors.split('|').map((factor) => `${factor}*${tone}`)
    await ffmpeg('-y', '-f', 'lavfi', '-i', `aevalsrc='${sound.join('|')}':s=48000:d=2:c=${layout}`, file)
    for (const from of [stream({ input: fileInput(file, true) }), stream({})]) {
      const warnings = warningsOf(from)
      from[requestFormat](target)
      if (from.writable) createReadStream(file).pipe(from)
      const bytes = (await buffer(from)).subarray(44)
      const samples = Array.from({ length: 32_000 }, (_, at) => bytes.readInt16LE(2 * at) / 32_768)
      expect(Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length)).toBeGreaterThan(0.05)
      expect(warnings.map(({ code }) => code)).toEqual(['CHANNELS_CANCEL'])
    }
  })

  it.each(['ac3', 'aac', 'aac in ts'])('are heard where some take the others away only later: %s', async (kind) => {
    const codec = kind.slice(0, 3)
    const parts = []
    const later = [`-0.707*${tone}`, `-0.707*${tone}`, tone, '0', '0', '0']
    for (const [sound, layout] of [
      [[tone, tone], 'stereo'],
      [later, '5.1'],
    ] as const) {
      const file = join(bench.directory, `${layout}.${codec}`)
      await ffmpeg('-y', '-f', 'lavfi', '-i', `aevalsrc='${sound.join('|')}':s=48000:d=2:c=${layout}`, file)
      parts.push(await readFile(file))
    }
    const [both, packed] = [join(bench.directory, `both.${codec}`), join(bench.directory, 'both.ts')]
    if (kind.endsWith('ts')) {
      await writeFile(both, Buffer.concat(parts))
      await ffmpeg('-y', '-i', both, '-c', 'copy', packed)
      parts.splice(0, 2, await readFile(packed))
    }
    const from = stream({})
    const warnings = warningsOf(from)
    from[requestFormat](target)
    from.end(Buffer.concat(parts))
    const bytes = (await buffer(from)).subarray(44)
    const levels = [0.5, 2.5].map((second) => {
      const samples = Array.from({ length: 16_000 }, (_, at) => bytes.readInt16LE(32_000 * second + 2 * at) / 32_768)
      return Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length)
    })
    expect(levels[0]).toBeCloseTo(0.354, 1)
    expect(levels[1]).toBeGreaterThan(0.1)
    expect(warnings.map(({ code }) => code)).toEqual(['CHANNELS_CANCEL'])
  })

  it('have the levels that FFmpeg gives them where there are six', async () => {
    for (const [channel, level] of [0.207, 0.207, 0.293, 0, 0.146, 0.146].entries()) {
      const file = join(bench.directory, `surround-${channel}.wav`)
      const sound = Array.from({ length: 6 }, (_, at) => (at === channel ? '0.5' : '0')).join('|')
      await ffmpeg('-f', 'lavfi', '-i', `aevalsrc='${sound}':s=48000:d=1:c=5.1`, file)
      const from = stream({ input: fileInput(file, true) })
      from[requestFormat](target)
      const bytes = await buffer(from)
      expect(bytes.readInt16LE(44 + 16_000) / 16_384).toBeCloseTo(level, 2)
    }
  })

  it.each([3, 6, 10])('are all heard in their mean where nobody says what they are: %i', async (channels) => {
    const [samples, file] = [join(bench.directory, 'samples'), join(bench.directory, `unnamed-${channels}.au`)]
    for (const alone of [2, channels - 1]) {
      const sound = new Int16Array(48_000 * channels).map((_, at) => (at % channels === alone ? 16_384 : 0))
      await writeFile(samples, sound)
      await ffmpeg('-y', '-f', 's16le', '-ar', '48000', '-ac', String(channels), '-i', samples, file)
      for (const given of [fileInput(file, true), undefined]) {
        const from = stream(given === undefined ? {} : { input: given })
        from[requestFormat](target)
        if (given === undefined) from.end(await readFile(file))
        const bytes = await buffer(from)
        expect(bytes.readInt16LE(44 + 16_000) / 16_384).toBeCloseTo(1 / channels, 2)
      }
    }
  })
})

function* slices(bytes: Buffer, length: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

describe('stderr', () => {
  it('does not stop a program that floods it with 30 MB', async () => {
    const ffmpegPath = await bench.fake(`
      const lines = Buffer.from('[info] nothing to see here\\n'.repeat(40_000))
      for (let i = 0; i < 28; i++) write(2, lines)
      write(1, nut(16_000))`)
    const flooded = bench.source({ ffmpegPath })
    const warnings = warningsOf(flooded)
    expect(await buffer(flooded)).toHaveLength(32_044)
    expect(warnings).toEqual([])
  })

  it('becomes warnings where it speaks of trouble, each kind once, before the end', async () => {
    const ffmpegPath = await bench.fake(`
      write(2, Buffer.from('[error] before the audio\\n'))
      write(1, nut(16_000))
      for (let i = 0; i < 5; i++) write(2, Buffer.from('[aac @ 0x7f] [error] bad packet ' + i + '\\n'))`)
    const troubled = bench.source({ ffmpegPath })
    const warnings = warningsOf(troubled)
    await buffer(troubled)
    expect(warnings.map(({ code, line }) => [code, line])).toEqual([
      ['FFMPEG_WARNING', '[error] before the audio'],
      ['FFMPEG_WARNING', '[aac] [error] bad packet 0'],
    ])
    expect(warnings[0]?.message).toContain('the input')
  })

  it('is understood also where the environment asks for colours', async () => {
    const before = process.env['AV_LOG_FORCE_COLOR']
    process.env['AV_LOG_FORCE_COLOR'] = '1'
    try {
      const damaged = bench.source({ input: fileInput(bench.media.damagedMp3) })
      const warnings = warningsOf(damaged)
      await buffer(damaged)
      expect(warnings.length).toBeGreaterThan(0)
      // oxlint-disable-next-line no-control-regex -- the escapes that must not be there
      for (const { message } of warnings) expect(message).not.toMatch(/\u001B/)
    } finally {
      if (before === undefined) delete process.env['AV_LOG_FORCE_COLOR']
      else process.env['AV_LOG_FORCE_COLOR'] = before
    }
  })

  it('is not of converters of this machine, in which static builds crash', async () => {
    const ffmpegPath = await bench.fake(
      'write(2, Buffer.from(`[error] ${process.env.GCONV_PATH}\\n`)); process.exitCode = 1',
    )
    await expect(buffer(bench.source({ ffmpegPath }))).rejects.toMatchObject({ stderr: '[error] /nonexistent' })
  })

  it('is part of the error, not a warning, if there is no audio', async () => {
    const ffmpegPath = await bench.fake("write(2, Buffer.from('[error] no good\\n')); process.exitCode = 1")
    const failing = bench.source({ ffmpegPath })
    const warnings = warningsOf(failing)
    await expect(buffer(failing)).rejects.toThrow('[error] no good')
    expect(warnings).toEqual([])
  })
})

describe('back-pressure', () => {
  it('stops FFmpeg when nobody reads', async () => {
    const written = join(bench.directory, 'written')
    const ffmpegPath = await bench.fake(`
      const bytes = nut(500_000)
      for (let at = 0; at < bytes.length; at += 50_000) {
        write(1, bytes.subarray(at, at + 50_000))
        fs.writeFileSync(${JSON.stringify(written)}, String(at))
      }`)
    const unread = bench.source({ ffmpegPath })
    await once(unread, 'readable')
    const held = unread.readableLength
    expect(held).toBeLessThanOrEqual(2 * 3200)
    // Every buffer between the two is full long before a megabyte.
    unread.destroy()
    await closed(unread)
    expect(Number(await readFile(written, 'utf8').catch(() => '0'))).toBeLessThan(900_000)
  })

  it('stops the writer when FFmpeg reads nothing', async () => {
    const ffmpegPath = await bench.fake('setInterval(() => {}, 1000)')
    const stuck = stream({ ffmpegPath })
    stuck.on('error', () => {})
    let sent = 0
    while (stuck.write(Buffer.alloc(16_384)) && sent < 1000) sent++
    await childStarted()
    expect(sent).toBeLessThan(10)
    stuck.destroy()
    await closed(stuck)
  })

  it('drops what FFmpeg has no use for, which is no error', async () => {
    const ffmpegPath = await bench.fake(`
      fs.readSync(0, Buffer.alloc(10))
      fs.closeSync(0)
      write(1, nut(1000))`)
    const through = stream({ ffmpegPath })
    const sent = Readable.from(slices(Buffer.alloc(3_000_000), 10_000))
    const [bytes] = await Promise.all([buffer(through), pipeline(sent, through)])
    expect(bytes).toHaveLength(2044)
  })
})

describe('format negotiation', () => {
  it('decides what FFmpeg is asked for', async () => {
    const from = stream({ input: fileInput(bench.media.wav) })
    expect(from[requestFormat](target)).toBe(true)
    const bytes = await buffer(from)
    expect(bytes.readUInt16LE(22)).toBe(1)
    expect(bytes.readUInt32LE(24)).toBe(16_000)
    expect(bytes.length).toBe(44 + 2 * 32_000)
  })

  it('is not bound by an object that changes later', async () => {
    const from = stream({ input: fileInput(bench.media.wav) })
    const changing = { ...target }
    from[requestFormat](changing)
    changing.sampleRate = 8000
    expect((await buffer(from)).readUInt32LE(24)).toBe(16_000)
  })

  it('reaches stages that are piped from it in the same turn', async () => {
    const below = new PassThrough()
    const answers: boolean[] = []
    below.on('pipe', (upstream: FfmpegDecoder) => answers.push(upstream[requestFormat](target)))
    const through = stream()
    const [bytes] = await Promise.all([buffer(below), pipeline(createReadStream(bench.media.wav), through, below)])
    expect(answers).toEqual([true])
    expect(bytes.readUInt32LE(24)).toBe(16_000)
  })

  it('refuses what it cannot do, and what contradicts an earlier request', () => {
    const from = bench.source()
    expect(from[requestFormat]({ ...target, encoding: 'f32le' })).toBe(false)
    expect(from[requestFormat](target)).toBe(true)
    expect(from[requestFormat](target)).toBe(true)
    expect(from[requestFormat]({ ...target, channels: 2 })).toBe(false)
    from.destroy()
    expect(from[requestFormat](target)).toBe(false)
  })

  it('is over once FFmpeg runs', async () => {
    const from = stream({ input: fileInput(bench.media.wav) })
    await once(from, 'readable')
    expect(from[requestFormat](target)).toBe(false)
    expect((await buffer(from)).readUInt32LE(24)).toBe(44_100)
  })
})

/** The pages of an Ogg. */
function oggPages(bytes: Buffer): Buffer[] {
  const pages: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const sizes = bytes.subarray(at + 27, at + 27 + bytes[at + 26]!)
    const end = at + 27 + sizes.length + sizes.reduce((sum, size) => sum + size, 0)
    pages.push(bytes.subarray(at, end))
    at = end
  }
  return pages
}

describe('silence where times leap', () => {
  const leaping =
    'write(1, nut(1000)); write(1, frame(Buffer.alloc(2000), LATE * 16000)); write(1, frame(Buffer.alloc(2000), LATE * 16000))'

  it('lets everything else in the process go on, whoever takes it', async () => {
    const ffmpegPath = await bench.fake(leaping.replaceAll('LATE', '36_000'))
    const source = bench.source({ ffmpegPath })
    source.on('data', () => {})
    await once(source, 'gap')
    await new Promise((resolve) => setTimeout(resolve, 1))
    expect(source.readableEnded).toBe(false)
    source.destroy()
    await once(source, 'close')
  })

  it('is bounded for a live input by the time that went by, and that is said once', async () => {
    const ffmpegPath = await bench.fake(leaping.replaceAll('LATE', '36_000'))
    const source = bench.source({ ffmpegPath, limit: new SilenceLimit() })
    const warnings = warningsOf(source)
    expect(await buffer(source)).toHaveLength(44 + 6000)
    expect(warnings).toMatchObject([{ code: 'TIMESTAMP_JUMP', leap: 36_000_000 }])
  })

  it('adds up to no more than that where it comes in many small leaps', async () => {
    const many = Array.from({ length: 200 }, () => 'write(1, frame(Buffer.alloc(640), 1.9 * 16000))').join(';')
    const ffmpegPath = await bench.fake(`write(1, nut(1000)); ${many}`)
    const began = performance.now()
    const { length } = await buffer(bench.source({ ffmpegPath, limit: new SilenceLimit() }))
    const heard = 2000 + 200 * 640
    expect(length).toBeLessThanOrEqual(44 + heard + 32 * (performance.now() - began + 2000))
  })
})
