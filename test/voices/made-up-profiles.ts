import type { SpeakerModelIdentity } from '../../src/voices/book.ts'
import type { VoiceProfile } from '../../src/voices/profile.ts'
import { voiceOf } from '../../src/voices/voice.ts'

/** A speaker model that there is not. */
export const madeUpModel: SpeakerModelIdentity = { name: 'made-up', sha256: 'a'.repeat(64) }

/** The profile of one of a few voices that are nothing alike, in so much speech. */
export function madeUpProfile(
  which: number,
  seconds = 10,
  band: 'wideband' | 'narrowband' = 'wideband',
  size = 8,
): VoiceProfile {
  const vector = Array.from({ length: size }, (_, index) => (index === which ? 1 : 0))
  return { [band]: voiceOf(vector, seconds * 100, band === 'narrowband') }
}
