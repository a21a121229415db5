import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ffmpeg } from '../helpers/media.ts'

/** Playlists of 6 s of a tone that rises with time, made by FFmpeg; by path. */
export interface HlsMedia {
  files: Record<string, Buffer>
  directory: string
  remove: () => Promise<void>
}

/** Seconds of every playlist. */
export const SECONDS = 6

/** Makes playlists of every kind in a temporary directory. */
export async function createHls(): Promise<HlsMedia> {
  const directory = await mkdtemp(join(tmpdir(), 'diarize-stream-hls-'))
  const at = (name: string): string => join(directory, name)
  // 200 Hz and 100 Hz more each second: what is missing, or twice there, shows.
  const tone = `aevalsrc=0.5*sin(2*PI*(200+50*t)*t):s=16000:d=${SECONDS}`
  const input = ['-f', 'lavfi', '-i', tone, '-c:a', 'aac', '-b:a', '64k']
  const hls = ['-f', 'hls', '-hls_time', '1', '-hls_playlist_type', 'vod']
  await ffmpeg(...input, ...hls, '-hls_segment_filename', at('ts%d.ts'), at('ts.m3u8'))
  const fmp4 = ['-hls_segment_type', 'fmp4', '-hls_fmp4_init_filename', 'init.mp4']
  await ffmpeg(...input, ...hls, ...fmp4, '-hls_segment_filename', at('f%d.m4s'), at('fmp4.m3u8'))
  await ffmpeg(...input, ...hls, '-hls_flags', 'single_file', '-hls_segment_filename', at('one.ts'), at('ranges.m3u8'))
  await writeFile(at('key.bin'), Buffer.from('0123456789abcdef'))
  await writeFile(at('key.info'), `key.bin\n${at('key.bin')}\n`)
  const encrypted = ['-hls_key_info_file', at('key.info')]
  await ffmpeg(...input, ...hls, ...encrypted, '-hls_segment_filename', at('aes%d.ts'), at('aes.m3u8'))
  const files: Record<string, Buffer> = {}
  for (const name of await readdir(directory)) files[`/${name}`] = await readFile(at(name))
  return { files, directory, remove: () => rm(directory, { recursive: true, force: true }) }
}
