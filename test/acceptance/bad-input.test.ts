import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { diarize, fileSource, resample, run, srtSink, vttSink } from 'diarize-stream'
import { type FaultServer, faultServer } from 'diarize-stream/testing'
import { ffmpeg } from '../helpers/media.ts'
import { noChildLeft } from '../helpers/processes.ts'
import { makeMedia } from './make-media.ts'

let folder: string
let video: string
let server: FaultServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diarize-stream-bad-input-'))
  video = await makeMedia(folder)
  await writeFile(join(folder, 'empty.mp4'), '')
  await writeFile(join(folder, 'letter.mp4'), 'Dear Sir or Madam, this is no video. '.repeat(200))
  await mkdir(join(folder, 'directory.mp4'))
  await mkdir(join(folder, 'out'))
  await ffmpeg('-f', 'lavfi', '-i', 'color=size=64x64:rate=25', '-t', '1', join(folder, 'silent-film.mp4'))
  server = await faultServer({ fault: 'none' })
})

afterAll(async () => {
  await noChildLeft()
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

const caption = (input: string, output: string): Promise<unknown> =>
  run(fileSource(input), resample(), diarize({ url: server.url }), srtSink(output))

describe('bad input', () => {
  it.each([
    ['missing.mp4', 'INPUT_NOT_FOUND', /missing\.mp4/],
    ['directory.mp4', 'INPUT_UNREADABLE', /directory/],
    ['empty.mp4', 'NO_AUDIO', /empty/],
    ['letter.mp4', 'INPUT_NOT_MEDIA', /letter\.mp4/],
    ['silent-film.mp4', 'NO_AUDIO', /no audio track/],
  ])('%s is %s, before a session is opened, and leaves no file', async (name, code, message) => {
    const output = join(folder, 'out', 'captions.srt')
    const attempts = server.attempts
    await expect(caption(join(folder, name), output)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
    expect(server.attempts).toBe(attempts)
    expect(readdirSync(join(folder, 'out'))).toEqual([])
  })
})

describe('bad output', () => {
  it.each([
    ['a folder that does not exist', () => join(folder, 'nowhere', 'captions.srt')],
    ['a directory', () => join(folder, 'directory.mp4')],
    ['a file below a file', () => join(video, 'captions.srt')],
  ])('%s is refused before a session is opened', async (_name, path) => {
    const attempts = server.attempts
    await expect(caption(video, path())).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE', name: 'OutputError' })
    expect(server.attempts).toBe(attempts)
  })
})

describe('bad options', () => {
  it.each([
    ['a value out of range', () => diarize({ parameters: { maxSpeakers: 12 } }), 'INVALID_OPTION'],
    ['an option that does not exist', () => resample({ samplerate: 8000 } as object), 'INVALID_OPTION'],
    ['two of an exclusive pair', () => diarize({ apiKey: 'a', token: 'b' }), 'INVALID_OPTION'],
    ['an address where a file is wanted', () => fileSource('https://example.org/talk.mp4'), 'INVALID_OPTION'],
    ['no name of a file', () => fileSource(''), 'INVALID_OPTION'],
    ['a line too narrow to write on', () => vttSink('x.vtt', { layout: { maxLineWidth: 1 } }), 'INVALID_OPTION'],
  ])('%s throws at construction', (_name, construct, code) => {
    expect(construct).toThrow(expect.objectContaining({ code, name: 'ConfigurationError' }))
  })

  it('a key that is needed and missing throws at construction', () => {
    vi.stubEnv('ASSEMBLYAI_API_KEY', '')
    expect(() => diarize({ engine: 'assemblyai' })).toThrow(expect.objectContaining({ code: 'MISSING_API_KEY' }))
    vi.unstubAllEnvs()
  })

  it('a chain without an end is refused at once', async () => {
    const output = join(folder, 'out', 'never.srt')
    await expect(run(fileSource(video), resample(), diarize({ url: server.url }))).rejects.toMatchObject({
      code: 'INVALID_PIPELINE',
    })
    expect(existsSync(output)).toBe(false)
  })
})
