import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join, resolve } from 'node:path'
import { FfmpegError } from '../errors.ts'
import { defined } from '../options.ts'
import { childEnvironment } from '../redact.ts'
import { AbortError, onceAborted } from '../stream-helpers.ts'

/** What the search looks at; tests replace parts of it. */
export interface Surroundings {
  /** Environment variables. */
  env?: Readonly<Record<string, string | undefined>>
  /** As `process.platform`. */
  platform?: NodeJS.Platform
  /** Where the package ffmpeg-static says its binary is; `undefined` without the package. */
  bundled?: () => string | undefined
  /** Where the package @ffmpeg-installer/ffmpeg says its binary is; `undefined` without the package. */
  installer?: () => string | undefined
}

/**
 * Absolute path of the FFmpeg to run. Looks at, in this order: `explicit`, the environment variables `FFMPEG_PATH` and
 * `FFMPEG_BIN`, the package ffmpeg-static if its binary was really downloaded, the directories of `PATH`, and the
 * package @ffmpeg-installer/ffmpeg, whose binary is inside it, but of 2018: Node warns of it. The first three steps that name a binary are choices somebody made: one that cannot be run is an error, never skipped.
 *
 * Only the file system is asked, nothing is run and nothing remembered.
 *
 * @param explicit - a path, or a bare name to look up in `PATH`.
 * @throws FfmpegError `FFMPEG_NOT_FOUND`, with everything that was tried and how to get FFmpeg.
 */
export function findFfmpeg(explicit?: string, surroundings: Surroundings = {}): string {
  const { env = process.env, platform = process.platform } = surroundings
  const { bundled = bundledFfmpeg, installer = installerFfmpeg } = surroundings
  for (const [origin, choice] of [
    ['the option ffmpegPath', explicit],
    ['the environment variable FFMPEG_PATH', env['FFMPEG_PATH']],
    ['the environment variable FFMPEG_BIN', env['FFMPEG_BIN']],
  ] as const) {
    if (choice === undefined || choice.trim() === '') continue
    const found = isBareName(choice) ? searchPath(choice, env, platform) : runnable(resolve(choice), platform)
    if (found !== undefined) return found
    throw new FfmpegError(
      'FFMPEG_NOT_FOUND',
      `${origin} names ${choice}, which is not a file that can be run; correct it, or leave it away to use the FFmpeg of this machine`,
      { tried: [choice] },
    )
  }
  const packaged = bundled()
  const found =
    (packaged === undefined ? undefined : runnable(outsideArchive(packaged), platform)) ??
    searchPath('ffmpeg', env, platform)
  if (found !== undefined) return found
  const last = installer()
  const old = last === undefined ? undefined : runnable(outsideArchive(last), platform)
  if (old !== undefined) {
    warnOnce(`${old} of the package @ffmpeg-installer/ffmpeg is a build of 2018; ${howToInstall(platform)}`)
    return old
  }
  const tried = [
    packaged === undefined
      ? 'the package ffmpeg-static (not installed)'
      : `the package ffmpeg-static (no file ${packaged}: its install script was not let run, or could not download it; npm rebuild ffmpeg-static)`,
    `PATH (${pathVariable(env, platform) || 'empty'})`,
    `the package @ffmpeg-installer/ffmpeg (${last === undefined ? 'not installed' : `no file ${last}`})`,
  ]
  throw new FfmpegError(
    'FFMPEG_NOT_FOUND',
    `FFmpeg was not found; tried ${tried.join(' and ')}. ${howToInstall(platform)}, or set FFMPEG_PATH to the binary; where there is nothing but npm: npm install @ffmpeg-installer/ffmpeg, a build of 2018`,
    { tried },
  )
}

/** The binary ffmpeg-static points at, whether or not it exists. */
function bundledFfmpeg(): string | undefined {
  // Its typings promise a default export, its CommonJS module is the bare path.
  const path = exportOf('ffmpeg-static')
  return typeof path === 'string' ? path : undefined
}

/** The binary that lies in the package for this platform, beside @ffmpeg-installer/ffmpeg. */
function installerFfmpeg(): string | undefined {
  const { path } = (exportOf('@ffmpeg-installer/ffmpeg') ?? {}) as { path?: unknown }
  return typeof path === 'string' ? path : undefined
}

/** What a package exports; `undefined` without the package. */
function exportOf(name: string): unknown {
  try {
    return createRequire(import.meta.url)(name)
  } catch {
    return undefined
  }
}

/** What an FFmpeg says that is asked for no more than that. */
export interface FfmpegAnswer {
  stdout: string
  stderr: string
  /** Exit code; `null` where it crashed, or was killed since it took too long or wrote without end. */
  code: number | null
  /** Why it was killed. */
  killedFor?: 'time' | 'length'
}

