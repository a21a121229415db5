import { maxChannels } from '../../audio/format.ts'
import { type Check, checkBeside, checkBoolean, integer, invalidOption, oneOf } from '../../options.ts'

/** Options of `diarize()` for audio whose speakers are on channels of their own. */
export interface ChannelOptions {
  /**
   * Names of the interleaved channels of the input, or how many there are, 1 to 8: then they are `Speaker 1`,
   * `Speaker 2`, … Each is heard by a session of its own, and every turn names its channel.
   * @defaultValue none: the input is mono
   */
  channels?: number | readonly string[]
  /**
   * Longest time in ms, 0 to 600000, that a turn is held for one of another channel that began before it and is not final
   * yet: of the stream after its end, and of the clock since it is final. 0 gives turns as they become final.
   * @defaultValue `5000`
   */
  mergeDelay?: number
  /** Whether a channel gets a session only once it is not digital silence any more. @defaultValue `false` */
  skipSilent?: boolean
  /**
   * What an error does that no further attempt on its channel can help: `end` fails the stream, `continue` goes on with
   * the other channels and reports what is missing of this one as a `gap`.
   * @defaultValue `'end'`
   */
  channelFailure?: 'end' | 'continue'
  /**
   * What becomes of a word that two channels heard at one time: `drop` keeps it on the louder channel only.
   * @defaultValue `'keep'`
   */
  bleed?: 'keep' | 'drop'
}

export type ChannelSettings = Required<Omit<ChannelOptions, 'channels'>> & { channels: readonly string[] }

/** Checks of the options that say something of channels only. */
const dependent: Record<Exclude<keyof ChannelOptions, 'channels'>, Check> = {
  mergeDelay: integer(0, 600_000, 'ms'),
  skipSilent: checkBoolean,
  channelFailure: oneOf('end', 'continue'),
  bleed: oneOf('keep', 'drop'),
}

export const channelChecks = { channels: checkNames, ...dependent }

const LONGEST_NAME = 100

/** Refuses what says something of channels where there are none. @throws ConfigurationError `INVALID_OPTION` */
export function checkChannels(options: ChannelOptions): void {
  for (const name of Object.keys(dependent)) {
    checkBeside(name, options[name as keyof ChannelOptions], 'channels', options.channels)
  }
}

/** The options with the defaults filled in; `undefined` where there are no channels to tell apart. */
export function channelSettings({
  channels,
  mergeDelay = 5000,
  skipSilent = false,
  channelFailure = 'end',
  bleed = 'keep',
}: ChannelOptions): ChannelSettings | undefined {
  if (channels === undefined) return undefined
  const names =
    typeof channels === 'number'
      ? Array.from({ length: channels }, (_, index) => `Speaker ${index + 1}`)
      : [...channels]
  return { channels: names, mergeDelay, skipSilent, channelFailure, bleed }
}

function checkNames(option: string, channels: unknown): void {
  if (channels === undefined) return
  if (typeof channels === 'number' && Number.isInteger(channels) && channels >= 1 && channels <= maxChannels) return
  if (!Array.isArray(channels) || channels.length < 1 || channels.length > maxChannels) {
    throw invalidOption(
      option,
      `an array of 1 to ${maxChannels} names or an integer from 1 to ${maxChannels}`,
      channels,
    )
  }
  for (const [index, name] of (channels as unknown[]).entries()) {
    const isName = typeof name === 'string' && name.trim() !== '' && name.length <= LONGEST_NAME
    if (!isName) throw invalidOption(`channels[${index}]`, `a name of 1 to ${LONGEST_NAME} characters`, name)
    if (channels.indexOf(name) !== index)
      throw invalidOption(`channels[${index}]`, 'a name that no other channel has', name)
  }
}

/** The letter of a speaker called `label` on the channel `name`; `undefined` for one of another. A name may begin like another. */
export function letterOn(label: string, name: string, names: readonly string[]): string | undefined {
  const on = (channel: string): boolean => label.startsWith(`${channel}/`)
  if (!on(name) || names.some((other) => other.length > name.length && on(other))) return undefined
  return label.slice(name.length + 1)
}
