import { containerName, containerProbeBytes } from './container.ts'
import { parseWavHeader, type WavHeader } from './wav.ts'

const nothing = Buffer.alloc(0)

/**
 * Tells a WAV stream from any other and takes the audio out of it, in chunks of any length: the header and all that
 * follows the audio, such as a list of titles, are left out. Of a stream that is not WAV every byte comes out.
 */
export class WavReader {
  /** The first bytes, until it is known what they are; grown by doubling, so that tiny chunks cost no more. */
  #head: Buffer | undefined = Buffer.alloc(64)
  #headBytes = 0
  #left = Number.POSITIVE_INFINITY
  #header: WavHeader | undefined
  #kind: 'wav' | 'other' | undefined
  #container: string | undefined

  /** What the stream is; `undefined` until 12 bytes have come, or the end. */
  get kind(): 'wav' | 'other' | undefined {
    return this.#kind
  }

  /** The header, once it is complete. */
  get header(): WavHeader | undefined {
    return this.#header
  }

  /** What media container other than WAV the first bytes look like, if any. */
  get container(): string | undefined {
    return this.#container
  }

  /** Bytes of audio the header promised that have not come; 0 where it promised none. */
  get missingBytes(): number {
    return this.#header?.dataBytes === undefined ? 0 : this.#left
  }

  /**
   * The audio in `chunk`, and what was held before it; may be empty.
   *
   * @throws InputError `UNSUPPORTED_AUDIO` when it is a WAV file the library does not read
   */
  push(chunk: Buffer): Buffer {
    if (this.#head === undefined) return this.#audio(chunk)
    if (this.#headBytes === 0 && chunk.length >= containerProbeBytes) return this.#probe(chunk) ?? nothing
    return this.#probe(this.#hold(chunk)) ?? nothing
  }

  /** To be called at the end of the stream: what was held of one too short to be WAV. */
  flush(): Buffer {
    if (this.#head === undefined || this.#kind === 'wav') return nothing
    this.#kind = 'other'
    const held = this.#head.subarray(0, this.#headBytes)
    this.#head = undefined
    return held
  }

  /** The audio after the header in `bytes`, the stream from its start; `undefined` when they are held for later. */
  #probe(bytes: Buffer): Buffer | undefined {
    if (bytes.length < containerProbeBytes) return undefined
    const probe = parseWavHeader(bytes)
    this.#kind = probe.kind === 'other' ? 'other' : 'wav'
    if (probe.kind === 'more') {
      if (this.#headBytes === 0) this.#hold(bytes)
      return undefined
    }
    this.#head = undefined
    if (probe.kind === 'other') {
      this.#container = containerName(bytes)
      return bytes
    }
    this.#header = probe.header
    this.#left = probe.header.dataBytes ?? Number.POSITIVE_INFINITY
    return this.#audio(bytes.subarray(probe.header.dataOffset))
  }

  #audio(bytes: Buffer): Buffer {
    const audio = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left)
    this.#left -= audio.length
    return audio
  }

  /** Everything held so far, `chunk` included. */
  #hold(chunk: Buffer): Buffer {
    let head = this.#head ?? nothing
    const total = this.#headBytes + chunk.length
    if (total > head.length) {
      const larger = Buffer.alloc(Math.max(total, head.length * 2))
      head.copy(larger, 0, 0, this.#headBytes)
      head = larger
    }
    chunk.copy(head, this.#headBytes)
    this.#head = head
    this.#headBytes = total
    return head.subarray(0, total)
  }
}
