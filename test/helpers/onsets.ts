import { createReadStream } from 'node:fs'
import { type Readable, Writable } from 'node:stream'
import { decode, fileSource, resample, run } from 'diarize-stream'

/** Sound of `seconds` with tones of 200 ms at `tones`, as a source of FFmpeg's. */
export const tones = (seconds: number, at: readonly number[], filters = '', rate = 48_000): string[] => {
  const heard = at.map((from) => String.raw`between(t\,${from}\,${from + 0.2})`).join('+')
  return ['-f', 'lavfi', '-i', `aevalsrc=0.5*sin(6283*t)*(${heard}):d=${seconds}:s=${rate}${filters}`]
}
/** Where tones begin, in ms, and what was warned of. */
export async function onsets(
  file: string,
  piped: boolean,
): Promise<{ found: number[]; warnings: string[]; gaps: number[][] }> {
  const warnings: string[] = []
  const gaps: number[][] = []
  const parts: Buffer[] = []
  const source: Readable = piped ? decode() : fileSource(file)
  source.on('warning', ({ code }: { code: string }) => warnings.push(code))
  source.on('gap', ({ start, end }: { start: number; end: number }) => gaps.push([start, end]))
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      parts.push(chunk)
      done()
    },
  })
  if (piped) await run(createReadStream(file, { highWaterMark: 10_000 }), source, resample(), sink)
  else await run(source, resample(), sink)
  const pcm = Buffer.concat(parts)
  const found: number[] = []
  let quietFor = 100
  for (let ms = 0; (ms + 5) * 32 <= pcm.length; ms += 5) {
    let peak = 0
    for (let at = ms * 32; at < (ms + 5) * 32; at += 2) peak = Math.max(peak, Math.abs(pcm.readInt16LE(at)))
    if (peak <= 1000) quietFor += 5
    else {
      if (quietFor >= 100) found.push(ms)
      quietFor = 0
    }
  }
  return { found, warnings, gaps }
}
