import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { madeOnce } from '../../helpers/made-once.ts'
import { ffmpeg } from '../../helpers/media.ts'

/** Playlists of 6 s of a tone that rises with time, made by FFmpeg; by path. */
export interface HlsMedia {
  files: Record<string, Buffer>
}

/** Seconds of every playlist. */
export const SECONDS = 6

/** Makes playlists of every kind. */
export async function createHls(): Promise<HlsMedia> {
  return { files: await filesIn(await madeOnce('hls', fillHls)) }
}

async function fillHls(directory: string): Promise<void> {
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
}

async function filesIn(directory: string): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {}
  for (const name of await readdir(directory, { recursive: true })) {
    if (/\.\w+$/.test(name)) files[`/${name}`] = await readFile(join(directory, name))
  }
  return files
}

/** Short segments with a picture, each with a tone from {@link ONSET} ms on; by path. */
export interface TimedHls {
  files: Record<string, Buffer>
}

/** Ms of a segment after which its tone begins. */
export const ONSET = 400

/**
 * Makes segments: `even.ts` of 1 s; `short.ts`, 2 s of picture but 0.8 s of sound; `long.ts`, 1 s of
 * picture but 2 s of sound, with a second tone in what is too much; `even.mp4`, `even0.m4s`, 1 s as fragmented MP4;
 * `cut0.ts` … of one picture of 3.2 s; and 2 s of picture and sound as renditions, the sound a second late: `ts/`, `mp4/`.
 */
export async function createTimedHls(): Promise<TimedHls> {
  return { files: await filesIn(await madeOnce('hls-timed', fillTimedHls)) }
}

async function fillTimedHls(directory: string): Promise<void> {
  const at = (name: string): string => join(directory, name)
  const picture = (seconds: number): string[] => ['-f', 'lavfi', '-i', `testsrc=d=${seconds}:s=64x48:r=25`]
  const sound = (seconds: number): string[] => {
    const tone = String.raw`0.5*sin(2*PI*1000*t)*between(mod(t\,1)\,0.4\,0.6)`
    return ['-f', 'lavfi', '-i', `aevalsrc=${tone}:d=${seconds}:s=44100`]
  }
  const codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac']
  const make = (seconds: number, heard: number, ...output: string[]): Promise<unknown> =>
    ffmpeg(...picture(seconds), ...sound(heard), ...codecs, ...output)
  await make(1, 1, at('even.ts'))
  await make(2, 0.8, at('short.ts'))
  await make(1, 2, at('long.ts'))
  const hls = ['-f', 'hls', '-hls_playlist_type', 'vod', '-hls_time']
  const fmp4 = ['-hls_segment_type', 'fmp4', '-hls_fmp4_init_filename']
  await make(1, 1, ...hls, '5', ...fmp4, 'even.mp4', '-hls_segment_filename', at('even%d.m4s'), at('even.m3u8'))
  const gop = ['-g', '20', ...hls, '0.8', '-hls_segment_filename', at('cut%d.ts')]
  await make(3.2, 3.2, ...gop, at('cut.m3u8'))
  for (const [type, options] of [
    ['ts', []],
    ['mp4', [...fmp4, 'init%v.mp4']],
  ] as const) {
    await mkdir(at(type))
    const names = ['-master_pl_name', 'main.m3u8', '-hls_segment_filename', at(`${type}/%v_%d.seg`)]
    const groups = ['-map', '0:v', '-map', '1:a', '-var_stream_map', 'v:0,agroup:a a:0,agroup:a,default:yes']
    const inputs = [...picture(2), '-itsoffset', '1', ...sound(1)]
    // B-pictures: what is decoded first is not shown at once.
    const picked = ['-c:v', 'libx264', '-c:a', 'aac', ...groups]
    await ffmpeg(...inputs, ...picked, ...hls, '1', ...options, ...names, at(`${type}/%v.m3u8`))
  }
}

/** Where sound begins in WAV of 16 kHz mono, in ms, to 5 ms. */
export function onsetsOf(wav: Buffer): number[] {
  const audio = wav.subarray(wav.indexOf('data') + 8)
  const found: number[] = []
  let quiet = Infinity
  for (let ms = 0; (ms + 5) * 32 <= audio.length; ms += 5) {
    const isLoud = Array.from({ length: 80 }, (_, at) => Math.abs(audio.readInt16LE(ms * 32 + at * 2))).some(
      (v) => v > 2000,
    )
    if (isLoud && quiet >= 50) found.push(ms)
    quiet = isLoud ? 0 : quiet + 5
  }
  return found
}

/** The ID3 tag that HLS puts before packed audio that begins at `seconds`. */
export function transportTag(seconds: number): Buffer {
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(Math.round(seconds * 90_000)))
  const content = Buffer.concat([Buffer.from('com.apple.streaming.transportStreamTimestamp\0'), time])
  const frame = Buffer.concat([Buffer.from('PRIV'), Buffer.from([0, 0, 0, content.length, 0, 0]), content])
  return Buffer.concat([Buffer.from('ID3\x04\0\0'), Buffer.from([0, 0, 0, frame.length]), frame])
}
