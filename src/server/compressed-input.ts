import { longestOpusPacket, OPUS_RATE, opusSamples, readOpusHead } from '../audio/opus.ts'
import { OpusPages } from '../audio/opus-frames.ts'
import { BlockAligner } from '../audio/framer.ts'
import { OggReader } from '../audio/ogg.ts'
import { streamArguments } from '../ffmpeg/arguments.ts'
import { findFfmpeg } from '../ffmpeg/find.ts'
import { FfmpegProcess } from '../ffmpeg/process.ts'
import { oneLine } from '../redact.ts'
import { Refusal } from '../protocol/close-codes.ts'
import type { Encoding } from '../protocol/parameters.ts'
import { type ClientAudio, type PaceCheck, paceCheck, type SampleTaker } from './audio-input.ts'

/** What FFmpeg may hold of what it was given, in ms: a frame that it cannot know to be whole, and the filter. */
const HELD_MS = 150
/** Longest wait for what it was given to come out before a command, in ms. */
const CATCH_UP_MS = 10_000
/** The tags of a file may hold a picture. */
const LONGEST_TAGS = 1_048_576

/** Encodings that a decoder must read. */
export type CompressedEncoding = Exclude<Encoding, 'pcm_s16le' | 'pcm_mulaw'>

/**
 * Compressed audio. What messages last is counted as they come, without decoding; an FFmpeg of their own makes samples of
 * them, whenever somebody takes these.
 */
export class CompressedInput implements ClientAudio {
  readonly #counter: PacketCounter
  readonly #checkPace: PaceCheck
  readonly #aligner = new BlockAligner(2)
  readonly #codec: string
  readonly #args: string[]
  readonly #sampleRate: number
  readonly #schedule: (pump: (taker: SampleTaker) => Promise<void>) => void
  /** Whether it is scheduled that what FFmpeg has made is taken from it. */
  #isScheduled = false
  #process: FfmpegProcess | undefined
  /** How FFmpeg ended: with this on its stderr, or as it should. */
  #end: { complaint: string } | 'done' | undefined
  #ending = false
  #destroyed = false
  #givenMs = 0
  #decodedBytes = 0
  #wake = (): void => {}

  /**
   * @param maxAheadMs - audio that may have come beyond the time since the first message.
   * @param schedule - is given what hands on samples that come by themselves; it is to be called in its turn.
   */
  constructor(
    encoding: CompressedEncoding,
    engineRate: number,
    maxAheadMs: number,
    schedule: (pump: (taker: SampleTaker) => Promise<void>) => void,
  ) {
    this.#codec = encoding === 'aac' ? 'AAC frame' : 'Opus packet'
    this.#counter =
      encoding === 'aac' ? new AdtsCounter() : encoding === 'opus' ? new OpusCounter() : new OggOpusCounter()
    this.#checkPace = paceCheck(maxAheadMs)
    this.#args = streamArguments(encoding === 'aac' ? 'aac' : 'ogg', engineRate)
    this.#sampleRate = engineRate
    this.#schedule = schedule
  }

  get receivedMs(): number {
    return this.#counter.ms
  }

  accept(message: Buffer, now: number): (taker: SampleTaker) => Promise<void> {
    let bytes: Buffer
    try {
      bytes = this.#counter.push(message)
    } catch (error) {
      throw this.#undecodable((error as Error).message)
    }
    const until = this.receivedMs
    this.#checkPace(until, now)
    return (taker) => this.#write(bytes, until, taker)
  }

  /**
   * Gives bytes that were accepted to FFmpeg; hands on to `taker` what has come out meanwhile.
   *
   * @param until - {@link receivedMs} when they had been accepted: more may have been since, of which FFmpeg knows nothing.
   */
  async #write(bytes: Buffer, until: number, taker: SampleTaker): Promise<void> {
    this.#givenMs = until
    this.#process ??= this.#start()
    let taken = false
    this.#process.write(bytes, () => {
      taken = true
      this.#wake()
    })
    // It may take no more before somebody takes what it has written.
    await this.#pumpUntil(() => taken, taker)
  }

  /** Hands on to `taker` what has come out. @throws Refusal (3006) where FFmpeg has given up. */
  async #pump(taker: SampleTaker): Promise<void> {
    const output = this.#process?.output
    for (;;) {
      const chunk: unknown = output?.read()
      if (!Buffer.isBuffer(chunk) || this.#destroyed) break
      this.#decodedBytes += chunk.length
      await taker.write(samplesOf(this.#aligner.push(chunk)))
    }
    if (typeof this.#end === 'object') throw this.#undecodable(this.#end.complaint)
    if (this.#end === 'done' && !this.#ending) throw this.#undecodable('the stream ended')
  }

  async catchUp(taker: SampleTaker): Promise<void> {
    if (this.#process === undefined) return
    const isOut = (): boolean => this.#decodedBytes / 2 / this.#sampleRate >= (this.#givenMs - HELD_MS) / 1000
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.#wake()
    }, CATCH_UP_MS)
    try {
      await this.#pumpUntil(() => late || isOut(), taker)
    } finally {
      clearTimeout(timer)
    }
  }

  async finish(taker: SampleTaker): Promise<void> {
    if (this.#process === undefined) return
    this.#ending = true
    this.#process.endInput()
    await this.#pumpUntil(() => this.#end !== undefined, taker)
  }

  destroy(): Promise<void> {
    this.#ending = true
    this.#destroyed = true
    this.#end ??= 'done'
    this.#wake()
    return new Promise((resolve) => {
      if (this.#process === undefined) resolve()
      else this.#process.stop(resolve)
    })
  }

  async #pumpUntil(isEnough: () => boolean, taker: SampleTaker): Promise<void> {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const enough = isEnough()
      await this.#pump(taker)
      if (enough) return
      // What was taken just now may have been all there is: nothing would wake it any more.
      if (isEnough()) continue
      if (this.#end !== undefined) return
      await woken
    }
  }

  #start(): FfmpegProcess {
    const started = new FfmpegProcess({
      ffmpeg: findFfmpeg(),
      args: this.#args,
      readsBytes: true,
      onTrouble: () => {},
      onEnd: ({ code, spawnError }) => {
        const lines = started.log.tail.split('\n')
        const said = spawnError?.message ?? lines.find((line) => line.includes('[error]')) ?? lines[0] ?? ''
        this.#end ??= code === 0 ? 'done' : { complaint: oneLine(said, 200) }
        this.#onSamples()
      },
    })
    started.output?.on('readable', () => this.#onSamples())
    return started
  }

  /** There may be samples, for whoever waits for them; where nobody does, they are taken in their turn. */
  #onSamples(): void {
    this.#wake()
    if (this.#isScheduled || this.#destroyed) return
    this.#isScheduled = true
    this.#schedule((taker) => {
      this.#isScheduled = false
      return this.#pump(taker)
    })
  }

  #undecodable(why: string): Refusal {
    return new Refusal(3006, `Failed to decode ${this.#codec}: ${why}`)
  }
}

