import { mkdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { trackLanguage } from '../../src/ffmpeg/tracks.ts'
import { burnArguments, CaptionedVideos, muxArguments, readFacts } from '../../src/cli/video.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()

const request = { input: '/in/-y.mp4', captions: '/tmp/x/captions.srt', output: '/out/.a.mp4.tmp', language: 'deu' }

it('copies picture and sound, and takes every name literally', () => {
  const args = muxArguments({ ...request, target: 'a.MP4' })
  expect(args.join(' ')).toContain(
    '-i file:/in/-y.mp4 -protocol_whitelist file -f srt -i file:/tmp/x/captions.srt -map 0:v? -map 0:a? -map 1:0 ' +
      '-c copy -c:s mov_text -metadata:s:s:0 language=deu -disposition:s:0 default -movflags +faststart -f mp4 ' +
      'file:/out/.a.mp4.tmp',
  )
  expect(muxArguments({ ...request, target: 'a.mkv' })).toContain('srt')
  expect(muxArguments({ ...request, target: 'a.webm' })).toContain('webvtt')
  expect(() => muxArguments({ ...request, target: 'a.avi' })).toThrow('no container')
})

it('lets nothing into the filter that has a meaning there', () => {
  const args = burnArguments({ ...request, captions: 'captions.ass', target: 'a.mp4' })
  expect(args[args.indexOf('-vf') + 1]).toBe('ass=captions.ass')
  for (const captions of ["it's.ass", '/tmp/captions.ass', 'a,b.ass', 'a:b.ass', '../a.ass']) {
    expect(() => burnArguments({ ...request, captions, target: 'a.mp4' })).toThrow('plain name')
  }
})

it.each([
  ['de', 'deu'],
  ['pt-BR', 'por'],
  ['yue', 'yue'],
  ['haw', 'haw'],
  ['qq', 'und'],
  [undefined, 'und'],
])('gives the text track of %s the language %s', (language, code) => {
  expect(trackLanguage(language)).toBe(code)
})

it('reads what FFmpeg says of a file', () => {
  const video = '  Stream #0:0[0x1](und): Video: h264 (High), yuv420p, 640x360 (default)'
  const cover = '  Stream #0:1: Video: mjpeg (Baseline), yuvj420p, 500x500 (attached pic)'
  expect(readFacts(`  Duration: 01:02:03.50, start: 0.0\n${video}`)).toEqual({ duration: 3_723_500, hasVideo: true })
  expect(readFacts(`  Duration: N/A, start: 0.0\n${cover}`)).toEqual({ duration: undefined, hasVideo: false })
  expect(readFacts('')).toEqual({ duration: undefined, hasVideo: false })
})

it('refuses targets that are one file by two paths, or a directory', async () => {
  const folder = directory()
  const [real, link] = [path.join(folder, 'real'), path.join(folder, 'link')]
  mkdirSync(path.join(real, 'folder.mkv'), { recursive: true })
  symlinkSync(real, link)
  const input = path.resolve(import.meta.dirname, '../../demo/dialogue.mp4')
  const open = (targets: { mux?: string; burn?: string; outputs?: string[] }) =>
    CaptionedVideos.open({ input, outputs: [], names: {}, ...targets } as never, undefined)
  const [one, other] = [path.join(real, 'a.mkv'), path.join(link, 'a.mkv')]
  await expect(open({ mux: one, burn: other })).rejects.toThrow(`${other} is named twice`)
  await expect(open({ outputs: [other], mux: one })).rejects.toThrow(`${one} is named twice`)
  await expect(open({ mux: path.join(link, 'folder.mkv') })).rejects.toMatchObject({
    code: 'OUTPUT_UNWRITABLE',
    message: expect.stringContaining('it is a directory'),
  })
})
