import { containerName, containerProbeBytes } from './container.ts'
import type { Warning } from '../errors.ts'
import { afterAudioBytes, findTitles, isAfterAudio, parseWavHeader, type WavHeader, type WavLayout } from './wav.ts'

const nothing = Buffer.alloc(0)

/** The warning on a WAV whose header says too little, once `reader` knows that it does. */
export function wavSizeWarning(reader: WavReader): Warning | undefined {
  const declared = reader.header?.dataBytes
  return reader.goesOn && declared !== undefined ? sizeWarning('the input', declared) : undefined
}

/** The warning on the WAV `input`, whose header says `declared` bytes of samples, where there are more. */
export function sizeWarning(input: string, declared: number): Warning {
  const message =
    `The audio of ${input} goes on after the ${declared} bytes that its WAV header says, as where a recording broke off or ` +
    'went past 4 GiB; all of it is heard'
  return { code: 'WAV_SIZE_WRONG', message, declared }
}

/** Zeros behind the samples, as fill a block of a disk: so many are no sound that the header does not know of. */
const mostFilling = 65_536

/**
 * Takes the samples of a WAV out of what follows its header, in chunks of any length, also where the header says too
 * little, as that of a recorder that died, or of a file above 4 GiB: they go on where what follows is no chunk.
 */
export class WavSamples {
  readonly #declared: number | undefined
  /** Bytes of the file after its samples, by the header. */
  readonly #room: number
  readonly #isOdd: boolean
  /** Where no samples are declared at all, zeros are the first of them. */
  readonly #mostFilling: number
  #left: number
  #state: 'declared' | 'deciding' | 'beyond' | 'after'
  #goesOn = false
  #held: Buffer = nothing
  #zeros = 0

  /** @param taken - bytes of the samples that are not pushed. */
  constructor({ dataOffset, dataBytes, fileBytes }: Omit<WavLayout, 'format'>, taken = 0) {
    this.#declared = dataBytes
    this.#left = (dataBytes ?? Number.POSITIVE_INFINITY) - taken
    this.#state = dataBytes === undefined ? 'beyond' : this.#left === 0 ? 'deciding' : 'declared'
    this.#room = fileBytes === undefined ? 0 : fileBytes - dataOffset - (dataBytes ?? 0)
    this.#isOdd = (dataBytes ?? 0) % 2 === 1
    this.#mostFilling = dataBytes === 0 ? 0 : mostFilling
  }

  /** Bytes the header promised that have not come; 0 where it promised none. */
  get missingBytes(): number {
    return this.#declared === undefined ? 0 : this.#left
  }

  /** Whether there are more samples than the header says. */
  get goesOn(): boolean {
    return this.#goesOn
  }

  /** The samples in `bytes`; may be empty. */
  push(bytes: Buffer): Buffer {
    if (this.#state === 'after') return nothing
    if (this.#state === 'beyond') return this.#untilTitles(bytes)
    if (bytes.length < this.#left && this.#state === 'declared') {
      this.#left -= bytes.length
      return bytes
    }
    const declared = bytes.subarray(0, this.#left)
    const rest = bytes.subarray(this.#left)
    this.#left = 0
    this.#state = 'deciding'
    const more = this.#decide(rest)
    return more.length === 0 ? declared : Buffer.concat([declared, more])
  }

  /** To be called at the end of the stream: samples that were held. */
  flush(): Buffer {
    const held = this.#held
    this.#held = nothing
    if (this.#state === 'beyond') return held
    // What is too short for a chunk is too short for a sound.
    if (this.#state !== 'deciding' || held.length < afterAudioBytes || this.#isChunk(held)) return nothing
    return this.#goOn(held)
  }

  /** Tells samples that the header does not know of from chunks. */
  #decide(more: Buffer): Buffer {
    let bytes = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
    let zeros = 0
    if (this.#held.length === 0) while (zeros < bytes.length && bytes[zeros] === 0) zeros++
    this.#zeros += zeros
    bytes = bytes.subarray(zeros)
    const enough = afterAudioBytes + (this.#isOdd ? 1 : 0)
    if (bytes.length < enough && this.#zeros <= this.#mostFilling) {
      this.#held = bytes
      return nothing
    }
    this.#held = nothing
    if (this.#isChunk(bytes)) {
      this.#state = 'after'
      return nothing
    }
    return this.#goOn(bytes)
  }

  /** Whether a chunk begins here, or behind the byte that fills an odd length. */
  #isChunk(bytes: Buffer): boolean {
    const room = this.#room - this.#zeros
    return isAfterAudio(bytes, room) || (this.#isOdd && this.#zeros === 0 && isAfterAudio(bytes.subarray(1), room - 1))
  }

  #goOn(bytes: Buffer): Buffer {
    this.#state = 'beyond'
    this.#goesOn = true
    const silence = Buffer.alloc(this.#zeros)
    this.#zeros = 0
    return Buffer.concat([silence, this.#untilTitles(bytes)])
  }

  /** Without a length, what is written behind the samples is only known by how it looks. */
  #untilTitles(more: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
    const titles = findTitles(bytes)
    this.#held = titles === undefined || titles.sure ? nothing : bytes.subarray(titles.at)
    if (titles === undefined) return bytes
    if (titles.sure) this.#state = 'after'
    return bytes.subarray(0, titles.at)
  }
}

/**
 * Whether the samples of a WAV go on behind those that its header says.
 *
 * @param after - what follows these: all of the file, or 65,600 bytes of it.
 */
export function samplesGoOn(layout: WavLayout, after: Buffer): boolean {
  const samples = new WavSamples(layout, layout.dataBytes)
  samples.push(after)
  samples.flush()
  return samples.goesOn
}

/**
 * Tells a WAV stream from any other and takes the audio out of it, in chunks of any length: the header and all that
 * follows the audio, such as a list of titles, are left out. Of a stream that is not WAV every byte comes out.
 */
export class WavReader {
  /** The first bytes, until it is known what they are; grown by doubling, so that tiny chunks cost no more. */
  #head: Buffer | undefined = Buffer.alloc(64)
  #headBytes = 0
  #samples: WavSamples | undefined
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
    return this.#samples?.missingBytes ?? 0
  }

  /** Whether there is more audio than the header says; all of it comes out. */
  get goesOn(): boolean {
    return this.#samples?.goesOn ?? false
  }

  /**
   * The audio in `chunk`, and what was held before it; may be empty.
   *
   * @throws InputError `UNSUPPORTED_AUDIO` when it is a WAV file the library does not read
   */
  push(chunk: Buffer): Buffer {
    if (this.#head === undefined) return this.#samples?.push(chunk) ?? chunk
    if (this.#headBytes === 0 && chunk.length >= containerProbeBytes) return this.#probe(chunk) ?? nothing
    return this.#probe(this.#hold(chunk)) ?? nothing
  }

  /** To be called at the end of the stream: what was held of the audio, or of a stream too short to be WAV. */
  flush(): Buffer {
    if (this.#samples !== undefined) return this.#samples.flush()
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
    this.#samples = new WavSamples(probe.header)
    return this.#samples.push(bytes.subarray(probe.header.dataOffset))
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
