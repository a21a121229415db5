import { describe, expect, it } from 'vitest'
import { ProgramTracks } from '../../../src/ffmpeg/program/tracks.ts'
import { packet, programOf, programs, table, tableId, type Track } from './transport.ts'

function correct(tracks: ProgramTracks, ...packets: Buffer[]): (number | string)[] {
  return packets.map((bytes) => {
    const pid = tracks.correct(bytes, 0)
    return pid === 'other' || pid === (bytes.readUInt16BE(1) & 0x1fff) ? pid : 'said, but not written'
  })
}

const [picture, mp2, aac] = [2, 3, 15]
const nothing = 0x1fff
const german: Track = [0x101, mp2, 'deu']
const english: Track = [0x102, mp2, 'eng']

describe('the tracks of a programme', () => {
  it('keep their numbers while the table says the same, or more', () => {
    const tracks = new ProgramTracks(true)
    const first = [programs(tableId), programOf([[0x100, picture], german]), packet(0x101)]
    expect(correct(tracks, ...first)).toEqual([0, tableId, 0x101])
    const more = [programs(tableId), programOf([[0x100, picture], german, english]), packet(0x101), packet(0x102)]
    expect(correct(tracks, ...more)).toEqual([0, tableId, 0x101, 0x102])
    expect(correct(tracks, programOf([[0x100, picture]]), packet(0x102))).toEqual([tableId, 0x102])
  })

  it('get the numbers they had, by language, and back', () => {
    const tracks = new ProgramTracks(true)
    correct(tracks, programs(tableId), programOf([[0x100, picture], german, english]))
    const later = programOf(
      [
        [0x200, picture],
        [0x201, mp2, 'eng'],
        [0x202, mp2, 'deu'],
        [0x203, mp2, 'fra'],
      ],
      { pid: 0x1100 },
    )
    expect(correct(tracks, programs(0x1100), later)).toEqual([0, nothing])
    const packets = [0x200, 0x201, 0x202, 0x203].map((pid) => packet(pid))
    expect(correct(tracks, ...packets)).toEqual([0x100, 0x102, 0x101, nothing])
    expect(correct(tracks, programs(0x1100), packet(0x999))).toEqual([nothing, 0x999])
    const again = [programs(tableId), programOf([[0x100, picture], german, english]), packet(0x102)]
    expect(correct(tracks, ...again)).toEqual([nothing, tableId, 0x102])
  })

  it('are for another FFmpeg where sound goes on in another codec, with what has to be before them', () => {
    const tracks = new ProgramTracks(true)
    correct(tracks, programs(tableId), programOf([german]))
    expect(correct(tracks, programs(tableId), programOf([[0x101, aac, 'deu']]))).toEqual([0, 'other'])
    expect(tracks.head.equals(programs(tableId))).toBe(true)
    const unsplit = new ProgramTracks(false)
    correct(unsplit, programs(tableId), programOf([german]))
    expect(correct(unsplit, programOf([[0x101, aac, 'deu']]), packet(0x101))).toEqual([tableId, 0x101])
  })

  it('of several programmes stay as they are', () => {
    const tracks = new ProgramTracks(true)
    const all = [programs(tableId, 0x1001), programOf([german]), programOf([english]), packet(0x102)]
    expect(correct(tracks, ...all)).toEqual([0, tableId, tableId, 0x102])
  })

  it('stay as they are until a table that is announced for later comes into force', () => {
    const tracks = new ProgramTracks(true)
    correct(tracks, programs(tableId), programOf([german]))
    const next: Track[] = [[0x201, aac, 'deu']]
    expect(correct(tracks, programOf(next, { isCurrent: false }), packet(0x101))).toEqual([tableId, 0x101])
    expect(correct(tracks, programOf(next))).toEqual(['other'])
  })

  it('stay as they are where a bit of a table is wrong, or a section is of another kind', () => {
    const tracks = new ProgramTracks(true)
    correct(tracks, programs(tableId), programOf([german]))
    const moved = [programs(tableId), programOf([[0x201, mp2, 'deu']]), packet(0x201)]
    expect(correct(tracks, ...moved)).toEqual([0, nothing, 0x101])
    for (let at = 5; at < 40; at++) {
      const wrong = programOf([[0x201, mp2, 'deu']])
      wrong[at]! ^= 0x10
      expect(correct(tracks, wrong, packet(0x201))).toEqual([nothing, 0x101])
    }
    expect(correct(tracks, table(tableId, 0xfc, [1, 2, 3, 4]), packet(0x201))).toEqual([nothing, 0x101])
  })

  it('stay as they are in whatever is damaged', () => {
    for (let length = 0; length < 40; length++) {
      const tracks = new ProgramTracks(true)
      correct(tracks, programs(tableId))
      const cut = programOf([[0x100, picture], german, english])
      cut.fill(0xff, 4 + length)
      expect(correct(tracks, cut, packet(0x101))).toEqual([tableId, 0x101])
    }
  })
})
