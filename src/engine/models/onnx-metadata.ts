import { type FileHandle, open } from 'node:fs/promises'

/** Why a file is no whole ONNX model. */
export class NoOnnxFile extends Error {}

/** Fields of the message `ModelProto` of ONNX: the graph, and the pairs of metadata. */
const graphField = 7
const metadataField = 14
/** The highest field that ONNX has given out (functions). */
const lastField = 25
/** Fields at the top, of which a model has a few dozen. */
const mostFields = 2000
/** Bytes of one pair of metadata, and of all: those of Whisper have 3 kB. */
const limits = { pair: 1 << 20, all: 4 << 20 }

/**
 * The metadata that an ONNX file carries, e.g. `model_type`. Only the lengths of the fields at the top are read, so that a
 * file of gigabytes takes no longer than a small one; a file that was cut off is found out by them.
 *
 * @throws {@link NoOnnxFile} where it is not one, or not whole; errors of the file system as they are.
 */
export async function readOnnxMetadata(file: string): Promise<Map<string, string>> {
  const handle = await open(file, 'r')
  try {
    return await readFields(new FileReader(handle, (await handle.stat()).size))
  } finally {
    await handle.close()
  }
}

async function readFields(reader: FileReader): Promise<Map<string, string>> {
  const metadata = new Map<string, string>()
  let hasGraph = false
  let bytes = 0
  for (let count = 0; reader.left > 0; count++) {
    const tag = await reader.varint()
    const field = Math.floor(tag / 8)
    if (count === mostFields || field < 1 || field > lastField) throw new NoOnnxFile('it is no ONNX file')
    const wire = tag % 8
    if (wire === 0) await reader.varint()
    else if (wire !== 2) throw new NoOnnxFile('it is no ONNX file')
    else {
      const length = await reader.varint()
      if (length > reader.left) throw new NoOnnxFile(`it ends ${length - reader.left} bytes too early`)
      if (field === graphField) hasGraph = true
      if (field !== metadataField) reader.skip(length)
      else {
        bytes += length
        if (length > limits.pair || bytes > limits.all) throw new NoOnnxFile('its metadata are too long')
        const [key, value] = parsePair(await reader.take(length))
        metadata.set(key, value)
      }
    }
  }
  if (!hasGraph) throw new NoOnnxFile('it is no ONNX file')
  return metadata
}

/** A message of two strings. */
function parsePair(bytes: Buffer): [key: string, value: string] {
  const texts = ['', '']
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; at < bytes.length; factor *= 128) {
      const byte = bytes[at++]!
      value += (byte % 128) * factor
      if (byte < 128) return value
      if (factor > 2 ** 42) break
    }
    throw new NoOnnxFile('its metadata are damaged')
  }
  while (at < bytes.length) {
    const tag = varint()
    const length = varint()
    if (tag % 8 !== 2 || length > bytes.length - at) throw new NoOnnxFile('its metadata are damaged')
    const field = Math.floor(tag / 8)
    if (field === 1 || field === 2) texts[field - 1] = bytes.toString('utf8', at, at + length)
    at += length
  }
  return [texts[0]!, texts[1]!]
}

/** Reads a file in small pieces, forwards. */
class FileReader {
  readonly #handle: FileHandle
  readonly #size: number
  readonly #buffer = Buffer.alloc(65_536)
  /** Place in the file, and the piece of it that the buffer has. */
  #at = 0
  #start = 0
  #end = 0

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.#size = size
  }

  /** Bytes to the end of the file. */
  get left(): number {
    return this.#size - this.#at
  }

  async varint(): Promise<number> {
    let value = 0
    for (let factor = 1; factor <= 2 ** 42; factor *= 128) {
      const byte = await this.#byte()
      value += (byte % 128) * factor
      if (byte < 128) return value
    }
    throw new NoOnnxFile('it is no ONNX file')
  }

  skip(length: number): void {
    this.#at += length
  }

  async take(length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length)
    const { bytesRead } = await this.#handle.read(bytes, 0, length, this.#at)
    if (bytesRead < length) throw new NoOnnxFile('it ends too early')
    this.#at += length
    return bytes
  }

  async #byte(): Promise<number> {
    if (this.#at < this.#start || this.#at >= this.#end) {
      const { bytesRead } = await this.#handle.read(this.#buffer, 0, this.#buffer.length, this.#at)
      if (bytesRead === 0) throw new NoOnnxFile('it ends too early')
      this.#start = this.#at
      this.#end = this.#at + bytesRead
    }
    return this.#buffer[this.#at++ - this.#start]!
  }
}
