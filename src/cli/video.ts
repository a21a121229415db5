import { errorCode, FfmpegError, InputError, OutputError, type Warning } from '../errors.ts'
import { allowedContainers, fileInput, pipeInput } from '../ffmpeg/arguments.ts'
import { askFfmpeg, burnsCaptions, findFfmpeg } from '../ffmpeg/find.ts'
import { trackLanguage } from '../ffmpeg/tracks.ts'
import { joinedFile } from '../ffmpeg/bytes/joined.ts'
import { correctedFile, hasLeapingClock } from '../ffmpeg/program/corrector.ts'
import { assSink, srtSink } from '../sinks/caption-sinks.ts'
import { beside, FileLock, isRunning, withEnding } from '../sinks/file-lock.ts'
import { unwritable } from '../sinks/destination.ts'
import { captionOptions, type Command } from './arguments.ts'
import { usage } from './options.ts'
import { inputFile } from './input.ts'
import { type FfmpegResult, runFfmpeg } from './ffmpeg-task.ts'
import { accessSync, constants, realpathSync, rmSync, statSync } from 'node:fs'
import { copyFile, lstat, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** Temporary directories have the number of the process that made them in their name. */
const DIRECTORY = /^diarize-stream-video-(\d+)-/

/** Warnings of inputs that go on behind what FFmpeg takes for their end. */
const goesOn = new Set(['INPUT_JOINED', 'WAV_JOINED', 'WAV_SIZE_WRONG'])

/** Called as a video is made, with the milliseconds of it that are done. */
export type VideoProgress = (target: string, doneMs: number) => void

/** The captioned copies of a video that a command asks for. */
export class CaptionedVideos {
  /** Sinks that write what goes into the copies. */
  readonly sinks: readonly Writable[]
  readonly #command: Command
  readonly #input: string
  readonly #directory: string
  /** The file that a run keeps which can go on: what goes into the copies is kept beside it. */
  readonly #checkpoint: string | undefined
  readonly #ffmpeg: string
  /** Whether FFmpeg reads it through a mended clock, as the captions were made from. */
  readonly #piped: boolean
  /** Whether FFmpeg would copy only the beginning of the input. */
  #goesOn = false

  private constructor(
    command: Command,
    input: string,
    { directory, checkpoint }: { directory: string; checkpoint: string | undefined },
    ffmpeg: string,
  ) {
    this.#checkpoint = checkpoint
    this.#command = command
    this.#input = input
    this.#directory = directory
    this.#ffmpeg = ffmpeg
    this.#piped = hasLeapingClock(input)
    const captions = captionOptions(command)
    const sinks: Writable[] = []
    if (command.mux !== undefined) sinks.push(srtSink(this.#captions('srt'), captions))
    if (command.burn !== undefined) {
      const { highlightWords, box } = command
      const named = { ...captions, highlightWords, box, layout: { ...captions.layout, labels: 'name' as const } }
      sinks.push(assSink(this.#captions('ass'), named))
    }
    this.sinks = sinks
  }

  /**
   * Makes ready for the copies; what cannot succeed is refused before hours are spent on captions.
   *
   * @param checkpoint - the file that a run keeps which can go on: what goes into the copies is kept beside it.
   * @param stop - ends what is waited for here; there will be nothing to copy then.
   */
  static async open(
    command: Command,
    facts: FileFacts | undefined,
    checkpoint?: string,
    stop?: AbortSignal,
  ): Promise<CaptionedVideos | undefined> {
    const { mux, burn } = command
    if (mux === undefined && burn === undefined) return undefined
    const input = inputFile(command.input)
    if (input === undefined) throw usage('--mux and --burn need an input that is a file')
    checkTargets(command, input)
    const { files } = joinedFile(input)
    if (files === 'several') throw beginningAlone((mux ?? burn)!, input)
    const ffmpeg = findFfmpeg()
    if (burn !== undefined) {
      if (facts !== undefined && !facts.hasVideo) {
        throw new InputError('INPUT_NOT_MEDIA', `${input} has no picture to burn captions into; leave --burn out`)
      }
      await checkFilter(ffmpeg, stop)
    }
    await removeLeftovers()
    const directory = await mkdtemp(path.join(tmpdir(), `diarize-stream-video-${process.pid}-`)).catch(
      (cause: unknown) => {
        const code = errorCode(cause)
        const message = `cannot make a temporary directory in ${tmpdir()} (${String(code)}); set TMPDIR to a directory that is there and writable`
        throw new OutputError('OUTPUT_UNWRITABLE', message, { cause, target: tmpdir() })
      },
    )
    return new CaptionedVideos(command, input, { directory, checkpoint }, ffmpeg)
  }

  /** Learns from what `source`, of which the captions are made, says of the input. */
  follow(source: Readable): void {
    source.on('warning', ({ code }: Warning) => (this.#goesOn ||= goesOn.has(code)))
  }

  /** Makes the copies, from the captions that the {@link sinks} have written; `heard` is the language of most turns. */
  async make(onProgress: VideoProgress, signal: AbortSignal, heard?: string): Promise<void> {
    const { mux, burn } = this.#command
    if (this.#goesOn) throw beginningAlone((mux ?? burn)!, this.#input)
    // What leaves the language to the engine says less than the engine.
    const told = this.#command.language
    const language = told === undefined || trackLanguage(told) === 'und' ? heard : told
    if (mux !== undefined) {
      const captions = path.resolve(this.#captions('srt'))
      const request = {
        input: this.#piped ? undefined : this.#input,
        captions,
        target: mux,
        language: trackLanguage(language),
      }
      await this.#make(mux, (output) => muxArguments({ ...request, output }), onProgress, signal)
    }
    if (burn !== undefined) {
      // A filter names it, which takes plain names alone.
      if (this.#checkpoint !== undefined)
        await copyFile(this.#captions('ass'), path.join(this.#directory, 'captions.ass'))
      const request = { input: this.#piped ? undefined : this.#input, captions: 'captions.ass', target: burn }
      await this.#make(burn, (output) => burnArguments({ ...request, output }), onProgress, signal)
    }
  }

  /** Removes the captions that were kept for a run that goes on. */
  async forget(): Promise<void> {
    if (this.#checkpoint === undefined) return
    for (const ending of ['srt', 'ass'] as const) await rm(this.#captions(ending), { force: true })
  }

  /** Where the captions are: in the directory, or where a run that goes on finds them. */
  #captions(ending: 'srt' | 'ass'): string {
    if (this.#checkpoint === undefined) return path.join(this.#directory, `captions.${ending}`)
    return withEnding(this.#checkpoint, `.captions.${ending}`)
  }

  async close(): Promise<void> {
    for (const sink of this.sinks) sink.destroy()
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** Whoever opens the file sees the one that was there before, or all of the new one. */
  async #make(
    target: string,
    args: (output: string) => string[],
    onProgress: VideoProgress,
    signal: AbortSignal,
  ): Promise<void> {
    const absolute = path.resolve(target)
    const unfinished = beside(absolute, 'tmp')
    const lock = await FileLock.take(absolute).catch((error: unknown) => {
      throw unwritable(target, error)
    })
    // A process that must end at once still leaves nothing behind.
    const remove = (): void => rmSync(unfinished, { force: true })
    process.once('exit', remove)
    try {
      onProgress(target, 0)
      const { code, tail } = await runFfmpeg({
        ffmpeg: this.#ffmpeg,
        args: args(unfinished),
        unfinished: [unfinished, ...(lock === undefined ? [] : [beside(absolute, 'lock')]), this.#directory],
        stdin: this.#piped ? correctedFile(this.#input) : undefined,
        cwd: this.#directory,
        signal,
        onLine: (line) => {
          const [, microseconds] = /^out_time_us=(\d+)/.exec(line) ?? []
          if (microseconds !== undefined) onProgress(target, Number(microseconds) / 1000)
        },
      })
      if (code !== 0 || isCut(tail)) throw notMade(target, { code, tail })
      await rename(unfinished, absolute).catch((error: unknown) => {
        throw unwritable(target, error)
      })
    } finally {
      remove()
      process.off('exit', remove)
      await lock?.release()
    }
  }
}

/** Removes the temporary directories of commands that were killed. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    const pid = Number(DIRECTORY.exec(name)?.[1])
    if (!(pid > 0) || pid === process.pid || isRunning(pid)) continue
    const directory = path.join(tmpdir(), name)
    const stats = await lstat(directory).catch(() => undefined)
    const isOurs = stats?.isDirectory() === true && (process.getuid === undefined || stats.uid === process.getuid())
    if (isOurs) await rm(directory, { recursive: true, force: true }).catch(() => {})
  }
}

function checkTargets(command: Command, input: string): void {
  const others = command.outputs.flatMap((output) => [placeOf(output), real(path.resolve(output))])
  for (const target of [command.mux, command.burn]) {
    if (target === undefined) continue
    const place = placeOf(target)
    if (place === placeOf(input) || real(place) === real(input)) throw usage(`${target} is the input itself`)
    if (others.includes(place)) throw usage(`${target} is named twice; give each output a file of its own`)
    others.push(place)
    try {
      if (statSync(place, { throwIfNoEntry: false })?.isDirectory() === true)
        throw Object.assign(new Error('is a directory'), { code: 'EISDIR' })
      accessSync(path.dirname(place), constants.W_OK)
    } catch (error) {
      throw unwritable(target, error)
    }
  }
}

/** Where a file is made, whatever leads to its directory; a link in its own place is replaced. */
function placeOf(file: string): string {
  const { dir, base } = path.parse(path.resolve(file))
  return path.join(real(dir), base)
}

function real(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file
  }
}

async function checkFilter(ffmpeg: string, signal?: AbortSignal): Promise<void> {
  try {
    if (burnsCaptions(await askFfmpeg(ffmpeg, ['-nostdin', '-hide_banner', '-filters'], { signal }))) return
  } catch (error) {
    if (signal?.aborted === true) return
    throw error
  }
  const message = `${ffmpeg} cannot burn captions in: it was built without libass; use another FFmpeg, or --mux`
  throw new FfmpegError('FFMPEG_FAILED', message)
}

function beginningAlone(target: string, input: string): OutputError {
  const advice = `convert ${input} to one file first, or leave ${target} out: captions without it have all of the sound`
  const message = `${target} was not made: ${input} goes on behind its end, as where files were joined, and FFmpeg would copy only the beginning; ${advice}`
  return new OutputError('OUTPUT_UNWRITABLE', message, { target })
}

const FULL = /^(?:\[[^\]]*\] )*\[(?:error|fatal)\] .*: (?:No space left on device|Disk quota exceeded)$/m
/** What FFmpeg prints of writing; of its input it may say the same where that is only damaged. */
const UNWRITTEN = /\[(?:error|fatal)\] (?:Error (?:writing|closing|muxing) |av_interleaved_write_frame\(\): )/

/** FFmpeg 5 ends with success though its last writes failed, as on a full disk. */
function isCut(tail: string): boolean {
  return FULL.test(tail) || UNWRITTEN.test(tail)
}

function notMade(target: string, { code, tail }: Pick<FfmpegResult, 'code' | 'tail'>): OutputError {
  const other =
    code === 0 ? 'check its disk, or choose another target' : 'try an .mkv, which takes picture and sound of any kind'
  const next = FULL.test(tail) ? 'free some space, or choose another target' : other
  const said = tail === '' ? '' : `. FFmpeg said:\n${tail}`
  const message = `FFmpeg could not make ${target}: the captions themselves are done; ${next}${said}`
  return new OutputError('OUTPUT_UNWRITABLE', message, { target })
}

/** FFmpeg's name of the container, and of the text track it holds, by each of the {@link VIDEO_ENDINGS}. */
const CONTAINERS: Readonly<Record<string, { muxer: string; text: string }>> = {
  '.mp4': { muxer: 'mp4', text: 'mov_text' },
  '.m4v': { muxer: 'mp4', text: 'mov_text' },
  '.mov': { muxer: 'mov', text: 'mov_text' },
  '.mkv': { muxer: 'matroska', text: 'srt' },
  '.webm': { muxer: 'webm', text: 'webvtt' },
}

export interface VideoRequest {
  /** Absolute path of the video, taken literally; absent where it comes on the standard input, its clock mended. */
  input: string | undefined
  /** Path of the captions; for {@link burnArguments} a plain name in the directory FFmpeg runs in. */
  captions: string
  /** Name of what is made, by whose ending the container is chosen. */
  target: string
  output: string
  /** Code of three letters. */
  language: string
}

const GENERAL = ['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+warning', '-progress', 'pipe:1', '-y']

/** Copies picture and sound as they are, and puts captions (SRT) beside them as a default text track. */
export function muxArguments({ input, captions, target, output, language }: VideoRequest): string[] {
  const { muxer, text } = container(target)
  const captionFile = ['-protocol_whitelist', 'file', '-f', 'srt', '-i', `file:${captions}`]
  const tracks = ['-map', '0:v?', '-map', '0:a?', '-map', '1:0', '-c', 'copy', '-c:s', text]
  const about = ['-metadata:s:s:0', `language=${language}`, '-disposition:s:0', 'default']
  return [...GENERAL, ...openVideo(input), ...captionFile, ...tracks, ...about, ...write(muxer, output)]
}

/** Draws captions (ASS) into the picture. Their name becomes part of a filter, and so is letters, digits and a dot. */
export function burnArguments({ input, captions, target, output }: Omit<VideoRequest, 'language'>): string[] {
  const { muxer } = container(target)
  if (!/^[a-z0-9]+\.ass$/.test(captions)) throw new Error('the captions to burn in must have a plain name')
  const sound = muxer === 'webm' ? [] : ['-c:a', 'copy']
  const tracks = ['-map', '0:v:0', '-map', '0:a?', '-vf', `ass=${captions}`, '-pix_fmt', 'yuv420p', ...sound]
  return [...GENERAL, ...openVideo(input), ...tracks, ...write(muxer, output)]
}

function container(target: string): { muxer: string; text: string } {
  const known = CONTAINERS[path.extname(target).toLowerCase()]
  if (known === undefined) throw new Error(`no container for ${target}`)
  return known
}

function openVideo(input: string | undefined): string[] {
  const { url, protocols } = input === undefined ? pipeInput(false) : fileInput(input)
  // Where the clock leaps in a mended one, nothing was recorded for a while: FFmpeg must not cut that out.
  const leaps = input === undefined ? ['-dts_delta_threshold', '1000000'] : []
  return [...leaps, '-protocol_whitelist', protocols, '-format_whitelist', allowedContainers, '-i', url]
}

function write(muxer: string, output: string): string[] {
  const index = muxer === 'mp4' || muxer === 'mov' ? ['-movflags', '+faststart'] : []
  return [...index, '-f', muxer, `file:${output}`]
}

export interface FileFacts {
  /** Length in ms, if FFmpeg can tell. */
  duration: number | undefined
  hasVideo: boolean
}

export function readFacts(printed: string): FileFacts {
  const [, hours, minutes, seconds] = /^ *Duration: (\d+):(\d+):(\d+(?:\.\d+)?)/m.exec(printed) ?? []
  const whole = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  const duration = hours === undefined ? undefined : Math.round(whole * 1000)
  const hasVideo = /^ *Stream #\d+:\d+.*: Video: (?!.*\(attached pic\))/m.test(printed)
  return { duration: duration === 0 ? undefined : duration, hasVideo }
}

/** Asks FFmpeg about a file; nothing is known of one that it cannot open. */
export async function probe(file: string, signal: AbortSignal): Promise<FileFacts | undefined> {
  try {
    // Without an output it prints what it knows of a file, and does nothing else.
    const args = ['-nostdin', '-hide_banner', ...openVideo(file)]
    const { stderr } = await askFfmpeg(findFfmpeg(), args, { signal, timeout: 0 })
    if (!/^ *Duration: /m.test(stderr)) return undefined
    const facts = readFacts(stderr)
    return joinedFile(file).mayBeLonger ? { ...facts, duration: undefined } : facts
  } catch {
    // Whatever is wrong is said by the source, which knows better words for it.
    return undefined
  }
}
