import { describe, expect, it } from 'vitest'
import type { AudioFormat } from '../../src/audio/format.ts'
import {
  allowedContainers,
  argumentsOf,
  type DecodeRequest,
  fileInput,
  firstWay,
  pipeInput,
} from '../../src/ffmpeg/arguments.ts'

const target: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }

/** The word after `option`. */
function value(args: string[], option: string): string | undefined {
  const at = args.indexOf(option)
  return at < 0 ? undefined : args[at + 1]
}

/** What FFmpeg is told of a track. */
function told(request: DecodeRequest, track = 0): string[] {
  return argumentsOf({ ...firstWay, track }, request).args
}

describe('argumentsOf', () => {
  it('asks for the converted format, of at most two channels, which are mixed behind it', () => {
    const args = told({ input: fileInput('/a/b.mp3'), target })
    expect(value(args, '-af')).toBe(
      'aresample=16000:filter_size=52:cutoff=0.952:kaiser_beta=9:internal_sample_fmt=s16p,aformat=channel_layouts=mono|stereo,pan=stereo|FL=FL+FC|FR=FR+FC',
    )
    expect(value(args, '-rematrix_maxval')).toBe('1.0')
    expect(args.indexOf('-rematrix_maxval')).toBeGreaterThan(args.indexOf('-i'))
    expect(args).not.toContain('-ac')
  })

  it('keeps the channels where the target names none', () => {
    const converted = { sampleRate: 8000, encoding: 's16le' } as const
    const args = told({ input: fileInput('/a/b.mp3'), target: converted })
    expect(value(args, '-af')).toBe('aresample=8000:filter_size=52:cutoff=0.952:kaiser_beta=9:rematrix_maxval=1.0')
    expect(args).not.toContain('-ac')
  })

  it('leaves rate and channels alone without a target', () => {
    const args = told({ input: fileInput('/a/b.mp3'), target: undefined })
    expect(args).not.toContain('-af')
    expect(args).not.toContain('-ac')
    expect(args).not.toContain('-ar')
  })

  it('maps exactly the track that was asked for', () => {
    const args = told({ input: pipeInput(false), target }, 3)
    expect(args.filter((word) => word === '-map')).toHaveLength(1)
    expect(value(args, '-map')).toBe('0:a:3')
  })

  it.each([
    ['a file', fileInput('/a.wav'), 'file:/a.wav', 'file'],
    ['bytes', pipeInput(false), 'pipe:0', 'pipe'],
    ['spooled bytes', pipeInput(true), 'cache:pipe:0', 'pipe,cache'],
  ])('allows FFmpeg no more than it needs for %s', (_what, input, url, protocols) => {
    const args = told({ input, target })
    expect(value(args, '-i')).toBe(url)
    expect(value(args, '-protocol_whitelist')).toBe(protocols)
    expect(value(args, '-format_whitelist')).toBe(allowedContainers)
    // Guards bind an input only if they stand before it.
    expect(args.indexOf('-protocol_whitelist')).toBeLessThan(args.indexOf('-i'))
    expect(args.indexOf('-format_whitelist')).toBeLessThan(args.indexOf('-i'))
    expect(args).toContain('-nostdin')
  })

  it('lets FFmpeg look for an index as far away as it is, in spooled bytes', () => {
    const args = told({ input: pipeInput(true), target })
    expect(value(args, '-read_ahead_limit')).toBe('-1')
    expect(args.indexOf('-read_ahead_limit')).toBeLessThan(args.indexOf('-i'))
  })

  it('writes in large pieces only from a file that is all there, and works in such only where there are no gaps', () => {
    const args = (whole?: boolean, gapless?: boolean): string[] =>
      told({ input: fileInput('/a.wav', whole, gapless), target })
    // Where channels may come later, there are two from the start.
    const [one, two] = [value(args(true, true), '-af'), value(args(true), '-af')]
    expect(one).toBe(`asetnsamples=n=16384:p=0,${two?.replace(/,pan=.*/, '')}`)
    expect(value(args(true), '-flush_packets')).toBe('0')
    expect(value(args(), '-flush_packets')).toBeUndefined()
  })

  it('mixes two channels before they are resampled, with their difference beside them', () => {
    const input = fileInput('/a.wav', true, true, true)
    const args = told({ input, target }, 2)
    expect(args).not.toContain('-af')
    const [whole, mean, difference] = value(args, '-filter_complex')!.split(';')
    expect(whole).toBe('[0:a:2]asetnsamples=n=16384:p=0,asplit[first][second]')
    expect(mean).toMatch(/^\[first\].*channel_layouts=mono,aresample=16000:filter_size=52:.*\[mean\]$/)
    expect(difference).toMatch(/^\[second\]aresample=4000:.*0\.5\*FL-0\.5\*FR\[difference\]$/)
    expect(args.flatMap((word, at) => (word === '-map' ? [args[at + 1]] : []))).toEqual(['[mean]', '[difference]'])
  })

  it('ends with the output, and hands piped audio on at once', () => {
    const args = told({ input: pipeInput(false), target })
    expect(args.at(-1)).toBe('pipe:1')
    expect(value(args, '-flush_packets')).toBe('1')
  })

  it('keeps a hostile name in one word behind its protocol', () => {
    const name = '/-i subfile,,start,0,end,9,,:/etc/passwd|%03d'
    expect(value(told({ input: fileInput(name), target }), '-i')).toBe(`file:${name}`)
  })

  it('allows no container that can name further files', () => {
    const names = allowedContainers.split(',')
    const others =
      'concat,hls,dash,sdp,rtsp,rtp,sap,image2,imf,mlv,vobsub,webm_dash_manifest,lavfi,tedcaptions,ffmetadata'
    for (const name of [...others.split(','), 'libgme', 'libopenmpt']) expect(names).not.toContain(name)
    expect(new Set(names).size).toBe(names.length)
  })
})
