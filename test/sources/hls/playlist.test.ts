import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DiarizeStreamError } from '../../../src/errors.ts'
import {
  chooseAudio,
  choosePicture,
  isAddressList,
  isMarkup,
  isPlaylist,
  type MediaPlaylist,
  type MultivariantPlaylist,
  parsePlaylist,
} from '../../../src/sources/hls/playlist.ts'
import { runs } from '../../helpers/runs.ts'

const base = new URL('https://example.org/live/main.m3u8?session=1')

function media(...lines: string[]): MediaPlaylist {
  return parsePlaylist(['#EXTM3U', '#EXT-X-TARGETDURATION:6', ...lines].join('\n'), base) as MediaPlaylist
}

describe('isPlaylist', () => {
  it.each(['#EXTM3U\n', '#EXTM3U', '\u{feff}#EXTM3U\r\n', '\n #EXTM3U\n'])('%j', (head) => {
    expect(isPlaylist(Buffer.from(head))).toBe(true)
  })
  it.each(['', '#EXTM3', '#EXTM3U8', 'ID3', 'RIFF....WAVE', '#EXTINF'])('not %j', (head) => {
    expect(isPlaylist(Buffer.from(head))).toBe(false)
  })
})

describe('isAddressList', () => {
  it.each(['http://host/radio\n', '\u{feff}https://host/radio', '[playlist]\nFile1=http://host/radio'])(
    '%j',
    (head) => {
      expect(isAddressList(Buffer.from(head))).toBe(true)
    },
  )
  it.each(['#EXTM3U\nhttp://host/radio', 'ID3', '<http://host>', ''])('not %j', (head) => {
    expect(isAddressList(Buffer.from(head))).toBe(false)
  })
})

describe('isMarkup', () => {
  it.each([
    '<!DOCTYPE html>',
    '\n<html lang="en">',
    '\u{feff}<?xml version="1.0"?>',
    '<MPD xmlns="',
    '<ASX version',
    '<!--',
  ])('%j', (head) => {
    expect(isMarkup(Buffer.from(head))).toBe(true)
  })
  it.each(['<', '<htmlx', '<http://host>', 'ID3', '#EXTM3U\n<html>', ''])('not %j', (head) => {
    expect(isMarkup(Buffer.from(head))).toBe(false)
  })
})

