import fc from 'fast-check'
import { expect, it } from 'vitest'
import { mp3Index, mpegFrame, tagLength } from '../../../src/ffmpeg/bytes/frames.ts'

const frame = (hex: string) => mpegFrame(Buffer.from(hex, 'hex'))

it.each([
  ['MPEG 1 layer 3, 128 kbit/s', 'fffb9000', 417, 1152, 44_100],
  ['the same, padded', 'fffb9200', 418, 1152, 44_100],
  ['MPEG 2 layer 3, 64 kbit/s', 'fff38400', 192, 576, 24_000],
  ['MPEG 2.5 layer 3, 8 kbit/s', 'ffe31800', 72, 576, 8000],
  ['MPEG 1 layer 2, 192 kbit/s', 'fffda400', 576, 1152, 48_000],
  ['MPEG 1 layer 1, 384 kbit/s', 'ffffc400', 384, 384, 48_000],
])('a frame of %s is as long as it says', (_what, hex, bytes, samples, sampleRate) => {
  expect(frame(hex)).toMatchObject({ bytes, samples, sampleRate })
})

it.each([
  ['no sync', 'fe fb 90 00'],
  ['AAC', 'ff f1 50 80'],
  ['a version that is reserved', 'ff eb 90 00'],
  ['a free bit rate', 'ff fb 00 00'],
  ['a bit rate that is forbidden', 'ff fb f0 00'],
  ['a sample rate that is reserved', 'ff fb 9c 00'],
  ['three bytes', 'ff fb 90'],
])('%s is no frame', (_what, hex) => {
  expect(frame(hex.replaceAll(' ', ''))).toBeUndefined()
})

it('tags are as long as they say', () => {
  const ape = Buffer.alloc(32)
  ape.write('APETAGEX', 'latin1')
  ape.writeUInt32LE(500, 12)
  expect(tagLength(ape)).toBe(32)
  ape.writeUInt32LE(0xa000_0000, 20)
  expect(tagLength(ape)).toBe(532)
  expect(tagLength(Buffer.from('ID3\x04\0\0\0\0\x01\x05', 'latin1'))).toBe(143)
  expect(tagLength(Buffer.from('ID3\x04\0\x10\0\0\x01\x05', 'latin1'))).toBe(153)
  expect(tagLength(Buffer.from('TAGtitle'))).toBe(128)
  expect(tagLength(Buffer.from('title'))).toBe(0)
  for (const begun of ['', 'I', 'TA', 'APETAGE', 'ID3\x04', 'APETAGEX12345']) {
    expect(tagLength(Buffer.from(begun, 'latin1'))).toBeUndefined()
  }
})

it('survives any bytes', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('', 'ID3', 'APETAGEX', '\xff\xfb\x90\0'),
      fc.uint8Array({ maxLength: 80 }),
      (start, rest) => {
        const bytes = Buffer.concat([Buffer.from(start, 'latin1'), rest])
        const found = mpegFrame(bytes)
        expect(found === undefined || found.bytes > 0).toBe(true)
        expect(found && mp3Index(bytes, 0, found)?.frames).not.toBe(-1)
        expect(tagLength(bytes) ?? 0).toBeGreaterThanOrEqual(0)
      },
    ),
  )
})
