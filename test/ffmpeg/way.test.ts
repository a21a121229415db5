import { describe, expect, it } from 'vitest'
import { argumentsOf, type DecodingWay, fileInput, firstWay } from '../../src/ffmpeg/arguments.ts'
import type { AudioTrack, InputFacts } from '../../src/ffmpeg/log.ts'
import { type InputWish, wayOf } from '../../src/ffmpeg/tracks.ts'

const track = (about: string, more: Partial<AudioTrack> = {}): AudioTrack => ({
  stream: 0,
  isDefault: false,
  about,
  ...more,
})
const stereo = track('aac, 44100 Hz, stereo, fltp')
const opus = track('opus, 48000 Hz, mono, fltp')
const six = track('ac3, 48000 Hz, 5.1(side), fltp')
const facts = (...tracks: AudioTrack[]): InputFacts => ({ container: 'matroska,webm', start: 0, tracks })
const wish: InputWish = { audioTrack: undefined, inputName: 'a.mkv', packetsRefusal: undefined, isMono: true }

describe('the way of an input', () => {
  it('is the one in which it was begun where nothing speaks against that, or nothing is known', () => {
    expect(wayOf(facts(stereo), firstWay, wish)).toMatchObject({ way: firstWay, isOther: false })
    const unknown = wayOf({ container: '', start: 0, tracks: [] }, firstWay, { ...wish, audioTrack: 'de' })
    expect(unknown).toMatchObject({ way: firstWay, isOther: false })
  })

  it('is that of the track that is wished', () => {
    const tracks = facts({ ...stereo, language: 'eng' }, { ...stereo, language: 'deu' })
    expect(wayOf(tracks, firstWay, { ...wish, audioTrack: 'de' })).toMatchObject({ way: { track: 1 }, isOther: true })
    const chosen = wayOf(tracks, { ...firstWay, track: 1 }, { ...wish, language: 'de' })
    expect(chosen).toMatchObject({ isOther: false, message: expect.stringContaining('for its language') })
    expect(() => wayOf(tracks, firstWay, { ...wish, audioTrack: 'fr' })).toThrow(/no audio track in 'fr'/)
  })

  it('knows of more than two channels where they are to become one, and is not left for that again', () => {
    const found = wayOf(facts(six), firstWay, wish)
    expect(found).toMatchObject({ way: { surround: 'now' }, isOther: true })
    expect(wayOf(facts(six), found.way, wish).isOther).toBe(false)
    expect(wayOf(facts(six), firstWay, { ...wish, isMono: false }).isOther).toBe(false)
  })

  it('hands packets on only where that is wished, and can be', () => {
    const passes = { ...wish, passThrough: true }
    expect(wayOf(facts(opus), firstWay, passes)).toMatchObject({ way: { copies: true }, isOther: true })
    expect(wayOf(facts(opus), { ...firstWay, copies: true }, passes).isOther).toBe(false)
    expect(wayOf(facts(opus), firstWay, wish).isOther).toBe(false)
    const refused = wayOf(facts(opus), firstWay, { ...passes, packetsRefusal: 'nobody takes them' })
    expect(refused).toMatchObject({ way: firstWay, isOther: false, refusal: 'nobody takes them' })
    expect(wayOf(facts(stereo), firstWay, passes).refusal).toMatch(/aac, not Opus/)
  })
})

describe('what FFmpeg is told', () => {
  const target = { sampleRate: 16_000, channels: 1, encoding: 's16le' } as const
  const input = fileInput('/a.m4a', true, true, true)
  const told = (change: Partial<DecodingWay>, from = 0) =>
    argumentsOf({ ...firstWay, ...change }, { input, target, from, mayBeginAnew: true })

  it('is to mix two channels and to work in large pieces, until that has proved wrong', () => {
    const first = told({})
    expect(first).toMatchObject({ isMixed: true, isInPieces: true, sought: 0 })
    expect(first.args.join(' ')).toMatch(/asetnsamples.*\[difference\]/)
    expect(told({ mixesTwo: false })).toMatchObject({ isMixed: false, isInPieces: true })
    expect(told({ surround: 'now' }).isMixed).toBe(false)
    const whole = told({ inPieces: false })
    expect(whole).toMatchObject({ isMixed: true, isInPieces: false })
    expect(whole.args.join(' ')).not.toContain('asetnsamples')
  })

  it('is to seek before the input, unless it has gone too far', () => {
    const { args, sought } = told({}, 2500)
    expect(sought).toBe(2500)
    expect(args[args.indexOf('-ss') + 1]).toBe('2.5')
    expect(args.indexOf('-ss')).toBeLessThan(args.indexOf('-i'))
    expect(told({ seeks: false }, 2500)).toMatchObject({ sought: 0 })
    expect(told({ seeks: false }, 2500).args).not.toContain('-ss')
  })

  it('is to copy packets as they are', () => {
    const { args, isMixed } = told({ copies: true, track: 2 })
    expect(isMixed).toBe(false)
    expect(args.join(' ')).toContain('-map 0:a:2')
    expect(args[args.indexOf('-c:a') + 1]).toBe('copy')
  })
})