describe('media playlists', () => {
  it('may say more of themselves in their first line', () => {
    const text = '#EXTM3U x-tvg-url="http://host/guide.xml"\n#EXTINF:-1,Station\nhttp://host/radio\n'
    expect(parsePlaylist(text, base)).toMatchObject({ kind: 'stations' })
    expect(() => parsePlaylist('#EXTM3U8\na.ts\n', base)).toThrow(/#EXTM3U/)
  })

  it('keep the numbers of segments where the first ones are left out', () => {
    const skip = '#EXT-X-SKIP:SKIPPED-SEGMENTS=3,RECENTLY-REMOVED-DATERANGES=""'
    const { mediaSequence, segments } = media(
      '#EXT-X-MEDIA-SEQUENCE:41',
      skip,
      '#EXTINF:6,',
      'a.ts',
      '#EXTINF:6,',
      'b.ts',
    )
    expect([mediaSequence, ...segments.map(({ sequence }) => sequence)]).toEqual([44, 44, 45])
  })

  it('are read with numbers, lengths and addresses', () => {
    const { segments, ...rest } = media(
      '#EXT-X-MEDIA-SEQUENCE:41',
      '#EXTINF:5.96,title, with a comma',
      'a.ts',
      '#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z',
      '#EXT-X-DISCONTINUITY',
      '#EXTINF:6',
      '/b.ts?x=1',
      '#EXT-X-ENDLIST',
    )
    expect(rest).toEqual({ kind: 'media', targetDuration: 6000, mediaSequence: 41, ended: true })
    const precision = { unit: 10, isWhole: false }
    expect(segments).toEqual([
      {
        ...precision,
        url: new URL('https://example.org/live/a.ts'),
        sequence: 41,
        duration: 5960,
        discontinuity: false,
        discontinuityNumber: 0,
      },
      {
        ...precision,
        url: new URL('https://example.org/b.ts?x=1'),
        sequence: 42,
        duration: 6000,
        discontinuity: true,
        discontinuityNumber: 1,
      },
    ])
  })

  it.each([
    ['1', '#EXTINF:10,', { duration: 10_000, unit: 1000, isWhole: false }],
    ['3', '#EXTINF:10,', { duration: 10_000, unit: 1000, isWhole: true }],
    ['1', '#EXTINF:10.0,', { duration: 10_000, unit: 100, isWhole: false }],
    ['3', '#EXTINF:2.002083,', { duration: 2002.083, unit: 0.001, isWhole: false }],
    ['3', '#EXTINF:1e9,', { duration: 86_400_000, unit: 1000 }],
  ])('of version %s with %s are as exact as that', (version, length, expected) => {
    expect(media(`#EXT-X-VERSION:${version}`, length, 'a.ts').segments).toMatchObject([expected])
  })

  it('have byte ranges that follow one another', () => {
    const lines = ['10@100', '20', '5@0'].flatMap((range) => [`#EXT-X-BYTERANGE:${range}`, '#EXTINF:1', 'a.ts'])
    expect(media(...lines).segments.map(({ range }) => range)).toEqual([
      { offset: 100, length: 10 },
      { offset: 110, length: 20 },
      { offset: 0, length: 5 },
    ])
  })

  it('have keys and headers that hold until the next', () => {
    const { segments } = media(
      '#EXT-X-MAP:URI="init.mp4",BYTERANGE="100@0"',
      '#EXT-X-KEY:METHOD=AES-128,URI="k1",IV=0x0A',
      'a.m4s',
      '#EXT-X-KEY:METHOD=NONE',
      'b.m4s',
    )
    const map = { url: new URL('https://example.org/live/init.mp4'), range: { offset: 0, length: 100 } }
    const key = { url: new URL('https://example.org/live/k1'), iv: Buffer.from(`${'0'.repeat(30)}0a`, 'hex') }
    expect(segments).toMatchObject([{ map, key }, { map }])
    expect(segments[1]).not.toHaveProperty('key')
  })
})

function multivariant(...lines: string[]): MultivariantPlaylist {
  return parsePlaylist(['#EXTM3U', ...lines].join('\n'), base) as MultivariantPlaylist
}

function chosen(playlist: MultivariantPlaylist): URL {
  return chooseAudio(playlist, { audioTrack: undefined }, 'the list').url
}

describe('the sound of a playlist of playlists', () => {
  const variant = ['#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1,mp4a",AUDIO="a"', 'picture.m3u8']
  const english = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",LANGUAGE="en",DEFAULT=YES'
  const german = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch",LANGUAGE="de-AT",DEFAULT=NO,URI="de.m3u8"'
  const described = `${german.replace('de.m3', 'ad.m3')},CHARACTERISTICS="public.accessibility.describes-video"`
  const other = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="b",NAME="x",LANGUAGE="en",URI="other.m3u8"'

  it.each([
    ['that of the variant itself where that is the default', [german, english], {}, 'picture.m3u8', true],
    ['that which is the default', [german, `${english},URI="en.m3u8"`], {}, 'en.m3u8', true],
    ['that in the language that is preferred', [english, german], { language: 'de' }, 'de.m3u8', true],
    ['that in the language that is named', [english, german], { audioTrack: 'de' }, 'de.m3u8', false],
    ['that of the number that is named', [english, german], { audioTrack: 0 }, 'picture.m3u8', false],
    ['the first where none is the default', [german, english.replace('YES', 'NO')], {}, 'de.m3u8', true],
    ['none that describes the pictures', [described, german], { language: 'de' }, 'de.m3u8', true],
  ])('is %s', (_what, renditions, wish, path, isTold) => {
    const playlist = multivariant(...renditions, other, ...variant)
    const { url, isChosen, warning } = chooseAudio(playlist, { audioTrack: undefined, ...wish }, 'the list')
    expect(url.pathname).toBe(`/live/${path}`)
    expect(isChosen).toBe(true)
    const message = expect.stringContaining('Deutsch') as string
    expect(warning ?? {}).toMatchObject(isTold ? { code: 'SEVERAL_AUDIO_TRACKS', message } : {})
    expect(warning !== undefined).toBe(isTold)
  })

  it('is an error where it has none such', () => {
    const playlist = multivariant(english, german, ...variant)
    for (const audioTrack of ['fr', 2]) {
      const choose = (): unknown => chooseAudio(playlist, { audioTrack }, 'the list')
      expect(choose).toThrow(expect.objectContaining({ code: 'NO_AUDIO' }) as Error)
    }
  })

  it('is in no variant that has none itself, and names no other playlist', () => {
    const mute = ['#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1",AUDIO="a"', 'mute.m3u8']
    const [heard, mine] = ['#EXT-X-STREAM-INF:BANDWIDTH=2,CODECS="avc1,mp4a",AUDIO="a"', 'picture.m3u8']
    const choose = (playlist: MultivariantPlaylist): string => chosen(playlist).pathname
    expect(choose(multivariant(english, ...mute, heard, mine))).toBe('/live/picture.m3u8')
    expect(choose(multivariant(german, ...mute, heard, mine))).toBe('/live/de.m3u8')
  })

  it('is left to be chosen among the tracks of one rendition', () => {
    const one = multivariant(german, ...variant)
    expect(chooseAudio(one, { audioTrack: 'fr' }, 'the list')).toMatchObject({ isChosen: false })
  })
})

describe('playlists of playlists', () => {
  it('give the cheapest with audio', () => {
    const playlist = parsePlaylist(
      [
        '#EXTM3U',
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="a",URI="s.m3u8"',
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x, y",URI="audio.m3u8"',
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="muxed",NAME="z"',
        '#EXT-X-STREAM-INF:BANDWIDTH=900,CODECS="avc1,mp4a.40.2",AUDIO="a"',
        'dear.m3u8',
        '#EXT-X-STREAM-INF:AVERAGE-BANDWIDTH=1,BANDWIDTH=800,CODECS="avc1,opus",AUDIO="muxed"',
        'cheap.m3u8',
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="iframes.m3u8"',
      ].join('\r\n'),
      base,
    )
    if (playlist.kind !== 'multivariant') throw new Error(playlist.kind)
    expect(playlist.variants.map(({ bandwidth }) => bandwidth)).toEqual([900, 800])
    expect(chosen(playlist).href).toBe('https://example.org/live/cheap.m3u8')
    const [dear] = playlist.variants
    expect(chosen({ kind: 'multivariant', variables: new Map(), variants: dear ? [dear] : [] }).pathname).toBe(
      '/live/audio.m3u8',
    )
    expect(choosePicture(playlist, new URL('https://example.org/live/cheap.m3u8'))).toBeUndefined()
  })

  it('may have comments, and tags that nobody knows, before an address', () => {
    const [dear, cheap] = [900, 800].map((bandwidth) => `#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth}`)
    const lines = [
      dear,
      '# 1080p',
      '',
      '#EXT-X-OTHER:A=1',
      'dear.m3u8',
      cheap,
      '#',
      cheap,
      'cheap.m3u8',
      '#x',
      'odd.m3u8',
    ]
    const playlist = parsePlaylist(['#EXTM3U', ...lines, dear].join('\n'), base)
    if (playlist.kind !== 'multivariant') throw new Error(playlist.kind)
    expect(playlist.variants.map(({ url, bandwidth }) => [url.pathname, bandwidth])).toEqual([
      ['/live/dear.m3u8', 900],
      ['/live/cheap.m3u8', 800],
    ])
  })

  it('give the cheapest picture beside an audio rendition', () => {
    const playlist = parsePlaylist(
      [
        '#EXTM3U',
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x",URI="audio.m3u8"',
        ...['900,CODECS="avc1,mp4a"', '500,CODECS="avc1,mp4a"', '60,CODECS="mp4a"'].flatMap((form, at) => [
          `#EXT-X-STREAM-INF:BANDWIDTH=${form},AUDIO="a"`,
          `${at}.m3u8`,
        ]),
      ].join('\n'),
      base,
    )
    if (playlist.kind !== 'multivariant') throw new Error(playlist.kind)
    expect(choosePicture(playlist, chosen(playlist))?.pathname).toBe('/live/1.m3u8')
  })
})

/** A playlist, or the error of the library it is refused with. */
function parsed(text: string): ReturnType<typeof parsePlaylist> | DiarizeStreamError {
  try {
    return parsePlaylist(text, base)
  } catch (error) {
    if (error instanceof DiarizeStreamError) return error
    throw error
  }
}

it('a line of any length is read in linear time', () => {
  const length = runs(4_000_000)
  for (const part of ['A', 'A=', 'A="', ',']) {
    const value = part.repeat(length / part.length)
    expect(parsed(`#EXTM3U\n#EXT-X-MEDIA:${value}\n#EXT-X-STREAM-INF:${value}\na\n`)).toHaveProperty('kind')
    expect(parsed(`#EXTM3U\n#EXT-X-MAP:${value}\n#EXTINF:${value}\na\n`)).toHaveProperty('kind')
  }
})

it('any text is read, or refused with an error of the library', () => {
  const names = ['EXTINF:', 'EXT-X-KEY:', 'EXT-X-MAP:', 'EXT-X-BYTERANGE:', 'EXT-X-STREAM-INF:', 'EXT-X-MEDIA:']
  const others = ['#EXT-X-TARGETDURATION:', '#EXT-X-MEDIA-SEQUENCE:', '#EXT-X-ENDLIST', '#EXT-X-GAP', '#', '', 'a.ts']
  const tag = fc.constantFrom(...others, ...names.map((name) => `#${name}`))
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom('1', '-1', '1e99', 'METHOD=AES-128,URI="a",IV=0x1', 'URI="a"', '5@5', 'BANDWIDTH=1', 'file:///a'),
  )
  const line = fc.tuple(tag, value).map((parts) => parts.join(''))
  const details = fc.check(
    fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
      const playlist = parsed(['#EXTM3U', ...lines].join('\n'))
      const known = playlist instanceof DiarizeStreamError || playlist.kind !== 'media' || playlist.segments
      const segments = Array.isArray(known) ? known : []
      return segments.every(
        ({ url, duration, sequence }) => /^https?:$/.test(url.protocol) && duration >= 0 && sequence >= 0,
      )
    }),
    { numRuns: runs(2000) },
  )
  expect(details).toMatchObject({ failed: false })
})
