import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  headerOf,
  type RtspMessage,
  type RtspPiece,
  RtspReader,
  RtspTooLarge,
  withoutTalkback,
  writeMessage,
} from '../../../src/sources/rtsp/protocol.ts'
import { runs } from '../../helpers/runs.ts'

/** What a reader makes of bytes that come in pieces. */
function read(...chunks: (Buffer | string)[]): RtspPiece[] {
  const reader = new RtspReader()
  return chunks.flatMap((chunk) => [...reader.push(Buffer.from(chunk as string, 'latin1'))])
}

const frame = (length: number): Buffer =>
  Buffer.concat([Buffer.from([0x24, 1, length >> 8, length & 255]), Buffer.alloc(length, 0x0a)])
const description = 'v=0\r\nm=audio 0 RTP/AVP 0\r\n'
const stream = Buffer.concat([
  Buffer.from('\r\nRTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE,\r\n SETUP\r\n\r\n'),
  frame(0),
  frame(300),
  Buffer.from(`RTSP/1.0 200 OK\nCSeq: 2\nContent-Length: ${description.length}\n\n${description}`),
  Buffer.from('REDIRECT rtsp://a/b RTSP/1.0\r\nCSeq: 3\r\nLocation: rtsp://c\r\n\r\n'),
  frame(7),
])
const whole = read(stream)

describe('RtspReader', () => {
  it('reads messages, with folded lines and bare line ends, and packets between them', () => {
    expect(whole.map((piece) => ('frame' in piece ? piece.frame.length : piece.message.start))).toEqual([
      'RTSP/1.0 200 OK',
      4,
      304,
      'RTSP/1.0 200 OK',
      'REDIRECT rtsp://a/b RTSP/1.0',
      11,
    ])
    const messages = whole.flatMap((piece) => ('message' in piece ? [piece.message] : []))
    expect(headerOf(messages[0]!, 'public')).toBe('DESCRIBE, SETUP')
    expect(messages[1]!.body.toString()).toBe(description)
    expect(headerOf(messages[2]!, 'location')).toBe('rtsp://c')
  })

  it('does so wherever it is cut in two, and byte by byte', () => {
    for (let at = 0; at <= stream.length; at++) {
      expect(read(stream.subarray(0, at), stream.subarray(at))).toEqual(whole)
    }
    expect(read(...Array.from(stream, (byte) => Buffer.from([byte])))).toEqual(whole)
  })

  it('gives back what was written, however it is cut', () => {
    const value = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/)
    const message = fc.record({ value, body: fc.uint8Array({ maxLength: 100 }) }).map(({ value: text, body }) => {
      const bytes = Buffer.from(body)
      return { start: 'RTSP/1.0 200 OK', headers: [['x-a', text] as const], body: bytes } satisfies RtspMessage
    })
    const packet = fc.integer({ min: 0, max: 2000 }).map(frame)
    fc.assert(
      fc.property(
        fc.array(fc.oneof(message, packet)),
        fc.infiniteStream(fc.integer({ min: 1, max: 400 })),
        (list, cuts) => {
          const bytes = Buffer.concat(list.map((item) => (Buffer.isBuffer(item) ? item : writeMessage(item))))
          const chunks: Buffer[] = []
          for (let at = 0; at < bytes.length;) {
            const chunk = bytes.subarray(at, at + cuts.next().value!)
            chunks.push(chunk)
            at += chunk.length
          }
          const found = read(...chunks).map((piece) => ('frame' in piece ? piece.frame : piece.message))
          const length = ({ body }: RtspMessage): unknown[] =>
            body.length === 0 ? [] : [['content-length', String(body.length)]]
          expect(found).toEqual(
            list.map((item) =>
              Buffer.isBuffer(item) ? item : { ...item, headers: [...item.headers, ...length(item)] },
            ),
          )
        },
      ),
      { numRuns: runs(200) },
    )
  })

  it.each([
    ['a line without end', 'a'.repeat(20_000)],
    ['lines without end', 'X-A: aaaa\r\n'.repeat(2000)],
    ['a long body', 'RTSP/1.0 200 OK\r\nContent-Length: 2000000000\r\n\r\n'],
    ['a body of a number beyond all', `RTSP/1.0 200 OK\r\nContent-Length: ${'9'.repeat(400)}\r\n\r\n`],
  ])('refuses %s', (_what, text) => {
    expect(() => read(text)).toThrow(RtspTooLarge)
    expect(() => read(...Array.from(text))).toThrow(RtspTooLarge)
  })

  it.each(['-1', '1e3', '0x10', '', 'x'])('takes a length of %j for none', (length) => {
    expect(read(`RTSP/1.0 200 OK\r\nContent-Length: ${length}\r\n\r\n$`)).toHaveLength(1)
  })
})

describe('writeMessage', () => {
  it('lets nothing begin a line of its own', () => {
    const headers = [
      ['CSeq', '1\r\nLocation: rtsp://b'],
      ['Session', 'a\nb\0c'],
    ] as const
    const text = writeMessage({
      start: 'RTSP/1.0 200 OK\r\n\r\n$',
      headers: [...headers],
      body: Buffer.alloc(0),
    }).toString()
    expect(text).toBe('RTSP/1.0 200 OK $\r\nCSeq: 1 Location: rtsp://b\r\nSession: a b c\r\n\r\n')
  })
})

describe('what a camera has', () => {
  const session = 'v=0\r\ns=x\r\na=control:*\r\n'
  const picture = 'm=video 0 RTP/AVP 97\r\na=recvonly\r\na=control:track0\r\n'
  const heard = 'm=audio 0 RTP/AVP 0\r\na=recvonly\r\na=control:track1\r\n'
  const talkback = 'm=audio 0 RTP/AVP 8\r\na=sendonly\r\na=control:track2\r\n'

  it('is heard without the tracks by which one talks to it, wherever these stand', () => {
    for (const tracks of [
      [picture, heard, talkback],
      [talkback, picture, heard],
      [talkback, heard, picture, talkback],
    ]) {
      const left = tracks.filter((track) => track !== talkback).join('')
      expect(withoutTalkback(session + tracks.join(''))).toBe(session + left)
      expect(withoutTalkback(tracks.join('').replaceAll('\r', ''))).toBe(left.replaceAll('\r', ''))
    }
  })

  it.each([session, session + picture, session + heard + heard, session + picture + talkback, talkback, ''])(
    'is left as it is where nothing else is to be heard, or all is: %j',
    (all) => expect(withoutTalkback(all)).toBe(all),
  )

  it('is left as it is where a camera says of its picture, too, that it is sent', () => {
    const all = session + picture.replace('recvonly', 'sendonly') + talkback + heard
    expect(withoutTalkback(all)).toBe(all)
  })
})
