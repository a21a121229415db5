import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findFfmpeg } from '../../src/ffmpeg/find.ts'
import { madeOnce } from './made-once.ts'

/** Paths of small files of every kind, made by FFmpeg; all lie in `directory`. */
export interface Media {
  directory: string
  /** Two seconds of 44.1 kHz stereo, PCM: 88,200 blocks. Every other file holds the same tone. */
  wav: string
  mp3: string
  /** MP4 with its index after its audio, as recorders write it. */
  m4a: string
  /** MP4 with its index first. */
  fastM4a: string
  flac: string
  ogg: string
  webm: string
  /** MPEG-4 video with an audio track. */
  video: string
  /** Video whose audio track starts one second late. */
  lateAudio: string
  /** Video without an audio track. */
  silentVideo: string
  /** Audio of two tracks, the second 48 kHz mono of one second. */
  twoTracks: string
  /** First half of {@link Media.wav}, to the byte of a sample. */
  cutWav: string
  /** First half of {@link Media.mp3}. */
  cutMp3: string
  /** First half of {@link Media.fastM4a}. */
  cutFastM4a: string
  /** First half of {@link Media.m4a}: no index. */
  cutM4a: string
  /** An MP3 with a run of garbage in its middle. */
  damagedMp3: string
  /** Bytes that are no media at all. */
  corrupt: string
  /** A WAV header and nothing else. */
  headerOnly: string
  /** A file of 0 bytes. */
  empty: string
  /** Removes everything. */
  remove: () => Promise<void>
}

/** Copies {@link Media} to a new temporary directory. */
export async function createMedia(): Promise<Media> {
  const made = await madeOnce('media', fill)
  const directory = await mkdtemp(join(tmpdir(), 'diarize-stream-media-'))
  for (const name of await readdir(made)) await copyFile(join(made, name), join(directory, name))
  return mediaIn(directory)
}

function mediaIn(directory: string): Media {
  const at = (name: string): string => join(directory, name)
  return {
    directory,
    wav: at('tone.wav'),
    mp3: at('tone.mp3'),
    m4a: at('tone.m4a'),
    fastM4a: at('tone-faststart.m4a'),
    flac: at('tone.flac'),
    ogg: at('tone.ogg'),
    webm: at('tone.webm'),
    video: at('video.mp4'),
    lateAudio: at('late-audio.mkv'),
    silentVideo: at('silent-video.mp4'),
    twoTracks: at('two-tracks.mka'),
    cutWav: at('cut.wav'),
    cutMp3: at('cut.mp3'),
    cutFastM4a: at('cut-faststart.m4a'),
    cutM4a: at('cut.m4a'),
    damagedMp3: at('damaged.mp3'),
    corrupt: at('corrupt.wav'),
    headerOnly: at('header-only.wav'),
    empty: at('empty.wav'),
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

async function fill(directory: string): Promise<void> {
  const media = mediaIn(directory)
  const tone = ['-f', 'lavfi', '-i', 'sine=f=440:r=44100:d=2']
  const picture = ['-f', 'lavfi', '-i', 'testsrc=s=64x64:r=5:d=2']
  await ffmpeg(...tone, '-ac', '2', media.wav)
  const stereo = ['-i', media.wav]
  await ffmpeg(...stereo, media.mp3)
  await ffmpeg(...stereo, '-c:a', 'aac', media.m4a)
  await ffmpeg(...stereo, '-c:a', 'aac', '-movflags', '+faststart', media.fastM4a)
  await ffmpeg(...stereo, media.flac)
  await ffmpeg(...stereo, '-c:a', 'libopus', media.ogg)
  await ffmpeg(...stereo, '-c:a', 'libopus', media.webm)
  await ffmpeg(...picture, ...stereo, '-c:v', 'mpeg4', '-c:a', 'aac', media.video)
  await ffmpeg(...picture, '-itsoffset', '1', ...stereo, '-c:v', 'mpeg4', '-c:a', 'pcm_s16le', media.lateAudio)
  await ffmpeg(...picture, '-c:v', 'mpeg4', media.silentVideo)
  const mono = ['-f', 'lavfi', '-i', 'sine=f=880:r=48000:d=1']
  await ffmpeg(...stereo, ...mono, '-map', '0', '-map', '1', '-c:a', 'pcm_s16le', media.twoTracks)
  await cut(media.wav, media.cutWav, (length) => 44 + Math.floor((length - 44) / 2 / 4096) * 4096)
  await cut(media.mp3, media.cutMp3, (length) => Math.floor(length / 2))
  await cut(media.fastM4a, media.cutFastM4a, (length) => Math.floor(length / 2))
  await cut(media.m4a, media.cutM4a, (length) => Math.floor(length / 2))
  await cut(media.wav, media.headerOnly, () => 44)
  const mp3 = await readFile(media.mp3)
  const middle = Math.floor(mp3.length / 2)
  await writeFile(media.damagedMp3, Buffer.concat([mp3.subarray(0, middle), noise(20_000), mp3.subarray(middle)]))
  await writeFile(media.corrupt, noise(20_000))
  await writeFile(media.empty, '')
}

/** Runs FFmpeg quietly; the last argument is the output. */
export async function ffmpeg(...args: string[]): Promise<void> {
  await promisify(execFile)(findFfmpeg(), ['-nostdin', '-hide_banner', '-v', 'error', '-y', ...args])
}

async function cut(from: string, to: string, keep: (length: number) => number): Promise<void> {
  const bytes = await readFile(from)
  await writeFile(to, bytes.subarray(0, keep(bytes.length)))
}

/** The same bytes on every run, without any order in them. */
export function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = 12_345
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}
