import {
  type AudioFormat,
  channelMismatch,
  describeFormat,
  msToBytes,
  sameFormat,
  silenceByte,
} from '../audio/format.ts'
import { pcmBytes } from '../audio/chunks.ts'
import type { Framer } from '../audio/framer.ts'
import type { OpusFramer } from '../audio/opus-frames.ts'
import type { PcmInput } from '../audio/pcm.ts'
import { ConfigurationError, type Warning } from '../errors.ts'
import { liveSource, pcmFormat, requestFormat, requestPackets, streamStartedAt, type UpstreamStage } from '../stage.ts'

/** Audio per message. The protocol takes 50 to 1000 ms; 50 keeps the delay least. */
const FRAME_MS = 50
const DEFAULT_SAMPLE_RATE = 16_000

const EMPTY = Buffer.alloc(0)

/** PCM as servers take it. */
export interface WireFormat extends AudioFormat {
  encoding: 's16le' | 'mulaw'
}

export interface DiarizeInputOptions {
  /** Name of the stage, for messages. */
  stage: 'diarize()' | 'transcribe()'
  /** Hz; what the stage above gives where it is not said. */
  sampleRate?: number
  encoding: 'pcm_s16le' | 'pcm_mulaw'
  /** Names of the interleaved channels, where there are several. */
  channels?: readonly string[] | undefined
  /** Asked whenever a stage comes above: why Opus cannot be sent as it is. Absent where it never can. */
  packetsRefusal?: () => string | undefined
}

type Audio = typeof import('../audio/framer.ts') &
  typeof import('../audio/opus-frames.ts') &
  typeof import('../audio/pcm.ts')

/** The way in: learns the format, refuses what is no such PCM, and cuts frames for the wire. */
export class DiarizeInput {
  readonly #options: DiarizeInputOptions
  #audio!: Audio
  #upstream: UpstreamStage | undefined
  #started: { format: WireFormat; pcm: PcmInput; framer: Framer } | undefined
  /** Whether the stage above may give Opus instead. */
  #mayBePackets = false
  /** What cuts the frames where it does. */
  #opus: OpusFramer | undefined

  constructor(options: DiarizeInputOptions) {
    this.#options = options
  }

  /** Loads what audio takes, before there is any. */
  async load(): Promise<void> {
    const [framer, opus, pcm] = await Promise.all([
      import('../audio/framer.ts'),
      import('../audio/opus-frames.ts'),
      import('../audio/pcm.ts'),
    ])
    this.#audio = { ...framer, ...opus, ...pcm }
  }

  /** Tells which stage stands above, before its first byte. */
  attach(upstream: UpstreamStage): void {
    this.#upstream = upstream
    const { packetsRefusal } = this.#options
    this.#mayBePackets = packetsRefusal !== undefined && upstream[requestPackets]?.(packetsRefusal()) === true
    // Straight below FFmpeg: asked in time, it delivers the right format itself.
    if (upstream[pcmFormat]) return
    const { channels, ...format } = this.#wanted()
    upstream[requestFormat]?.(this.#options.channels === undefined ? { ...format, channels } : format)
  }

  /** Whether the stage above says that its audio cannot be held back. */
  get live(): boolean {
    return this.#upstream?.[liveSource] === true
  }

  /** Wall time of the first sample, where the stage above knows it. */
  get startedAt(): Date | undefined {
    return this.#upstream?.[streamStartedAt]
  }

  /** Format of the frames; fixed at the first chunk. */
  get format(): WireFormat {
    return this.#started?.format ?? this.#wanted()
  }

  silence(frameBytes: number): Buffer {
    return Buffer.alloc(frameBytes, silenceByte[this.format.encoding])
  }

  /** Audio that no whole frame holds yet. */
  get pending(): Buffer {
    return this.#started?.framer.pending ?? EMPTY
  }

  /** The same of one of several channels. */
  pendingOf(channel: number): Buffer {
    return this.#audio.splitChannels(this.pending, this.format)[channel] ?? EMPTY
  }

  /** Samples at the beginning of Opus that are not to be heard; `undefined` where samples come. */
  get preSkip(): number | undefined {
    return this.#opus?.preSkip
  }

  /** The warning on a WAV header that says too little, once it is known to. */
  get sizeWarning(): Warning | undefined {
    return this.#started?.pcm.sizeWarning
  }

  /** The frames that `chunk` completes. @throws ConfigurationError `INVALID_PIPELINE` for what is no such PCM. */
  push(chunk: unknown): Buffer[] {
    if (this.#mayBePackets && Buffer.isBuffer(chunk)) {
      this.#mayBePackets = false
      if (chunk.toString('latin1', 0, 4) === 'OggS') this.#opus = new this.#audio.OpusFramer()
    }
    if (this.#opus !== undefined && Buffer.isBuffer(chunk)) return this.#opus.push(chunk)
    const bytes = pcmBytes(this.#options.stage, chunk, this.format.encoding, true)
    const { pcm, framer } = this.#start()
    return framer.push(pcm.push(bytes))
  }

  /** The last frames, the tail padded with silence to a whole one. */
  flush(): Buffer[] {
    if (this.#opus !== undefined) return this.#opus.flush()
    if (!this.#started) return []
    const { pcm, framer } = this.#started
    const frames = framer.push(pcm.flush())
    const tail = framer.flush()
    return tail ? [...frames, tail] : frames
  }

  #start(): { pcm: PcmInput; framer: Framer } {
    if (this.#started) return this.#started
    const format = this.#wanted()
    const above = this.#upstream?.[pcmFormat]
    if (above && above.channels !== format.channels) throw this.#mismatch(format.channels, above.channels)
    if (above && !sameFormat(above, format)) {
      throw new ConfigurationError(
        'INVALID_PIPELINE',
        `${this.#options.stage} was told to expect ${describeFormat(format)}, but the stage above gives ${describeFormat(above)}: give both the same sampleRate and encoding`,
      )
    }
    this.#started = {
      format,
      pcm: new this.#audio.PcmInput(
        this.#options.stage,
        format,
        format.channels === 1 ? undefined : (expected, channels) => this.#mismatch(expected, channels),
      ),
      framer: new this.#audio.Framer(msToBytes(FRAME_MS, format), silenceByte[format.encoding]),
    }
    return this.#started
  }

  #wanted(): WireFormat {
    const { sampleRate, encoding } = this.#options
    return {
      sampleRate: sampleRate ?? this.#upstream?.[pcmFormat]?.sampleRate ?? DEFAULT_SAMPLE_RATE,
      channels: this.#options.channels?.length ?? 1,
      encoding: encoding === 'pcm_mulaw' ? 'mulaw' : 's16le',
    }
  }

  #mismatch(expected: number, channels: number): Error {
    const advice =
      channels < expected
        ? "put resample({ channels: 'keep' }) above it if the recording has more, else leave channels out"
        : this.#options.stage === 'transcribe()'
          ? 'put resample() above it with channels: 1'
          : expected === 1
            ? `give diarize() the names of its channels, or put resample() above it with channels: 1`
            : `give diarize() channels: one name for each of the ${channels}`
    return channelMismatch(this.#options.stage, expected, channels, advice)
  }
}
