import { accessSync, constants, createWriteStream, statSync } from 'node:fs'
import path from 'node:path'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { invalidOption } from '../options.ts'
import type { Destination } from './destination.ts'
import { FileDestination } from './file-destination.ts'
import { unwritable } from './unwritable.ts'
import { WritableDestination } from './writable-destination.ts'

/** Where a sink writes: a path, a `file:` URL, or any Writable. None means standard output, which is never ended. */
export type SinkTarget = string | URL | NodeJS.WritableStream

const RULE = 'a path, a file: URL or a Writable'

/**
 * The destination for a target. Nothing is created yet.
 *
 * @param end - whether a Writable is ended when the sink has finished.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function openTarget(target: SinkTarget | undefined, end: boolean): Destination {
  if (target === undefined) return new WritableDestination(() => process.stdout, false, 'standard output')
  if (typeof target === 'string' || target instanceof URL) return openPath(toPath(target))
  const stream = target as Partial<Writable> | null
  const isWritable = typeof stream === 'object' && stream !== null && typeof stream.write === 'function'
  if (!isWritable || typeof stream.end !== 'function' || typeof stream.on !== 'function') {
    throw invalidOption('target', RULE, target)
  }
  const standard = target === process.stdout || target === process.stderr
  return new WritableDestination(target as Writable, end && !standard, 'the given Writable')
}

function toPath(target: string | URL): string {
  if (target === '') throw invalidOption('target', RULE, target)
  if (typeof target === 'string' && !/^file:\/\//i.test(target)) return target
  try {
    return fileURLToPath(target)
  } catch {
    throw invalidOption('target', RULE, String(target))
  }
}

function openPath(given: string): Destination {
  const file = path.resolve(given)
  try {
    const stats = statSync(file, { throwIfNoEntry: false })
    if (stats?.isDirectory() === true) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' })
    if (stats === undefined) assertDirectory(path.dirname(file))
    accessSync(stats === undefined ? path.dirname(file) : file, constants.W_OK)
    if (stats === undefined || stats.isFile()) return new FileDestination(file)
    // A device or a named pipe is written like any stream, and is neither truncated nor replaced.
    return new WritableDestination(() => createWriteStream(file), true, file)
  } catch (error) {
    return new FileDestination(file, unwritable(file, error))
  }
}

/** From Node 22 on, a path below a plain file counts as absent for `throwIfNoEntry`; Node 20 throws. */
function assertDirectory(folder: string): void {
  if (!statSync(folder).isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' })
}
