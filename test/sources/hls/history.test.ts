import { expect, it } from 'vitest'
import { SegmentHistory } from '../../../src/sources/hls/history.ts'
import { parsePlaylist } from '../../../src/sources/hls/playlist.ts'

/** The segments of a list from one number to another. */
function list(first: number, last: number, name = (at: number) => `s${at}.ts`) {
  const entries = Array.from({ length: last - first + 1 }, (_, at) => `#EXTINF:2,\n${name(first + at)}`)
  const text = `#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:${first}\n${entries.join('\n')}`
  const playlist = parsePlaylist(text, new URL('http://host/live.m3u8'))
  return playlist.kind === 'media' ? playlist.segments : []
}

/** A history of a list that has come to segment 99, and what it says of further ones. */
function history() {
  const known = new SegmentHistory()
  known.add(list(90, 99))
  const restart = (segments: ReturnType<typeof list>, now = 0, ended = false) =>
    known.restart(segments, { next: 100, from: segments.at(-3)?.sequence ?? 0, now, target: 2000, ended })
  return { known, restart }
}

it('begins anew at once where names are others', () => {
  expect(history().restart(list(0, 3))).toBe(1)
  expect(history().restart(list(90, 93, (at) => `other${at}.ts`))).toBe(91)
})

it('takes no old copy for a new beginning, whatever its queries are', () => {
  const { restart } = history()
  expect(restart(list(90, 93, (at) => `s${at}.ts?session=2`))).toBeUndefined()
  expect(restart(list(90, 93), 60_000)).toBeUndefined()
  expect(restart(list(96, 101))).toBeUndefined()
})

it('begins where it was first seen once a list of the same names has grown for long enough', () => {
  const { known, restart } = history()
  expect(restart(list(88, 91), 1000)).toBeUndefined()
  expect(known.isGrowing).toBe(false)
  expect(restart(list(89, 92), 3000)).toBeUndefined()
  expect(known.isGrowing).toBe(true)
  expect(restart(list(91, 94), 7000)).toBe(89)
})

it('forgets a list that is behind when one comes that is not', () => {
  const { restart } = history()
  expect(restart(list(90, 93), 1000)).toBeUndefined()
  expect(restart(list(96, 99), 3000)).toBeUndefined()
  expect(restart(list(91, 94), 8000)).toBeUndefined()
})

it('waits for nothing that has ended', () => {
  expect(history().restart(list(90, 93), 0, true)).toBe(91)
})

it('is bounded', () => {
  const known = new SegmentHistory()
  known.add(list(0, 5000))
  const facts = { next: 5001, from: 7, now: 0, target: 2000, ended: false }
  expect(known.restart(list(0, 9), facts)).toBe(7)
})
