import path from 'node:path'
import { EngineError } from '../../errors.ts'
import { FileRefused, PackageMissing, ProcessEnded } from './process.ts'

export function callFailure(error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const log = error instanceof ProcessEnded ? error.log : ''
  const next =
    error instanceof ProcessEnded && error.wasKilled
      ? 'the system does so where memory runs out; give it more, or take fewer processes or a smaller model'
      : 'try again, and where it fails again, report it'
  return new EngineError('ENGINE_FAILED', `the local engine failed: ${(error as Error).message}${told(log)}; ${next}`, {
    cause: error,
    retryable: true,
    ...(log && { stderr: log }),
  })
}

export function loadFailure(error: unknown, { name, folder }: { name: string; folder: string }): EngineError {
  if (error instanceof EngineError) return error
  if (error instanceof PackageMissing) return packageFailure(error)
  const log = error instanceof ProcessEnded ? error.log : ''
  if (error instanceof ProcessEnded && (error.wasKilled || error.wasLate)) return callFailure(error)
  if (error instanceof FileRefused) {
    const message = `the local engine cannot load the model ${name}, of which nothing is wrong: ${error.message}; it writes a small file in the folder for temporary files, another of which can be named in TMPDIR`
    return new EngineError('ENGINE_FAILED', message, { cause: error })
  }
  if (error instanceof ProcessEnded && !error.hadStarted) {
    if (/Cannot find module/.test(log)) return bundledFailure(error)
    return new EngineError(
      'ENGINE_UNAVAILABLE',
      `the engine on this machine needs a process of its own, run by Node.js 20 or newer: ${error.message}${told(log)}; ` +
        'name one by the option nodePath of embeddedEngine, or in DIARIZE_STREAM_NODE',
      { cause: error, ...(log && { stderr: log }) },
    )
  }
  return new EngineError(
    'MODEL_UNUSABLE',
    `the model${path.isAbsolute(name) ? '' : ` ${name}`} in ${folder} cannot be loaded: ${(error as Error).message}` +
      `${told(log)}. A file of it is damaged or of another kind; install or pull it again, or choose another: ` +
      'diarize-stream models list',
    { cause: error, folder, ...(log && { stderr: log }) },
  )
}

/** The process begins with a file of its own, which does not go with what a bundler makes of the rest. */
function bundledFailure(error: ProcessEnded): EngineError {
  return new EngineError(
    'ENGINE_UNAVAILABLE',
    'the engine on this machine needs a process of its own, and files of it are not beside this program, as where it was made by ' +
      'a bundler, or is in an archive of Yarn: have the bundler leave out diarize-stream as external and install it where the program ' +
      'runs, or set nodeLinker: node-modules in .yarnrc.yml',
    { cause: error, stderr: error.log },
  )
}

/** What is known of this machine that decides whether there is a binary for it. */
export interface Platform {
  system: NodeJS.Platform
  arch: string
  /** Version of glibc; absent where there is none, as with musl. */
  glibc?: string | undefined
}

function thisPlatform(): Platform {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return { system: process.platform, arch: process.arch, glibc: report?.header?.glibcVersionRuntime }
}

const supported = new Set(['linux x64', 'linux arm64', 'darwin x64', 'darwin arm64', 'win32 x64', 'win32 ia32'])

/** Why the binary of sherpa-onnx does not run on a machine, and what to do, by the text of the loader's error. */
export function whyNoBinary(message: string, { system, arch, glibc }: Platform): string {
  const cloud = 'or use AssemblyAI (ASSEMBLYAI_API_KEY) or a server (url)'
  if (!supported.has(`${system} ${arch}`)) {
    return `there is no binary of it for ${system} on ${arch}; use another machine, ${cloud}`
  }
  if (system === 'linux' && glibc === undefined) {
    return `its binary needs glibc, which this system (musl, as on Alpine) does not have; use an image with glibc, such as node:20-slim, ${cloud}`
  }
  if (/(?:GLIBC|GLIBCXX|CXXABI)_[\d.]+/.test(message)) {
    return `its binary needs glibc 2.32 and GLIBCXX 3.4.29, and this system has glibc ${glibc ?? 'unknown'}; use a newer system (Debian 12, Ubuntu 22.04), ${cloud}`
  }
  if (system === 'darwin' && /built for macOS|newer than running OS|Symbol not found/.test(message)) {
    return `its binary needs macOS ${arch === 'arm64' ? 14 : 15} or newer; ${cloud.slice(3)}`
  }
  if (/invalid ELF header|not a mach-o|not a valid Win32|(?:wrong|incompatible) architecture/i.test(message)) {
    return 'node_modules was copied from another system; delete it and run npm install here'
  }
  if (/Cannot find (?:module|package)/.test(message)) {
    return 'it is not installed, perhaps by --omit=optional or a lock file of another system; run: npm install --include=optional sherpa-onnx-node'
  }
  return `run: npm install --include=optional sherpa-onnx-node, ${cloud}`
}

function packageFailure(error: PackageMissing): EngineError {
  return new EngineError(
    'ENGINE_UNAVAILABLE',
    `the engine on this machine runs by the npm package sherpa-onnx-node, which cannot be loaded (${error.message}): ` +
      whyNoBinary(error.message, thisPlatform()),
    { cause: error },
  )
}

function told(log: string): string {
  const lines = log.split('\n')
  const last = lines.at(-1)!
  // Node writes its version last, and what was wrong some lines before.
  const said = last.startsWith('Node.js v') ? (lines.findLast((line) => /^\w*Error\b/.test(line)) ?? last) : last
  return log && ` after it wrote: ${said.slice(-300)}`
}