/** One that hangs is killed after so long, in ms. */
const ANSWER_MS = 10_000

/**
 * Asks an FFmpeg about itself or an input. Rejects where it cannot be started, and with an `AbortError`.
 *
 * @param timeout - in ms; 0 for none.
 */
export function askFfmpeg(
  ffmpeg: string,
  args: readonly string[],
  { signal, timeout = ANSWER_MS }: { signal?: AbortSignal | undefined; timeout?: number } = {},
): Promise<FfmpegAnswer> {
  const options = { timeout, killSignal: 'SIGKILL', windowsHide: true, env: ffmpegEnvironment() } as const
  return new Promise((resolve, reject) => {
    const child = execFile(ffmpeg, args, options, (error, stdout, stderr) => {
      process.off('exit', kill)
      forget()
      if (signal?.aborted === true) return reject(new AbortError(signal))
      const code = error === null ? 0 : error.code
      const isTooLong = code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER'
      if (error !== null && typeof code === 'string' && !isTooLong) return reject(error)
      const killedFor = isTooLong ? 'length' : error?.killed === true ? 'time' : undefined
      resolve({ stdout, stderr, code: typeof code === 'number' ? code : null, ...defined({ killedFor }) })
    })
    // One that hangs would outlive us.
    const kill = (): void => void child.kill('SIGKILL')
    process.once('exit', kill)
    // By its own option `execFile` sends no more than SIGTERM.
    const forget = onceAborted(signal, kill)
  })
}

/** Whether an FFmpeg can be given an address of HTTP; some builds leave the network out. Rejects where it does not run. */
export async function readsHttp(ffmpeg: string): Promise<boolean> {
  const { stdout } = await askFfmpeg(ffmpeg, ['-hide_banner', '-protocols'])
  return /^ *http\r?$/m.test(stdout.slice(0, stdout.indexOf('Output:')))
}

/** Whether an answer to `-filters` has the one that draws captions, which needs libass. */
export function burnsCaptions({ stdout }: FfmpegAnswer): boolean {
  return /^ *\S+ ass +/m.test(stdout)
}

/**
 * The environment for an FFmpeg, without keys. Colours, which it can ask for, would hide how severe a line of stderr is. Static
 * builds, such as those of ffmpeg-static, load the libc of this machine to convert the names that MPEG-TS gives its programmes, and
 * crash in it; where glibc finds nothing to load, a name stays as it is.
 */
export function ffmpegEnvironment(): NodeJS.ProcessEnv {
  return { ...childEnvironment(), AV_LOG_FORCE_NOCOLOR: '1', GCONV_PATH: '/nonexistent' }
}

let hasWarned = false

function warnOnce(message: string): void {
  if (hasWarned) return
  hasWarned = true
  process.emitWarning(message, { code: 'DIARIZE_STREAM_OLD_FFMPEG' })
}

/** Electron packs modules into an archive that cannot be run from; binaries lie beside it. */
function outsideArchive(path: string): string {
  return path.replace(/app\.asar(?=[/\\])/, 'app.asar.unpacked')
}

function isBareName(choice: string): boolean {
  return !/[/\\]/.test(choice)
}

function searchPath(name: string, env: Surroundings['env'] & object, platform: NodeJS.Platform): string | undefined {
  const file = platform === 'win32' && !/\.exe$/i.test(name) ? `${name}.exe` : name
  for (const entry of pathVariable(env, platform).split(platform === 'win32' ? ';' : delimiter)) {
    const directory = entry.replace(/^"(.*)"$/, '$1')
    // An empty entry means the current directory to a shell; running a binary from there would be a surprise.
    const found = directory === '' ? undefined : runnable(resolve(join(directory, file)), platform)
    if (found !== undefined) return found
  }
  return undefined
}

function pathVariable(env: Surroundings['env'] & object, platform: NodeJS.Platform): string {
  if (platform !== 'win32') return env['PATH'] ?? ''
  // Windows spells it Path, and only process.env itself ignores the case.
  return Object.entries(env).find(([name]) => name.toUpperCase() === 'PATH')?.[1] ?? ''
}

/** `path`, if it is a file this process may execute. */
function runnable(path: string, platform: NodeJS.Platform): string | undefined {
  try {
    if (!statSync(path).isFile()) return undefined
    accessSync(path, platform === 'win32' ? constants.F_OK : constants.X_OK)
    return path
  } catch {
    return undefined
  }
}

function howToInstall(platform: NodeJS.Platform): string {
  if (platform === 'darwin') return 'Install it with: brew install ffmpeg'
  if (platform === 'win32') return 'Install it with: winget install ffmpeg'
  return 'Install it with: apt-get install ffmpeg'
}
