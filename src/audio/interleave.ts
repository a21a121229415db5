/** The channels of interleaved samples, each on its own; one channel is returned as it is, not copied. */
export function deinterleave(interleaved: Float32Array, channels: number): Float32Array[] {
  if (channels === 1) return [interleaved]
  const length = Math.floor(interleaved.length / channels)
  return Array.from({ length: channels }, (_, channel) => {
    const samples = new Float32Array(length)
    for (let i = 0, at = channel; i < length; i++, at += channels) samples[i] = interleaved[at]!
    return samples
  })
}

/** Channels of one length as interleaved samples; one channel is returned as it is, not copied. */
export function interleave(channels: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0)] = channels
  if (channels.length === 1) return first
  const samples = new Float32Array(first.length * channels.length)
  for (const [channel, one] of channels.entries()) {
    for (let i = 0, at = channel; i < one.length; i++, at += channels.length) samples[at] = one[i]!
  }
  return samples
}

/**
 * Interleaved PCM bytes as those of each channel, without decoding them; one channel is returned as it is, not copied.
 * `bytes` may start at any address and must hold whole blocks.
 *
 * @param sampleBytes - Bytes of one sample of one channel.
 */
export function splitChannels(bytes: Buffer, channels: number, sampleBytes: 1 | 2): Buffer[] {
  if (channels === 1) return [bytes]
  const blocks = Math.floor(bytes.length / (channels * sampleBytes))
  const split = Array.from({ length: channels }, () => Buffer.alloc(blocks * sampleBytes))
  if (sampleBytes === 1) {
    for (const [channel, one] of split.entries()) copyEvery(bytes, one, channel, channels)
    return split
  }
  // 16 bits cannot be read at once from an odd address.
  const { buffer, byteOffset } = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes)
  const from = new Uint16Array(buffer, byteOffset, blocks * channels)
  for (const [channel, one] of split.entries()) {
    copyEvery(from, new Uint16Array(one.buffer, one.byteOffset, blocks), channel, channels)
  }
  return split
}

type Codes = Uint8Array | Uint16Array

function copyEvery(from: Codes, to: Codes, first: number, step: number): void {
  for (let i = 0, at = first; i < to.length; i++, at += step) to[i] = from[at]!
}
