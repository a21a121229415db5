import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterAll, afterEach, beforeAll } from 'vitest'
import type { Warning } from '../../src/errors.ts'
import { fileInput } from '../../src/ffmpeg/arguments.ts'
import { FfmpegByteDecoder } from '../../src/ffmpeg/byte-decoder.ts'
import { FfmpegDecoder, type FfmpegDecoderOptions } from '../../src/ffmpeg/decoder.ts'
import { createMedia, ffmpeg, type Media } from '../helpers/media.ts'
import { noChildLeft } from '../helpers/processes.ts'
import { fakeFfmpeg } from './fake-ffmpeg.ts'

/** What tests of FfmpegDecoder work with. */
export interface Workbench {
  directory: string
  media: Media
  /** Ten minutes of 16 kHz mono: more than any buffer on the way holds. */
  long: string
  /** Makes a program that stands in for FFmpeg. */
  fake: (body: string) => Promise<string>
  /** A stream on a file, which it does not look at if FFmpeg is a fake. */
  source: (options?: Partial<FfmpegDecoderOptions>) => FfmpegDecoder
}

/** Sets up a workbench for the tests of a file; after each of them no child process may be left. */
export function useWorkbench(): Workbench {
  const bench = {
    directory: '',
    long: '',
    fake: (body: string) => fakeFfmpeg(bench.directory, body),
    source: (options?: Partial<FfmpegDecoderOptions>) => stream({ input: fileInput(bench.long), ...options }),
  } as Workbench
  beforeAll(async () => {
    bench.directory = await mkdtemp(join(tmpdir(), 'diarize-stream-ffmpeg-'))
    bench.media = await createMedia()
    bench.long = join(bench.directory, 'long.wav')
    await ffmpeg('-f', 'lavfi', '-i', 'sine=r=16000:d=600', bench.long)
  })
  afterAll(async () => {
    await bench.media.remove()
    await rm(bench.directory, { recursive: true, force: true })
  })
  afterEach(() => noChildLeft())
  return bench
}

/** A stream that decodes the bytes written to it, unless an input is given. */
export function stream(options: Partial<FfmpegDecoderOptions> = {}): FfmpegDecoder {
  const isOpened = options.input !== undefined || options.refusal !== undefined
  return new (isOpened ? FfmpegDecoder : FfmpegByteDecoder)({
    inputName: 'the input',
    audioTrack: 0,
    ffmpegPath: undefined,
    signal: undefined,
    ...options,
  })
}

/** Everything a stream emits as `warning`, as it comes. */
export function warningsOf(from: FfmpegDecoder): Warning[] {
  const warnings: Warning[] = []
  from.on('warning', (warning: Warning) => warnings.push(warning))
  return warnings
}

/** A sink that takes everything. */
export function drain(): Writable {
  return new Writable({ highWaterMark: 3200, write: (_chunk, _encoding, callback) => callback() })
}
