import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { sampleRate } from './flite.ts'
import { frameRate, size } from './picture.ts'

/**
 * Writes an MP4 (H.264, AAC mono 48 kHz, index at the front) from PCM16 mono samples and RGB pictures.
 * The same input gives the same bytes with the same FFmpeg: one thread, no dates, no version strings.
 *
 * @throws Error with what FFmpeg said when it fails.
 */
export async function encode(target: string, samples: Int16Array, pictures: Iterable<Buffer>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'demo-encode-'))
  try {
    const sound = join(folder, 'sound.pcm')
    await writeFile(sound, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength))
    const child = spawn(process.env['FFMPEG_PATH'] ?? 'ffmpeg', args(sound, target), { stdio: ['pipe', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    const closed = once(child, 'close')
    // When FFmpeg stops early, the broken pipe is a consequence: its own words are the error.
    const fed = pipeline(Readable.from(pictures, { highWaterMark: 4 }), child.stdin).catch((error: unknown) => error)
    const code: unknown = (await closed)[0]
    if (code !== 0) throw new Error(`ffmpeg ended with ${String(code)}:\n${said.trim()}`)
    const problem = await fed
    if (problem instanceof Error) throw problem
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function args(sound: string, target: string): string[] {
  const { width, height } = size
  const picture = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-r', `${frameRate}`]
  const voice = ['-f', 's16le', '-ar', `${sampleRate}`, '-ac', '1']
  const colours = ['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709', '-color_range', 'tv']
  const h264 = ['-c:v', 'libx264', '-preset', 'veryslow', '-tune', 'animation', '-crf', '27', '-g', '150']
  const aac = ['-c:a', 'aac', '-b:a', '96k', '-ar', '48000', '-ac', '1']
  const exact = ['-map_metadata', '-1', '-fflags', '+bitexact', '-flags:v', '+bitexact', '-flags:a', '+bitexact']
  return ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'].concat(
    [...picture, '-i', 'pipe:0', ...voice, '-i', `file:${sound}`, '-map', '0:v', '-map', '1:a', '-threads', '1'],
    ['-vf', 'scale=out_color_matrix=bt709:out_range=tv,format=yuv420p', ...colours, ...h264, ...aac, ...exact],
    ['-movflags', '+faststart', '-f', 'mp4', `file:${target}`],
  )
}
