import { int16ToMulaw } from '../audio/mulaw.ts'

/** How an {@link rtspFaultServer} sends its audio: plain samples, or 8-bit µ-law. */
export type RtspCodec = 'l16' | 'pcmu'

const PACKET_MS = 20
/** Payload type, of those that are free. */
const PAYLOAD_TYPE = 97

/** A live microphone that plays a clip: what it says when does not depend on who listens. */
export class RtspAudio {
  readonly #pcm: Buffer
  readonly #sampleRate: number
  readonly #codec: RtspCodec
  readonly #loop: boolean

  /** @param pcm - mono PCM16LE. After its end there is silence, or the clip again where `loop`. */
  constructor(pcm: Buffer, sampleRate: number, codec: RtspCodec, loop: boolean) {
    this.#pcm = pcm
    this.#sampleRate = sampleRate
    this.#codec = codec
    this.#loop = loop
  }

  /** The session's description. */
  get description(): string {
    const name = this.#codec === 'l16' ? 'L16' : 'PCMU'
    const lines = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=Camera', 'c=IN IP4 0.0.0.0', 't=0 0', 'a=control:*']
    const media = [`m=audio 0 RTP/AVP ${PAYLOAD_TYPE}`, `a=rtpmap:${PAYLOAD_TYPE} ${name}/${this.#sampleRate}/1`]
    return [...lines, ...media, 'a=control:audio', ''].join('\r\n')
  }

  /** Samples in a packet. */
  get packetSamples(): number {
    return (this.#sampleRate * PACKET_MS) / 1000
  }

  /** Sample of the clip at millisecond `ms`. */
  sampleAt(ms: number): number {
    return Math.floor((ms * this.#sampleRate) / 1000)
  }

  /** Millisecond of the clip at sample `sample`. */
  msAt(sample: number): number {
    return (sample * 1000) / this.#sampleRate
  }

  /** An RTP packet with the samples of the clip from `sample` on; the client's first packet is number 0. */
  packet(number: number, sample: number): Buffer {
    const count = this.packetSamples
    const header = Buffer.alloc(12)
    header[0] = 0x80
    header[1] = PAYLOAD_TYPE | (number === 0 ? 0x80 : 0)
    header.writeUInt16BE(number % 0x1_0000, 2)
    header.writeUInt32BE((number * count) % 0x1_0000_0000, 4)
    header.writeUInt32BE(0x0ca3_e4a1, 8)
    const payload = Buffer.alloc(this.#codec === 'l16' ? count * 2 : count)
    for (let index = 0; index < count; index++) {
      const value = this.#at(sample + index)
      if (this.#codec === 'l16') payload.writeInt16BE(value, index * 2)
      else payload[index] = int16ToMulaw(value)
    }
    return Buffer.concat([header, payload])
  }

  #at(sample: number): number {
    const length = this.#pcm.length / 2
    const place = this.#loop && length > 0 ? sample % length : sample
    return place < length ? this.#pcm.readInt16LE(place * 2) : 0
  }
}
