import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AudioFormat, maxChannels, sampleEncodings, sampleRateRange } from '../../src/audio/format.ts'
import { maxWavHeaderBytes } from '../../src/audio/wav-layout.ts'
import { parseWavHeader, type WavHeader, writeWavHeader } from '../../src/audio/wav.ts'
import { DiarizeStreamError } from '../../src/errors.ts'
import { chunk } from './signals.ts'
import { runs } from '../helpers/runs.ts'

const mono16: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }

interface FormatFields {
  tag?: number
  channels?: number
  rate?: number
  block?: number
  bits?: number
  extra?: Buffer
}

function fmt({
  tag = 1,
  channels = 1,
  rate = 16_000,
  bits = 16,
  block,
  extra = Buffer.alloc(0),
}: FormatFields = {}): Buffer {
  const fields = Buffer.alloc(16)
  fields.writeUInt16LE(tag, 0)
  fields.writeUInt16LE(channels, 2)
  fields.writeUInt32LE(rate, 4)
  fields.writeUInt16LE(block ?? (channels * bits) / 8, 12)
  fields.writeUInt16LE(bits, 14)
  return chunk('fmt ', Buffer.concat([fields, extra]))
}

function riff(chunks: Buffer[], outer = 'RIFF', riffBytes = 0xffff_ffff): Buffer {
  return Buffer.concat([chunk(outer, Buffer.alloc(0), riffBytes), Buffer.from('WAVE'), ...chunks])
}

function data(size: number): Buffer {
  return chunk('data', Buffer.alloc(0), size)
}

function headerOf(bytes: Buffer): WavHeader {
  const probe = parseWavHeader(bytes)
  if (probe.kind !== 'wav') throw new Error(`expected a WAV header, got ${probe.kind}`)
  return probe.header
}

/** What a parse came to: its answer, or the code of the error; any other error is thrown on. */
function outcome(bytes: Buffer): string {
  try {
    return parseWavHeader(bytes).kind
  } catch (error) {
    if (error instanceof DiarizeStreamError) return error.code
    throw error
  }
}

const anyFormat: fc.Arbitrary<AudioFormat> = fc.record({
  sampleRate: fc.integer(sampleRateRange),
  channels: fc.integer({ min: 1, max: maxChannels }),
  encoding: fc.constantFrom(...sampleEncodings),
})

describe('writeWavHeader', () => {
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(
        anyFormat,
        fc.option(fc.integer({ min: 1, max: 2_000_000_000 }), { nil: undefined }),
        (format, bytes) => {
          const header = writeWavHeader(format, bytes)
          expect(headerOf(header)).toEqual({
            format,
            dataOffset: header.length,
            ...(bytes !== undefined && { dataBytes: bytes, fileBytes: header.length + bytes + (bytes % 2) }),
          })
        },
      ),
    )
  })

  it('writes the classic 44 bytes for PCM16, with unknown lengths as FFmpeg does', () => {
    expect(writeWavHeader(mono16).toString('hex')).toBe(
      '52494646ffffffff57415645666d74201000000001000100803e0000007d00000200100064617461ffffffff',
    )
    expect(writeWavHeader(mono16, 1000).readUInt32LE(4)).toBe(1036)
  })

  it('counts the padding of an odd length into the whole, not into the data', () => {
    const header = writeWavHeader({ ...mono16, encoding: 'u8' }, 7)
    expect([header.readUInt32LE(4), header.readUInt32LE(40)]).toEqual([44, 7])
  })

  it('leaves a length open that 32 bits cannot hold', () => {
    expect(headerOf(writeWavHeader(mono16, 5_000_000_000)).dataBytes).toBeUndefined()
  })
})

