import type { DecodingWay } from './arguments.ts'
import { type InputFacts, surroundOf } from './log.ts'
import { passThroughRefusal } from './opus-output.ts'
import { chooseTrack, type TrackChoice, type TrackWish } from './tracks.ts'

/** What is wished of an input. */
export interface InputWish extends TrackWish {
  /** The input as people know it. */
  inputName: string
  /** Whether packets are to be handed on as they are, and why that cannot be whatever the input is. */
  passThrough?: boolean
  packetsRefusal: string | undefined
  /** Whether its channels are to become one. */
  isMono: boolean
}

/** What {@link wayOf} has found. */
export interface FoundWay {
  way: DecodingWay
  /** Whether that is another way than the one in which FFmpeg has begun. */
  isOther: boolean
  /** Which of several tracks was taken, and why, where nobody named one. */
  message?: string | undefined
  /** Why packets are not handed on, where that was wished. */
  refusal?: string | undefined
}

/**
 * The way in which an input is to be decoded, by what FFmpeg says of it, where it was begun in the way `begun`.
 *
 * @throws InputError `NO_AUDIO` where no track is in the language that was named.
 */
export function wayOf(facts: InputFacts, begun: DecodingWay, wish: InputWish): FoundWay {
  const { container, tracks } = facts
  // Of one that FFmpeg could not open nothing is known; how it ends says why.
  const isKnown = container !== ''
  const { index, message }: TrackChoice = isKnown ? chooseTrack(tracks, wish, wish.inputName) : { index: begun.track }
  const track = tracks[index]
  const asks = isKnown && wish.passThrough === true
  const refusal = asks && !begun.copies ? (wish.packetsRefusal ?? passThroughRefusal(track)) : undefined
  const copies = asks && refusal === undefined
  const surround = wish.isMono ? track && surroundOf(track, container) : undefined
  const isSurround = surround !== undefined && begun.surround === undefined
  const isOther = index !== begun.track || copies !== begun.copies || isSurround
  return { way: isOther ? { ...begun, track: index, copies, surround } : begun, isOther, message, refusal }
}
