import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A video of exactly 3.52 s with a tone, in `folder`. Its sound is uncompressed, so that its length is exact. */
export async function makeMedia(folder: string): Promise<string> {
  const path = join(folder, 'talk.mkv')
  const inputs = [
    '-f',
    'lavfi',
    '-i',
    'color=size=64x64:rate=25',
    '-f',
    'lavfi',
    '-i',
    'sine=frequency=440:sample_rate=48000',
  ]
  await promisify(execFile)('ffmpeg', ['-v', 'error', ...inputs, '-t', '3.52', '-c:a', 'pcm_s16le', '-ac', '2', path])
  return path
}
