import { execFileSync } from 'node:child_process'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { findFfmpeg } from '../../src/ffmpeg/find.ts'
import { noise } from '../helpers/media.ts'

/** A broken or hostile input, and what must become of it. */
export interface HostileInput {
  name: string
  bytes: Buffer
  /** Milliseconds of audio that come out, at least and at most; or the code of the one error. */
  outcome: readonly [least: number, most: number] | string
}

/** A WAV header with any fields, and `data`. */
function wav(
  data: Buffer,
  {
    tag = 1,
    channels = 1,
    rate = 16_000,
    bits = 16,
    align = Math.ceil((channels * bits) / 8),
    size = data.length,
    riff = 36 + data.length,
  }: Partial<Record<'tag' | 'channels' | 'rate' | 'bits' | 'align' | 'size' | 'riff', number>> = {},
): Buffer {
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(riff >>> 0, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(tag, 20)
  header.writeUInt16LE(channels, 22)
  header.writeUInt32LE(rate >>> 0, 24)
  header.writeUInt32LE((rate * align) >>> 0, 28)
  header.writeUInt16LE(align & 0xffff, 32)
  header.writeUInt16LE(bits, 34)
  header.write('data', 36)
  header.writeUInt32LE(size >>> 0, 40)
  return Buffer.concat([header, data])
}

/** `count` floats, each `value`. */
function floats(count: number, value: number): Buffer {
  const bytes = Buffer.alloc(count * 4)
  for (let at = 0; at < count; at++) bytes.writeFloatLE(value, at * 4)
  return bytes
}

function made(...args: string[]): Buffer {
  const options = { maxBuffer: 64 * 1024 * 1024 }
  return execFileSync(findFfmpeg(), ['-nostdin', '-v', 'error', '-f', 'lavfi', ...args, 'pipe:1'], options)
}

const text = (...lines: string[]): Buffer => Buffer.from(`${lines.join('\n')}\n`)

/** An ID3 tag that says it is 256 MB long. */
const hugeTag = Buffer.concat([Buffer.from('ID3\x03\x00\x00\x7f\x7f\x7f\x7f', 'latin1'), noise(2000)])

/** MP4 boxes within boxes. */
function nestedBoxes(depth: number): Buffer {
  let box = Buffer.alloc(0)
  for (let at = 0; at < depth; at++) {
    const head = Buffer.alloc(8)
    head.writeUInt32BE(8 + box.length, 0)
    head.write(at % 2 === 0 ? 'moov' : 'trak', 4)
    box = Buffer.concat([head, box])
  }
  return Buffer.concat([Buffer.from('00000018667479706d703432000000006d70343269736f6d', 'hex'), box])
}

const second = Buffer.alloc(32_000, 1)
/** Any error that says what is wrong with the input. */
const ANY = 'INPUT_NOT_MEDIA|NO_AUDIO|FFMPEG_FAILED|INPUT_UNREADABLE'

/** Makes all inputs; takes a few runs of FFmpeg. */
export function hostileInputs(): HostileInput[] {
  const tone = ['-i', 'sine=r=16000:d=2']
  const mp3 = made(...tone, '-f', 'mp3')
  const flac = made(...tone, '-f', 'flac')
  const ogg = made(...tone, '-c:a', 'libopus', '-f', 'ogg')
  const webm = made(...tone, '-c:a', 'libopus', '-f', 'webm')
  const fragmented = made(...tone, '-c:a', 'aac', '-f', 'mp4', '-movflags', 'frag_keyframe+empty_moov')
  const aac = made(...tone, '-c:a', 'aac', '-f', 'adts')
  const picture = made('-i', 'color=s=64x64:r=5:d=1', '-c:v', 'mpeg4', '-f', 'matroska')
  const half = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length / 2)
  const spoiled = (bytes: Buffer): Buffer => {
    const middle = bytes.length >> 1
    return Buffer.concat([bytes.subarray(0, middle), noise(5000), bytes.subarray(middle)])
  }
  return [
    { name: 'empty', bytes: Buffer.alloc(0), outcome: 'NO_AUDIO' },
    { name: 'one byte', bytes: Buffer.from('R'), outcome: ANY },
    { name: 'a letter', bytes: text('Dear Sir or Madam, this is no audio.'), outcome: ANY },
    { name: 'a web page', bytes: text('<!doctype html><html><body>404</body></html>'), outcome: ANY },
    { name: 'JSON', bytes: text('{"error":"no"}'), outcome: ANY },
    { name: 'a script', bytes: text('#!/bin/sh', 'id'), outcome: ANY },
    { name: 'zeros', bytes: Buffer.alloc(100_000), outcome: ANY },
    { name: 'noise', bytes: noise(100_000), outcome: ANY },
    { name: 'a zip bomb', bytes: gzipSync(Buffer.alloc(50_000_000)), outcome: ANY },
    { name: 'deflated zeros', bytes: deflateRawSync(Buffer.alloc(10_000_000)), outcome: ANY },
    { name: 'a compressed WAV', bytes: gzipSync(wav(second)), outcome: ANY },
    { name: 'an ELF', bytes: Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), noise(5000)]), outcome: ANY },
    {
      name: 'a PNG',
      bytes: made('-i', 'color=s=16x16:d=1', '-frames:v', '1', '-c:v', 'png', '-f', 'image2pipe'),
      outcome: ANY,
    },
    { name: 'a film without sound', bytes: picture, outcome: 'NO_AUDIO' },
    { name: 'a WAV header alone', bytes: wav(Buffer.alloc(0)), outcome: 'NO_AUDIO' },
    { name: 'half a WAV header', bytes: wav(second).subarray(0, 20), outcome: ANY },
    { name: 'a WAV of zero channels', bytes: wav(second, { channels: 0 }), outcome: ANY },
    { name: 'a WAV of 65535 channels', bytes: wav(second, { channels: 65_535 }), outcome: ANY },
    { name: 'a WAV of 0 Hz', bytes: wav(second, { rate: 0 }), outcome: ANY },
    { name: 'a WAV of 4 GHz', bytes: wav(second, { rate: 0xffff_ffff }), outcome: ANY },
    { name: 'a WAV of 0 bits', bytes: wav(second, { bits: 0 }), outcome: `${ANY}|0-100000` },
    { name: 'a WAV of 65535 bits', bytes: wav(second, { bits: 65_535 }), outcome: ANY },
    { name: 'a WAV of an unknown codec', bytes: wav(second, { tag: 0x7777 }), outcome: ANY },
    { name: 'a WAV with a wrong block size', bytes: wav(second, { align: 0 }), outcome: [990, 1010] },
    { name: 'a WAV of 384 kHz', bytes: wav(Buffer.alloc(768_000, 1), { rate: 384_000 }), outcome: [990, 1010] },
    { name: 'a WAV of 8 channels', bytes: wav(Buffer.alloc(256_000, 1), { channels: 8 }), outcome: [990, 1010] },
    { name: 'a WAV of NaN', bytes: wav(floats(16_000, Number.NaN), { tag: 3, bits: 32 }), outcome: [990, 1010] },
    { name: 'a WAV of infinity', bytes: wav(floats(16_000, Infinity), { tag: 3, bits: 32 }), outcome: [990, 1010] },
    {
      name: 'a WAV that says 4 GB',
      bytes: wav(second, { size: 0xffff_fff0, riff: 0xffff_fff0 }),
      outcome: [990, 1010],
    },
    { name: 'a WAV that says less', bytes: wav(second, { size: 16_000 }), outcome: [490, 1010] },
    { name: 'a WAV cut within a sample', bytes: wav(second).subarray(0, 44 + 16_001), outcome: [490, 510] },
    { name: 'half an MP3', bytes: half(mp3), outcome: [800, 1300] },
    { name: 'half a FLAC', bytes: half(flac), outcome: [200, 2000] },
    { name: 'half an Ogg', bytes: half(ogg), outcome: [500, 2000] },
    { name: 'half a WebM', bytes: half(webm), outcome: [500, 2000] },
    { name: 'half a fragmented MP4', bytes: half(fragmented), outcome: `${ANY}|0-2100` },
    { name: 'an MP3 with noise in it', bytes: spoiled(mp3), outcome: [1800, 3000] },
    { name: 'an AAC with noise in it', bytes: spoiled(aac), outcome: [1500, 4000] },
    { name: 'an Ogg with noise in it', bytes: spoiled(ogg), outcome: [500, 2500] },
    { name: 'a huge ID3 tag', bytes: hugeTag, outcome: ANY },
    {
      name: 'an MP4 without an index',
      bytes: Buffer.concat([
        Buffer.from('00000018667479706d703432000000006d70343269736f6d', 'hex'),
        Buffer.from('000003e86d646174', 'hex'),
        noise(992),
      ]),
      outcome: ANY,
    },
    { name: 'MP4 boxes 5000 deep', bytes: nestedBoxes(5000), outcome: ANY },
    { name: 'ffconcat', bytes: text('ffconcat version 1.0', "file 'neighbour.wav'"), outcome: ANY },
    { name: 'ffconcat of a system file', bytes: text('ffconcat version 1.0', 'file /etc/passwd'), outcome: ANY },
    {
      name: 'a session description',
      bytes: text('v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=x', 'c=IN IP4 127.0.0.1', 't=0 0', 'm=audio 5004 RTP/AVP 0'),
      outcome: ANY,
    },
    {
      name: 'a playlist of a neighbour',
      bytes: text('#EXTM3U', '#EXT-X-TARGETDURATION:9', '#EXTINF:9,', 'file:///etc/passwd', '#EXT-X-ENDLIST'),
      outcome: `${ANY}|ADDRESS_REFUSED`,
    },
    {
      name: 'a DASH manifest',
      bytes: text(
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>file:///etc/</BaseURL></MPD>',
      ),
      outcome: ANY,
    },
    { name: 'a graph of filters', bytes: text('amovie=/etc/passwd'), outcome: ANY },
    { name: 'subtitles', bytes: text('1', '00:00:00,000 --> 00:00:01,000', 'Hello', ''), outcome: ANY },
  ]
}
