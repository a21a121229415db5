import { longestOpusPacket, opusHead, opusSamples, opusTags, readOpusHead } from './opus.ts'
import { OggReader, OggWriter } from './ogg.ts'

/**
 * Mono Opus that is sent as it is. It travels from stage to stage as Ogg; where audio is counted and may be needed again, in
 * frames of 120 ms, in which packets of every length fit whole; and to a server as Ogg again, which begins anew with each
 * session. A packet is in the frame in which it begins.
 */

/** Length of a frame, in ms and in samples. */
export const OPUS_FRAME_MS = 120
const FRAME_SAMPLES = 5760
/** All packets last a multiple of this, in samples: 2.5 ms. */
export const OPUS_STEP = 120

/** What the silence of a full frame is made of; each packet stands for itself, whatever is before it. */
const silences = [
  [960, Buffer.from([0xf8, 0xff, 0xfe])],
  [480, Buffer.from([0xf0, 0xff, 0xfe])],
  [240, Buffer.from([0xe8, 0xff, 0xfe])],
  [120, Buffer.from([0xe0, 0xff, 0xfe])],
] as const

/** Packets of silence that last `samples`, a multiple of {@link OPUS_STEP}. */
export function silentOpus(samples: number): Buffer[] {
  const packets: Buffer[] = []
  let left = samples
  for (const [length, packet] of silences) for (; left >= length; left -= length) packets.push(packet)
  return packets
}

/** Writes one stream of mono Opus in Ogg. */
export class OpusPages {
  readonly #preSkip: number
  readonly #writer = new OggWriter(1)
  #granule = 0
  #begun = false

  /** @param preSkip - samples at its beginning that are not to be heard. */
  constructor(preSkip: number) {
    this.#preSkip = preSkip
  }

  /** The pages with these packets, the first time with those of the header before them. */
  add(packets: readonly Buffer[]): Buffer {
    const pages: Buffer[] = []
    if (!this.#begun) {
      pages.push(this.#writer.page([opusHead({ channels: 1, preSkip: this.#preSkip })], 0))
      pages.push(this.#writer.page([opusTags()], 0))
    }
    this.#begun = true
    let [segments, from] = [0, 0]
    for (const [index, packet] of packets.entries()) {
      const needed = Math.floor(packet.length / 255) + 1
      if (segments + needed > 255) {
        pages.push(this.#writer.page(packets.slice(from, index), this.#granule))
        segments = 0
        from = index
      }
      segments += needed
      this.#granule += opusSamples(packet) ?? 0
    }
    if (from < packets.length) pages.push(this.#writer.page(packets.slice(from), this.#granule))
    return Buffer.concat(pages)
  }
}

/** A frame: by how much its first packet begins after it, in steps; then its packets, each behind its length. */
function frameOf(late: number, packets: readonly Buffer[]): Buffer {
  const parts = packets.flatMap((packet) => [Buffer.from([packet.length >> 8, packet.length & 255]), packet])
  return Buffer.concat([Buffer.from([late / OPUS_STEP]), ...parts])
}

function packetsOf(frame: Buffer): Buffer[] {
  const packets: Buffer[] = []
  for (let at = 1; at < frame.length;) {
    const end = at + 2 + frame.readUInt16BE(at)
    packets.push(frame.subarray(at + 2, end))
    at = end
  }
  return packets
}

/** A frame of silence. */
export const silentOpusFrame = frameOf(0, silentOpus(FRAME_SAMPLES))

/** Makes frames of Opus in Ogg, as {@link OpusPages} writes it. */
export class OpusFramer {
  readonly #reader = new OggReader(longestOpusPacket)
  /** Samples at the beginning that are not to be heard; 0 until that is known. */
  preSkip = 0
  #headers = 0
  #packets: Buffer[] = []
  /** Where the next packet begins, with regard to the frame that is being filled, and where its first one did. */
  #at = 0
  #late = 0

  /** The frames that `bytes` complete. */
  push(bytes: Buffer): Buffer[] {
    const frames: Buffer[] = []
    for (const { packets } of this.#reader.push(bytes)) {
      for (const packet of packets) {
        if (this.#headers === 0) this.preSkip = readOpusHead(packet)?.preSkip ?? 0
        if (this.#headers > 1) this.#take(packet, frames)
        else this.#headers += 1
      }
    }
    return frames
  }

  /** The last frame, padded with silence. */
  flush(): Buffer[] {
    const frames: Buffer[] = []
    if (this.#packets.length > 0) {
      for (const packet of silentOpus(FRAME_SAMPLES - this.#at)) this.#take(packet, frames)
    }
    return frames
  }

  #take(packet: Buffer, frames: Buffer[]): void {
    this.#packets.push(packet)
    this.#at += opusSamples(packet) ?? 0
    if (this.#at < FRAME_SAMPLES) return
    frames.push(frameOf(this.#late, this.#packets))
    this.#packets = []
    this.#at -= FRAME_SAMPLES
    this.#late = this.#at
  }
}

/**
 * What makes of frames, from any of them on, the messages of one session. What it hears begins where the first of them does:
 * the decoder leaves out the beginning, as it does at that of the stream.
 */
export function opusWire(preSkip: number): (frame: Buffer) => Buffer {
  const pages = new OpusPages(preSkip)
  let isFirst = true
  return (frame) => {
    const late = isFirst ? silentOpus(frame[0]! * OPUS_STEP) : []
    isFirst = false
    return pages.add([...late, ...packetsOf(frame)])
  }
}
