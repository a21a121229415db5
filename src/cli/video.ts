import { accessSync, constants, realpathSync, rmSync } from 'node:fs'
import { lstat, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Writable } from 'node:stream'
import { FfmpegError, InputError, OutputError } from '../errors.ts'
import { findFfmpeg } from '../ffmpeg/find.ts'
import { hasLeapingClock, mendedFile } from '../ffmpeg/program-clock.ts'
import { assSink } from '../sinks/ass.ts'
import { beside, FileLock, isRunning } from '../sinks/file-lock.ts'
import { srtSink } from '../sinks/srt.ts'
import { unwritable } from '../sinks/unwritable.ts'
import { type Command, usage } from './arguments.ts'
import { runFfmpeg } from './ffmpeg-task.ts'
import { inputFile } from './input.ts'
import { trackLanguage } from '../ffmpeg/language-code.ts'
import { captionOptions } from './outputs.ts'
import type { FileFacts } from './probe.ts'
import { burnArguments, muxArguments } from './video-arguments.ts'

/** Temporary directories have the number of the process that made them in their name. */
const DIRECTORY = /^diarize-stream-video-(\d+)-/

/** Called as a video is made, with the seconds of it that are done. */
export type VideoProgress = (target: string, seconds: number) => void

/** The captioned copies of a video that a command asks for. */
export class CaptionedVideos {
  /** Sinks that write what goes into the copies. */
  readonly sinks: readonly Writable[]
  readonly #command: Command
  readonly #input: string
  readonly #directory: string
  readonly #ffmpeg: string
  /** Whether FFmpeg reads it through a mended clock, as the captions were made from. */
  readonly #piped: boolean

  private constructor(command: Command, input: string, directory: string, ffmpeg: string) {
    this.#command = command
    this.#input = input
    this.#directory = directory
    this.#ffmpeg = ffmpeg
    this.#piped = hasLeapingClock(input)
    const captions = captionOptions(command)
    const sinks: Writable[] = []
    if (command.mux !== undefined) sinks.push(srtSink(path.join(directory, 'captions.srt'), captions))
    if (command.burn !== undefined) {
      const named = { ...captions, layout: { ...captions.layout, labels: 'name' as const } }
      sinks.push(assSink(path.join(directory, 'captions.ass'), named))
    }
    this.sinks = sinks
  }

  /**
   * Makes ready for the copies, or for nothing where none is asked for. What cannot succeed is refused here, before hours
   * are spent on captions.
   */
  static async open(command: Command, facts: FileFacts | undefined): Promise<CaptionedVideos | undefined> {
    const { mux, burn } = command
    if (mux === undefined && burn === undefined) return undefined
    const input = inputFile(command.input)
    if (input === undefined) throw usage('--mux and --burn need an input that is a file')
    checkTargets(command, input)
    const ffmpeg = findFfmpeg()
    if (burn !== undefined) {
      if (facts !== undefined && !facts.hasVideo) {
        throw new InputError('INPUT_NOT_MEDIA', `${input} has no picture to burn captions into; leave --burn out`)
      }
      await checkFilter(ffmpeg)
    }
    await removeLeftovers()
    const directory = await mkdtemp(path.join(tmpdir(), `diarize-stream-video-${process.pid}-`))
    return new CaptionedVideos(command, input, directory, ffmpeg)
  }

  /** Makes the copies, from the captions that the {@link sinks} have written. */
  async make(onProgress: VideoProgress, signal: AbortSignal): Promise<void> {
    const { mux, burn, language } = this.#command
    if (mux !== undefined) {
      const captions = path.join(this.#directory, 'captions.srt')
      const request = {
        input: this.#piped ? undefined : this.#input,
        captions,
        target: mux,
        language: trackLanguage(language),
      }
      await this.#make(mux, (output) => muxArguments({ ...request, output }), onProgress, signal)
    }
    if (burn !== undefined) {
      const request = { input: this.#piped ? undefined : this.#input, captions: 'captions.ass', target: burn }
      await this.#make(burn, (output) => burnArguments({ ...request, output }), onProgress, signal)
    }
  }

  /** Removes the temporary files. */
  async close(): Promise<void> {
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
        stdin: this.#piped ? mendedFile(this.#input) : undefined,
        cwd: this.#directory,
        signal,
        onLine: (line) => {
          const [, microseconds] = /^out_time_us=(\d+)/.exec(line) ?? []
          if (microseconds !== undefined) onProgress(target, Number(microseconds) / 1e6)
        },
      })
      if (code !== 0) throw notMade(target, tail)
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
  const others = command.outputs.map((output) => path.resolve(output))
  for (const target of [command.mux, command.burn]) {
    if (target === undefined) continue
    const absolute = path.resolve(target)
    if (absolute === real(input) || real(absolute) === real(input)) throw usage(`${target} is the input itself`)
    if (others.includes(absolute)) throw usage(`${target} is named twice; give each output a file of its own`)
    others.push(absolute)
    try {
      accessSync(path.dirname(absolute), constants.W_OK)
    } catch (error) {
      throw unwritable(target, error)
    }
  }
}

function real(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file
  }
}

async function checkFilter(ffmpeg: string): Promise<void> {
  const filters: string[] = []
  await runFfmpeg({ ffmpeg, args: ['-nostdin', '-hide_banner', '-filters'], onLine: (line) => filters.push(line) })
  if (filters.some((line) => /^ *\S+ ass +/.test(line))) return
  const message = `${ffmpeg} cannot burn captions in: it was built without libass; use another FFmpeg, or --mux`
  throw new FfmpegError('FFMPEG_FAILED', message)
}

function notMade(target: string, tail: string): OutputError {
  const advice = 'the captions themselves are done; try an .mkv, which takes picture and sound of any kind'
  const message = `FFmpeg could not make ${target}: ${advice}${tail === '' ? '' : `. FFmpeg said:\n${tail}`}`
  return new OutputError('OUTPUT_UNWRITABLE', message, { target })
}
