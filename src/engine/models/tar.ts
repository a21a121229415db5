/** A file in an archive. `body` must be read to its end before the next one comes. */
export interface TarFile {
  /** As the archive has it; not to be trusted. */
  path: string
  size: number
  body: AsyncIterable<Uint8Array>
}

const blockSize = 512
/** The longest that a name or a list of attributes may be. */
const longestNote = 65_536

/**
 * Reads the regular files of a tar archive (ustar, with the long names of GNU and pax). Folders, links and devices are
 * passed over: nothing but bytes comes out.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile> {
  const bytes = new ByteReader(source)
  try {
    let longName: string | undefined
    for (;;) {
      const header = await bytes.take(blockSize)
      if (header === undefined) throw new Error('the tar archive ends too early')
      if (header.every((byte) => byte === 0)) return
      checkSum(header)
      const size = octal(header, 124, 12)
      const type = String.fromCharCode(header[156]!)
      const padded = Math.ceil(size / blockSize) * blockSize
      if (type === 'L' || type === 'x') {
        if (size > longestNote) throw new Error('the tar archive has a name that is too long')
        const note = await bytes.take(padded)
        if (note === undefined) throw new Error('the tar archive ends too early')
        const body = note.subarray(0, size)
        longName = type === 'L' ? text(body) : (paxPath(body) ?? longName)
        continue
      }
      const prefix = text(header.subarray(257, 262)) === 'ustar' ? text(header.subarray(345, 500)) : ''
      const shortName = text(header.subarray(0, 100))
      const path = longName ?? (prefix === '' ? shortName : `${prefix}/${shortName}`)
      longName = undefined
      const body = bytes.stretch(size)
      if ((type === '0' || type === '\0' || type === '7') && !path.endsWith('/')) yield { path, size, body }
      // What nobody wanted, and the padding after it.
      for await (const _rest of body);
      for await (const _rest of bytes.stretch(padded - size));
    }
  } finally {
    await bytes.close()
  }
}

/** Chunks of any length, read by numbers of bytes. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Exactly that many bytes; `undefined` where there are fewer. */
  async take(count: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = []
    let wanted = count
    while (wanted > 0) {
      const part = await this.#some(wanted)
      if (part === undefined) return undefined
      parts.push(part)
      wanted -= part.length
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }

  /** That many bytes as they come; goes on where it was left when it is read again. */
  stretch(count: number): AsyncIterable<Uint8Array> {
    let left = count
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      if (left === 0) return { done: true, value: undefined }
      const part = await this.#some(left)
      if (part === undefined) throw new Error('the tar archive ends too early')
      left -= part.length
      return { done: false, value: part }
    }
    return { [Symbol.asyncIterator]: () => ({ next }) }
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }

  async #some(most: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next()
      if (next.done === true) return undefined
      this.#chunk = next.value
    }
    const part = this.#chunk.subarray(0, most)
    this.#chunk = this.#chunk.subarray(part.length)
    return part
  }
}

function checkSum(header: Uint8Array): void {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  if (sum !== octal(header, 148, 8)) throw new Error('the tar archive is damaged: the sum of a header is wrong')
}

function octal(header: Uint8Array, at: number, length: number): number {
  const digits = text(header.subarray(at, at + length)).trim()
  if (!/^[0-7]+$/.test(digits)) throw new Error('the tar archive is damaged: a number in a header is none')
  return Number.parseInt(digits, 8)
}

/** Text up to the first zero. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8')
}

/** The `path` among the attributes of a pax header, which are lines of `length name=value`. */
function paxPath(body: Uint8Array): string | undefined {
  let path: string | undefined
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(32, at)
    const length = Number(Buffer.from(body.subarray(at, Math.max(at, space))).toString('latin1'))
    if (space < 0 || !Number.isInteger(length) || length <= 0) break
    const [, name, value] = /^([^=]*)=([\s\S]*)\n$/.exec(text(body.subarray(space + 1, at + length))) ?? []
    if (name === 'size') throw new Error('the tar archive has a file of more than 8 GB')
    if (name === 'path') path = value
    at += length
  }
  return path
}