function samplesOf(bytes: Buffer): Int16Array {
  const samples = new Int16Array(bytes.length / 2)
  for (let index = 0; index < samples.length; index += 1) samples[index] = bytes.readInt16LE(2 * index)
  return samples
}

/** Counts what messages last. */
interface PacketCounter {
  readonly ms: number
  /** Takes a message; returns what a decoder is to read of it. @throws Error for what is none. */
  push(message: Buffer): Buffer
}

const opusMs = (samples: number): number => (samples * 1000) / OPUS_RATE

function durationOf(packet: Buffer): number {
  const samples = opusSamples(packet)
  if (samples === undefined) throw new Error('a packet that breaks the rules of the format')
  return samples
}

/** One Opus packet in each message, which a decoder reads in pages of Ogg. */
class OpusCounter implements PacketCounter {
  readonly #pages = new OpusPages(0)
  #samples = 0

  get ms(): number {
    return opusMs(this.#samples)
  }

  push(message: Buffer): Buffer {
    this.#samples += durationOf(message)
    return this.#pages.add([message])
  }
}

/** Opus in Ogg, of one stream. */
class OggOpusCounter implements PacketCounter {
  readonly #reader = new OggReader(LONGEST_TAGS)
  #serial: number | undefined
  /** Packets of the stream so far that are headers. */
  #headers = 0
  #samples = 0

  get ms(): number {
    return Math.max(0, opusMs(this.#samples))
  }

  push(message: Buffer): Buffer {
    for (const page of this.#reader.push(message)) {
      this.#serial ??= page.serial
      // FFmpeg would read no further than the first.
      if (page.serial !== this.#serial || (page.isFirst && this.#headers > 0))
        throw new Error('a second stream in the Ogg')
      for (const packet of page.packets) this.#take(packet)
    }
    return message
  }

  #take(packet: Buffer): void {
    if (this.#headers === 0) {
      const head = readOpusHead(packet)
      if (head === undefined) throw new Error('the stream in the Ogg is no Opus, or has more than two channels')
      this.#samples -= head.preSkip
    } else if (this.#headers > 1) {
      if (packet.length > longestOpusPacket) throw new Error('a packet is too long')
      this.#samples += durationOf(packet)
      return
    }
    this.#headers += 1
  }
}

const adtsRates = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350]
const ADTS_HEADER = 7
const SAMPLES_A_BLOCK = 1024

/** AAC in ADTS. */
class AdtsCounter implements PacketCounter {
  ms = 0
  #rest: Buffer = Buffer.alloc(0)

  push(message: Buffer): Buffer {
    const bytes = this.#rest.length === 0 ? message : Buffer.concat([this.#rest, message])
    let at = 0
    while (bytes.length - at >= ADTS_HEADER) {
      const header = bytes.subarray(at, at + ADTS_HEADER)
      const rate = adtsRates[(header[2]! >> 2) & 15]
      const length = ((header[3]! & 3) << 11) | (header[4]! << 3) | (header[5]! >> 5)
      const isHeader = header[0] === 0xff && (header[1]! & 0xf6) === 0xf0
      if (!isHeader || rate === undefined || length < ADTS_HEADER) throw new Error('no ADTS header where one must be')
      if (at + length > bytes.length) break
      at += length
      this.ms += (((header[6]! & 3) + 1) * SAMPLES_A_BLOCK * 1000) / rate
    }
    this.#rest = Buffer.from(bytes.subarray(at))
    // A frame that is never completed is no sound, and FFmpeg would fail with it.
    return bytes.subarray(0, at)
  }
}
