import { InputError } from '../errors.ts'

/**
 * The error for audio that has another number of channels than a stage was told.
 *
 * @param stage - Name of the stage for the message, e.g. `resample()`.
 * @param advice - What to do, as the end of a sentence.
 */
export function channelMismatch(stage: string, expected: number, channels: number, advice: string): InputError {
  const told = `${stage} was told to expect ${expected} ${expected === 1 ? 'channel' : 'channels'}`
  return new InputError('CHANNEL_MISMATCH', `${told}, but the audio has ${channels}: ${advice}`, { expected, channels })
}
