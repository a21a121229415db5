import { TONE_WORD_MS, toneAudio, type ToneWord } from '../../src/testing/index.ts'

/** Interleaved PCM16 at 16 kHz of as many channels as there are scripts, a piece of `chunkMs` at a time. */
export function* toneChannels(
  scripts: readonly (readonly ToneWord[])[],
  duration: number,
  chunkMs = 1000,
  gains: readonly number[] = [],
): Generator<Buffer> {
  for (let from = 0; from < duration; from += chunkMs) {
    const to = Math.min(from + chunkMs, duration)
    const parts = scripts.map((words) => {
      const near = words.filter(({ start }) => start < to && start + TONE_WORD_MS > from)
      const bytes = toneAudio(near, { from, to })
      return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
    })
    const whole = new Int16Array((to - from) * 16 * scripts.length)
    for (const [channel, part] of parts.entries()) {
      const gain = gains[channel] ?? 1
      for (let i = 0; i < part.length; i++) whole[i * scripts.length + channel] = Math.round(part[i]! * gain)
    }
    yield Buffer.from(whole.buffer)
  }
}
