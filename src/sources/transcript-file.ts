import { createReadStream, fstatSync } from 'node:fs'
import { addAbortSignal, Readable } from 'node:stream'
import type { OutputDestination } from '../destinations/destination.ts'
import { InputError } from '../errors.ts'
import { defined, invalidOption } from '../options.ts'
import { announce, liveSource, onSinksDone, recordStage } from '../stage.ts'
import { filePath } from './address.ts'

/** Where a transcript is read: a path, `-`, or a destination that sinks write to. */
export type Transcript = string | OutputDestination

/** The path of a transcript: a path, a `file:` URL, or `-`. @throws ConfigurationError `INVALID_OPTION` */
export function transcriptPath(file: string | URL): string {
  if (file === '' || (typeof file !== 'string' && !(file instanceof URL))) {
    throw invalidOption('file', 'a path, a file: URL or -', file)
  }
  return typeof file === 'string' && !file.startsWith('file:') ? file : filePath(file)
}

/** Who reads a transcript. */
export interface Reader {
  /** Aborts when it is destroyed. */
  closed: AbortSignal
  /** Calls `done` once nothing of it is on its way to a sink any more, as far as it is known what it is piped into. */
  onDelivered(done: () => void): void
  /** Notes that all there will be is there already. */
  noteWhole(): void
}

/** A Readable of what is made of a transcript; when it is destroyed, a read that waits for bytes is given up. */
export function transcriptStream(items: (reader: Reader) => AsyncIterable<unknown>, signal?: AbortSignal): Readable {
  const closed = new AbortController()
  const reader: Reader = {
    closed: closed.signal,
    onDelivered: (done) => onSinksDone(source, done),
    noteWhole: () => void Object.assign(source, { [liveSource]: false }),
  }
  const source = Readable.from(items(reader), { objectMode: true, highWaterMark: 16, ...defined({ signal }) })
  const destroy = source._destroy.bind(source)
  source._destroy = (error, done) => {
    closed.abort()
    destroy(error, done)
  }
  Object.assign(source, { [recordStage]: true })
  announce(source)
  return source
}

/** How messages call it. */
export function calledBy(transcript: Transcript): string {
  if (typeof transcript !== 'string') return transcript.address
  return transcript === '-' ? 'the standard input' : transcript
}

/**
 * The text of a file, or of the standard input, as it comes: UTF-8, or UTF-16 where its first bytes say so. Bytes that are
 * neither fail with `INPUT_NOT_MEDIA`, since words would be lost.
 */
export async function* readText(transcript: Transcript, reader?: Reader): AsyncGenerator<string> {
  if (typeof transcript !== 'string') reader?.noteWhole()
  const bytes = typeof transcript === 'string' ? openText(transcript, reader) : transcript.read(reader?.closed)
  let decoder: InstanceType<typeof TextDecoder> | undefined
  let isWhole = false
  try {
    for await (const chunk of bytes) {
      decoder ??= new TextDecoder(encodingOf(chunk), { fatal: true })
      yield decoder.decode(chunk, { stream: true })
    }
    isWhole = true
    if (decoder !== undefined) yield decoder.decode()
  } catch (cause) {
    const { code, message } = cause as { code?: unknown; message: string }
    const where = calledBy(transcript)
    if (code === 'ENOENT') throw new InputError('INPUT_NOT_FOUND', `${where} does not exist`, { cause })
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      const problem = isWhole ? 'breaks off in the middle of a character' : 'is not UTF-8'
      throw new InputError('INPUT_NOT_MEDIA', `${where} ${problem}; save it as UTF-8`, { cause })
    }
    if (cause instanceof InputError || typeof code !== 'string') throw cause
    throw new InputError('INPUT_UNREADABLE', `${where} cannot be read: ${message}`, { cause })
  }
}

async function* openText(path: string, reader: Reader | undefined): AsyncGenerator<Uint8Array> {
  const { fileKey, noteReader } = await import('../destinations/files-being-read.ts')
  const bytes: Readable = path === '-' ? process.stdin : createReadStream(path)
  if (reader !== undefined) addAbortSignal(reader.closed, bytes)
  let release = (): void => {}
  bytes.once('open', (descriptor: number) => {
    const stats = fstatSync(descriptor, { bigint: true })
    release = noteReader(fileKey(stats))
    if (stats.isFile()) reader?.noteWhole()
  })
  try {
    yield* bytes as AsyncIterable<Uint8Array>
  } finally {
    // A short file is at its end before the sink below it looks whether it is being read.
    if (reader === undefined) release()
    else reader.onDelivered(release)
  }
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
}
