import { cosine, joinedVoice, logOdds, type Voice, withoutVoice } from './voice.ts'

/**
 * A person's voice as heard so far: one as recorded, one by telephone, since a telephone takes away much of what a voice is
 * known by. At least one of them is there.
 */
export interface VoiceProfile {
  readonly wideband?: Voice
  readonly narrowband?: Voice
}

/** Frames of 10 ms that count at most: a voice changes, so what was heard long ago is to fade (a minute). */
const MOST_FRAMES = 6000
/** A voice of fewer frames (1.5 s) is compared with one of the other band, where that is longer. */
const FEW_FRAMES = 150

/** `profile` and what was heard in `voice`; what is older fades. */
export function withVoice(profile: VoiceProfile, voice: Voice): VoiceProfile {
  const band = voice.narrowband ? 'narrowband' : 'wideband'
  const before = profile[band]
  return { ...profile, [band]: before === undefined ? bounded(voice) : bounded(joinedVoice([before, voice])) }
}

/** The profile of somebody who said all of `voices`; all of it counts alike, however long ago it was. */
export function profileOf(voices: readonly Voice[]): VoiceProfile {
  const [narrow, wide] = [voices.filter(({ narrowband }) => narrowband), voices.filter(({ narrowband }) => !narrowband)]
  return {
    ...(wide.length > 0 && { wideband: joinedVoice(wide) }),
    ...(narrow.length > 0 && { narrowband: joinedVoice(narrow) }),
  }
}

/** A profile of {@link profileOf} without some speech that is part of it. */
export function withoutSpeech(profile: VoiceProfile, part: Voice): VoiceProfile {
  const band = part.narrowband ? 'narrowband' : 'wideband'
  const { [band]: whole, ...other } = profile
  const left = whole && withoutVoice(whole, part)
  return left === undefined || left.frames === 0 ? other : { ...other, [band]: left }
}

/** What a profile holds besides what was learned of it before; of a voice of a minute and more nobody can say. */
export function withoutLearned(profile: VoiceProfile, learned: VoiceProfile = {}): VoiceProfile {
  return voicesOf(learned).reduce((rest, part) => {
    const band = part.narrowband ? 'narrowband' : 'wideband'
    const { [band]: whole, ...other } = rest
    if (whole === undefined) return rest
    return whole.frames >= MOST_FRAMES || whole.frames <= part.frames ? other : withoutSpeech(rest, part)
  }, profile)
}

/** What both profiles hold, as one person's. */
export function joinedProfile(one: VoiceProfile, other: VoiceProfile): VoiceProfile {
  return voicesOf(other).reduce(withVoice, one)
}

/** Frames of speech of 10 ms behind a profile, as far as they count. */
export function framesOf(profile: VoiceProfile): number {
  return voicesOf(profile).reduce((sum, { frames }) => sum + frames, 0)
}

/**
 * Natural logarithm of the odds that two profiles are of one person, by the band in which both were heard longest; 0
 * where nothing can be said. `scatter` is that of one voice, as a multiple of the usual.
 */
export function oddsOfOnePerson(one: VoiceProfile, other: VoiceProfile, scatter = 1): number {
  let best: { a: Voice; b: Voice; length: number } | undefined
  for (const a of voicesOf(one)) {
    for (const b of voicesOf(other)) {
      if (cosine(a, b) === undefined) continue
      const shorter = Math.min(a.frames, b.frames)
      // Between bands little can be told, so that is only for where there is next to nothing else.
      const isSameBand = a.narrowband === b.narrowband
      const length = isSameBand ? shorter : Math.min(shorter, FEW_FRAMES)
      if (best === undefined || length > best.length || (isSameBand && length === best.length)) best = { a, b, length }
    }
  }
  return best === undefined ? 0 : logOdds(best.a, best.b, scatter)
}

function voicesOf({ wideband, narrowband }: VoiceProfile): Voice[] {
  return [wideband, narrowband].filter((voice) => voice !== undefined)
}

function bounded(voice: Voice): Voice {
  if (voice.frames <= MOST_FRAMES) return voice
  const share = MOST_FRAMES / voice.frames
  return {
    frames: MOST_FRAMES,
    sum: voice.sum.map((value) => value * share),
    length: voice.length * share,
    narrowband: voice.narrowband,
  }
}
