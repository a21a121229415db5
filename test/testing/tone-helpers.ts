/** The samples of PCM16 bytes. */
export function samplesOf(pcm: Buffer): Int16Array {
  return new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2)
}