describe('parseWavHeader', () => {
  it('asks for more until the header is complete, at every length', () => {
    fc.assert(
      fc.property(anyFormat, (format) => {
        const header = writeWavHeader(format, 100)
        for (let length = 0; length < header.length; length++) {
          expect(parseWavHeader(header.subarray(0, length))).toEqual({ kind: 'more' })
        }
      }),
      { numRuns: 20 },
    )
  })

  it('passes over other chunks, with their padding', () => {
    const bytes = riff([
      chunk('JUNK', Buffer.alloc(28)),
      chunk('LIST', Buffer.alloc(33, 65)),
      fmt(),
      chunk('fact', Buffer.alloc(4)),
      data(64),
    ])
    expect(headerOf(bytes)).toEqual({ format: mono16, dataOffset: bytes.length, dataBytes: 64 })
  })

  it.each([0xffff_ffff, 0xffff_ffdb, 0x7fff_ffff, 0x7fff_f000, 0x8000_0000])(
    'takes data size %i for unknown',
    (size) => {
      expect(headerOf(riff([fmt(), data(size)])).dataBytes).toBeUndefined()
    },
  )

  it('takes data size 0 for unknown where the outer size is, too', () => {
    expect(headerOf(riff([fmt(), data(0)], 'RIFF', 0)).dataBytes).toBeUndefined()
    expect(headerOf(riff([fmt(), data(0)], 'RIFF', 36)).dataBytes).toBe(0)
    expect(headerOf(riff([fmt(), data(0)], 'RIFF', 36 + 20)).dataBytes).toBe(0)
  })

  it('reads the long size of RF64', () => {
    const sizes = Buffer.alloc(28)
    sizes.writeBigUInt64LE(6_000_000_100n, 0)
    sizes.writeBigUInt64LE(6_000_000_000n, 8)
    for (const outer of ['RF64', 'BW64']) {
      const long = riff([chunk('ds64', sizes), fmt(), data(0xffff_ffff)], outer)
      expect(headerOf(long).dataBytes).toBe(6_000_000_000)
    }
    expect(
      headerOf(riff([chunk('ds64', Buffer.alloc(28)), fmt(), data(0xffff_ffff)], 'RF64')).dataBytes,
    ).toBeUndefined()
    expect(headerOf(riff([chunk('ds64', sizes), fmt(), data(500)], 'RF64')).dataBytes).toBe(500)
  })

  it.each([
    ['samples', Buffer.alloc(64, 3)],
    ['an AVI file', Buffer.from('RIFF\0\0\0\0AVI LIST')],
    ['a big-endian WAV file', Buffer.from('RIFX\0\0\0\0WAVEfmt ')],
    ['a single other byte', Buffer.from('X')],
  ])('says that %s are no WAV', (_, bytes) => {
    expect(parseWavHeader(bytes)).toEqual({ kind: 'other' })
  })

  const foreignSubformat = Buffer.alloc(24, 7)
  it.each([
    ['ADPCM', riff([fmt({ tag: 2, bits: 4, block: 256 }), data(9)]), /says ADPCM of 4 bits.*decode\(\)/],
    ['A-law', riff([fmt({ tag: 6, bits: 8 }), data(9)]), /A-law/],
    ['64-bit float', riff([fmt({ tag: 3, bits: 64 }), data(9)]), /float of 64 bits/],
    ['12-bit PCM', riff([fmt({ bits: 12, block: 2 }), data(9)]), /PCM of 12 bits/],
    ['24 bits in 32', riff([fmt({ bits: 24, block: 4 }), data(9)]), /4 bytes for 1 samples of 24 bits/],
    ['an unknown sub-format', riff([fmt({ tag: 0xfffe, extra: foreignSubformat }), data(9)]), /format 65534/],
    ['no channel', riff([fmt({ channels: 0 }), data(9)]), /0 channels; 1 to 8/],
    ['9 channels', riff([fmt({ channels: 9 }), data(9)]), /9 channels/],
    ['a rate of 0', riff([fmt({ rate: 0 }), data(9)]), /0 Hz; 1000 to 768000/],
    ['a rate of 1 MHz', riff([fmt({ rate: 1_000_000 }), data(9)]), /1000000 Hz/],
    ['a short format chunk', riff([chunk('fmt ', Buffer.alloc(14)), data(9)]), /too short/],
    ['data before the format', riff([data(9)]), /does not say/],
    ['a chunk without end', riff([chunk('LIST', Buffer.alloc(0), 0xffff_ffff)]), /longer than 1048576/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseWavHeader(bytes)).toThrow(message)
    expect(() => parseWavHeader(bytes)).toThrow(
      expect.objectContaining({ name: 'InputError', code: 'UNSUPPORTED_AUDIO' }),
    )
  })

  it('reads a header just within its bound and refuses one of many chunks beyond it', () => {
    const filler = chunk('LIST', Buffer.alloc(maxWavHeaderBytes - 12 - 8 - 24 - 8))
    expect(headerOf(riff([filler, fmt(), data(2)])).dataOffset).toBe(maxWavHeaderBytes)
    expect(() => parseWavHeader(riff([filler, chunk('pad ', Buffer.alloc(40)), fmt(), data(2)]))).toThrow(/longer than/)
  })

  it('answers or fails in a known way for damaged headers, cut anywhere', () => {
    const base = riff([
      chunk('LIST', Buffer.from('INFOISFT')),
      fmt({ channels: 2 }),
      chunk('ds64', Buffer.alloc(28)),
      data(64),
      Buffer.alloc(64),
    ])
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: base.length }),
        fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 6 }),
        (length, changes) => {
          const bytes = Buffer.from(base)
          for (const [at, value] of changes) bytes[at] = value
          expect(['more', 'other', 'wav', 'UNSUPPORTED_AUDIO']).toContain(outcome(bytes.subarray(0, length)))
        },
      ),
      { numRuns: runs(2000) },
    )
  })
})
