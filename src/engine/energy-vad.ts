import { speechFrameMs, type VoiceActivityDetector } from './parts.ts'

/** Levels are in dB relative to full scale. */
const quietest = -70
/** Where the noise floor starts, before anything has been heard. */
const startFloor = -58
/** The floor is the quietest level of the last 4 s, kept in 16 parts. */
const floorParts = 16
const framesPerPart = 25
/** Distance above the floor, in dB, at which speech and noise are equally likely. */
const margin = 11
/** Distance below the loudest recent speech, in dB, at which they are equally likely. */
const range = 36
/** How fast the memory of the loudest speech fades, in dB a frame (1.5 dB/s). */
const fade = 0.015
/** dB over which the probability rises from 0.5 to about 0.73. */
const slope = 3

const frameSamples = (16_000 * speechFrameMs) / 1000

/**
 * Tells speech from pauses in mono PCM16 at 16 kHz by its level: a frame is likely speech where it stands well above
 * the noise floor, which follows the quietest level of the last seconds, and not too far below the loudest speech.
 * Rumble below about 100 Hz and a constant offset do not count.
 */
export function energyVad(): VoiceActivityDetector {
  const parts: number[] = Array.from({ length: floorParts }, () => Infinity)
  parts[0] = startFloor
  let frames = 0
  let smooth = quietest
  let peak = -40
  let lastSample = 0
  let highPassed = 0
  let beforeLast = quietest

  return {
    frameSamples,
    accept(frame) {
      let energy = 0
      for (const sample of frame) {
        highPassed = sample - lastSample + 0.96 * highPassed
        lastSample = sample
        energy += highPassed * highPassed
      }
      const level = Math.max(quietest, 10 * Math.log10(energy / frame.length / 32768 ** 2 + 1e-12))
      smooth += 0.3 * (level - smooth)

      const part = Math.floor(frames / framesPerPart) % floorParts
      if (frames % framesPerPart === 0 && frames > 0) parts[part] = Infinity
      parts[part] = Math.min(parts[part]!, smooth)
      frames++
      const floor = Math.max(quietest, Math.min(...parts))
      // A single loud frame is a click, not speech: only two in a row raise the peak.
      peak = Math.max(peak - fade, Math.min(level, beforeLast), -50)
      beforeLast = level

      const above = Math.min(level - floor - margin, level - (peak - range))
      return 1 / (1 + Math.exp(-above / slope))
    },
  }
}
