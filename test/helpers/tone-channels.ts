import { TONE_WORD_MS, toneAudio, type ToneWord } from '../../src/testing/index.ts'

/**
 * Interleaved PCM16 at 16 kHz of as many channels as there are scripts, a piece of `chunkMs` at a time.
 *
 * @param gain - How loud a word is on the last channel; on the others all are as they come.
 */
export function* toneChannels(
  scripts: readonly (readonly ToneWord[])[],
  duration: number,
  chunkMs = 1000,
  gain: (word: ToneWord) => number = () => 1,
): Generator<Buffer> {
  for (let from = 0; from < duration; from += chunkMs) {
    const to = Math.min(from + chunkMs, duration)
    const whole = new Int16Array((to - from) * 16 * scripts.length)
    for (const [channel, words] of scripts.entries()) {
      for (const word of words) {
        if (word.start >= to || word.start + TONE_WORD_MS <= from) continue
        const loud = channel === scripts.length - 1 ? gain(word) : 1
        const bytes = toneAudio([word], { from, to })
        const spoken = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
        for (let i = 0; i < spoken.length; i++) {
          if (spoken[i] !== 0) whole[i * scripts.length + channel] = Math.round(spoken[i]! * loud)
        }
      }
    }
    yield Buffer.from(whole.buffer)
  }
}
