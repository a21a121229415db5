/**
 * Opus packets (RFC 6716, section 3) and their headers in a container (RFC 7845, section 5): how long a packet lasts, and
 * whether it is one at all. Nothing is decoded here. Durations are samples at 48 kHz, the clock of Opus, whatever the rate
 * of the sound.
 */

/** Samples a second by which Opus counts. */
export const OPUS_RATE = 48_000
/** The longest packet that the format allows, in bytes: 48 frames of 1275 bytes, and their lengths. */
export const longestOpusPacket = 61_440

/** Longest packet, and frames of each configuration, in samples. */
const LONGEST = 5760
const LONGEST_FRAME_BYTES = 1275
const speechFrames = [480, 960, 1920, 2880] as const
const hybridFrames = [480, 960] as const
const musicFrames = [120, 240, 480, 960] as const

function frameSamples(configuration: number): number {
  if (configuration < 12) return speechFrames[configuration % 4]!
  if (configuration < 16) return hybridFrames[configuration % 2]!
  return musicFrames[configuration % 4]!
}

/** How many samples a packet lasts; `undefined` for what is none. */
export function opusSamples(packet: Uint8Array): number | undefined {
  const [first, second] = packet
  if (first === undefined) return undefined
  const samples = frameSamples(first >> 3)
  const rest = packet.length - 1
  switch (first & 3) {
    case 0:
      return rest <= LONGEST_FRAME_BYTES ? samples : undefined
    case 1:
      return rest % 2 === 0 && rest <= 2 * LONGEST_FRAME_BYTES ? 2 * samples : undefined
    case 2:
      return areFrames(packet, 1, packet.length, 2, true) ? 2 * samples : undefined
    default: {
      if (second === undefined) return undefined
      const count = second & 63
      if (count === 0 || count * samples > LONGEST) return undefined
      const inside = (second & 64) === 0 ? { from: 2, to: packet.length } : withoutPadding(packet)
      const isWhole = inside !== undefined && areFrames(packet, inside.from, inside.to, count, (second & 128) !== 0)
      return isWhole ? count * samples : undefined
    }
  }
}

/** Where the frames of a packet with padding lie: its length stands before them, the padding behind. */
function withoutPadding(packet: Uint8Array): { from: number; to: number } | undefined {
  let padding = 0
  for (let at = 2; at < packet.length; at += 1) {
    const value = packet[at]!
    padding += value === 255 ? 254 : value
    if (value < 255) return { from: at + 1, to: packet.length - padding }
  }
  return undefined
}

/** Whether `count` frames fill a packet from `from` to `to`: of one length, or with a length before all but the last. */
function areFrames(packet: Uint8Array, from: number, to: number, count: number, haveLengths: boolean): boolean {
  if (to < from) return false
  if (!haveLengths) return (to - from) % count === 0 && to - from <= count * LONGEST_FRAME_BYTES
  let at = from
  let total = 0
  for (let frame = 1; frame < count; frame += 1) {
    const short = packet[at]
    if (short === undefined || at >= to) return false
    const long = short >= 252 ? packet[at + 1] : 0
    if (long === undefined) return false
    at += short >= 252 ? 2 : 1
    total += short + 4 * long
  }
  const last = to - at - total
  return last >= 0 && last <= LONGEST_FRAME_BYTES
}

/** What the first packet of a stream says of it. */
export interface OpusHead {
  channels: number
  /** Samples at its beginning that are not to be heard: the decoder needs them to get going. */
  preSkip: number
}

/** Reads the first packet of a stream; `undefined` for what is none, or has more channels than two. */
export function readOpusHead(packet: Buffer): OpusHead | undefined {
  if (packet.length < 19 || packet.toString('latin1', 0, 8) !== 'OpusHead') return undefined
  const channels = packet[9]!
  // A major version that is not known may mean anything; mapping family 0 is mono and stereo.
  if (packet[8]! >> 4 !== 0 || packet[18] !== 0 || channels < 1 || channels > 2) return undefined
  return { channels, preSkip: packet.readUInt16LE(10) }
}

/** The first packet of a stream. */
export function opusHead({ channels, preSkip }: OpusHead): Buffer {
  const packet = Buffer.alloc(19)
  packet.write('OpusHead', 'latin1')
  packet.writeUInt8(1, 8)
  packet.writeUInt8(channels, 9)
  packet.writeUInt16LE(preSkip, 10)
  packet.writeUInt32LE(OPUS_RATE, 12)
  return packet
}

/** The second packet of a stream, which says nothing but who wrote it. */
export function opusTags(): Buffer {
  const vendor = Buffer.from('diarize-stream', 'latin1')
  const packet = Buffer.alloc(8 + 4 + vendor.length + 4)
  packet.write('OpusTags', 'latin1')
  packet.writeUInt32LE(vendor.length, 8)
  vendor.copy(packet, 12)
  return packet
}
