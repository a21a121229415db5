/** Samples one step beside zero are still silence: converters leave such noise in what was silent. */
const NOISE = 1
/** The two codes of zero, and those beside it. */
const quietCodes: ReadonlySet<number> = new Set([0xff, 0x7f, 0xfe, 0x7e])

/** Whether PCM is digital silence: nothing but zeros, or one step beside them. */
export function isSilent(bytes: Buffer, encoding: 's16le' | 'mulaw'): boolean {
  if (encoding === 'mulaw') return bytes.every((code) => quietCodes.has(code))
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const sample = bytes.readInt16LE(at)
    if (sample > NOISE || sample < -NOISE) return false
  }
  return true
}
