/**
 * G.711 µ-law: 8 bits for 14, with segments that double in width. A code holds, inverted, a sign bit, a 3-bit segment
 * and a 4-bit step within the segment; 33 is the offset that makes the segments line up, on the 14-bit scale.
 */
const bias = 33 << 2
const largest = 32_767 - bias

function decode(code: number): number {
  const bits = ~code & 0xff
  const segment = (bits >> 4) & 0x07
  const magnitude = ((((bits & 0x0f) << 3) + bias) << segment) - bias
  return bits & 0x80 ? -magnitude : magnitude
}

/** The 16-bit sample of each of the 256 µ-law codes. */
export const mulawToInt16: Int16Array = Int16Array.from({ length: 256 }, (_, code) => decode(code))

/** The µ-law code of a 16-bit sample; louder than the code can tell is clipped. Silence is 0xFF. */
export function int16ToMulaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0
  const magnitude = Math.min(Math.abs(sample), largest) + bias
  const segment = 24 - Math.clz32(magnitude)
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)) & 0xff
}
