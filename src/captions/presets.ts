/** The numbers of a preset; see `CueLayoutOptions` for what each means. */
const PRESETS = {
  netflix: {
    maxLineWidth: 42,
    maxLines: 2,
    maxReadingSpeed: 20,
    targetReadingSpeed: 17,
    minDuration: 833,
    minDurationPerWord: 0,
    maxDuration: 7000,
    minGap: 83,
    chainBelow: 500,
    tail: 500,
    lookAhead: 25,
    maxDelayMs: 750,
    labels: 'name',
  },
  bbc: {
    maxLineWidth: 37,
    maxLines: 2,
    maxReadingSpeed: 15,
    targetReadingSpeed: 15,
    minDuration: 1000,
    minDurationPerWord: 300,
    maxDuration: 8000,
    minGap: 0,
    chainBelow: 1000,
    tail: 1000,
    lookAhead: 25,
    maxDelayMs: 750,
    labels: 'capitals',
  },
  'web-short': {
    maxLineWidth: 24,
    maxLines: 2,
    maxReadingSpeed: 25,
    targetReadingSpeed: 20,
    minDuration: 700,
    minDurationPerWord: 0,
    maxDuration: 5000,
    minGap: 0,
    chainBelow: 500,
    tail: 300,
    lookAhead: 20,
    maxDelayMs: 750,
    labels: 'none',
  },
  '608': {
    maxLineWidth: 32,
    maxLines: 2,
    maxReadingSpeed: 20,
    targetReadingSpeed: 17,
    minDuration: 1000,
    minDurationPerWord: 0,
    maxDuration: 6000,
    minGap: 0,
    chainBelow: 500,
    tail: 500,
    lookAhead: 12,
    maxDelayMs: 750,
    labels: 'chevrons',
  },
  live: {
    maxLineWidth: 37,
    maxLines: 2,
    maxReadingSpeed: 20,
    targetReadingSpeed: 17,
    minDuration: 1000,
    minDurationPerWord: 0,
    maxDuration: 6000,
    minGap: 0,
    chainBelow: 1000,
    tail: 500,
    lookAhead: 12,
    maxDelayMs: 750,
    labels: 'name',
  },
} as const

/** Names of the presets. */
export type PresetName = keyof typeof PRESETS

/** Names of the presets, the default first. */
export const PRESET_NAMES: readonly PresetName[] = ['netflix', 'bbc', 'web-short', '608', 'live']

/** The numbers of a preset. */
export function presetSettings(name: PresetName) {
  return PRESETS[name]
}
