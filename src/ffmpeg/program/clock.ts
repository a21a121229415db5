import { second, shortest } from './times.ts'

/**
 * The clock of MPEG transport streams and program streams (recordings of TV, DVDs, cameras), made to run on. Where two
 * recordings were joined, or the clock of the sender began anew or ran out (33 bits of 90 kHz, 26.5 hours), times leap;
 * where nothing was recorded for a while they leap as well, and rightly so. FFmpeg tells the two apart by how far they
 * leap, and cuts out of the sound what is missing for more than 10 s. Here it is known what all tracks do: one that leaps to where
 * another has already come was silent meanwhile; where all leap far, the clock has been set; and a lone packet that leaps is damaged.
 */

/** A time may lie this far before the last of its track, in ticks: pictures come in the order of decoding. */
const mostBack = second
/** From here on times leap, in ticks. */
const leap = 10 * second
/** A track is where another has come to if it lies no further before it or behind it than this, in ticks. */
const near = 5 * second
/** All tracks may leap this far, in ticks: reception was bad. Further, and the recordings are two. */
const longestOutage = 60 * second
/** The first time of all, in s: there is room before it, and as much as there can be before times begin again. */
export const clockBegins = 60
const beginning = clockBegins * second
/** How far back a second recording is put where there is no picture, in ticks: see {@link ProgramClock.#end}. */
const anew = 3 * second

interface Track {
  isPicture: boolean
  /** Time of its last packet, corrected, in ticks. */
  last: number
  /** How long a picture lasts, in ticks, by the packets before; 0 where that is not known. */
  step: number
  /** Pictures that have begun since `last`. */
  pictures: number
  /** What is added to its times. */
  offset: number
  /** Whether its last packets were less than a second apart. */
  isSteady: boolean
}

/** Says what is to be added to the times of packets. */
export class ProgramClock {
  readonly #tracks = new Map<number, Track>()
  /** Tracks of the part before, with which those of this one go on. */
  #before: readonly Track[] = []
  /** What is added to the times of tracks that have not leapt since the last one did. */
  #offset: number | undefined

  get hasBegun(): boolean {
    return this.#offset !== undefined
  }

  /** Begins at the first time of all its tracks, in ticks; without, it begins at that of the first packet. */
  begin(time: number): void {
    this.#offset ??= beginning - time
  }

  /** Another part begins: its tracks may have other numbers. */
  beginPart(): void {
    this.#before = this.#all
    this.#tracks.clear()
  }

  /** Whether a packet of track `id` leaps, so that its time is to be believed only by that of the next. */
  isDoubtful(id: number, time: number): boolean {
    const track = this.#tracks.get(id)
    if (track?.isSteady !== true) return false
    const ahead = shortest(time + track.offset - track.last)
    return ahead < -mostBack || ahead > second
  }

  /**
   * When a packet of track `id` is to be decoded whose time is doubtful, where the `next` of its track is decoded at another: its own
   * time, or one between its neighbours where it alone leaps.
   */
  believed(id: number, time: number, next: number): number {
    const track = this.#tracks.get(id)
    if (track === undefined) return time
    const step = shortest(next + track.offset - track.last)
    const isLone = step >= -mostBack && step <= leap && Math.abs(step) < Math.abs(shortest(next - time))
    return isLone ? track.last - track.offset + Math.round(Math.min(Math.max(0, step) / 2, second)) : time
  }

  /** What is to be added to the times of a packet of track `id` that is to be decoded at `time`, in ticks. */
  correct(id: number, time: number, isPicture: boolean): number {
    this.#offset ??= beginning - time
    const track = this.#tracks.get(id) ?? this.#ongoing(isPicture)
    if (track === undefined) {
      const last = this.#near(time + this.#offset)
      this.#tracks.set(id, { isPicture, last, step: 0, pictures: 1, offset: this.#offset, isSteady: false })
      return this.#offset
    }
    this.#tracks.set(id, track)
    let ahead = shortest(time + track.offset - track.last)
    if (ahead < -mostBack || ahead > leap) {
      const other = shortest(time + this.#offset - track.last)
      if (track.offset !== this.#offset && other >= -mostBack && other <= leap) {
        // It follows the others, which have leapt before it.
        track.offset = this.#offset
        ahead = other
      } else if (!this.#isOutage(track, ahead)) {
        const end = this.#end()
        this.#offset = track.offset = end - time
        ahead = end - track.last
      }
    }
    const step = ahead / Math.max(1, track.pictures)
    if (ahead > 0 && ahead < second && (track.step === 0 || step < track.step)) track.step = step
    track.pictures = 1
    track.isSteady = Math.abs(ahead) < second
    track.last += ahead
    return track.offset
  }

  /** Says that a packet holds more pictures than one, or pictures but no time. */
  addPictures(id: number, count: number): void {
    const track = this.#tracks.get(id)
    if (track !== undefined) track.pictures += count
  }

  get #all(): Track[] {
    return [...this.#tracks.values(), ...this.#before]
  }

  /** A track that goes on with the latest of its kind in the part before; `undefined` where there is none. */
  #ongoing(isPicture: boolean): Track | undefined {
    const alike = this.#before.filter((track) => track.isPicture === isPicture)
    const [first, ...others] = alike.length > 0 ? alike : this.#before
    if (first === undefined) return undefined
    const latest = others.reduce((one, other) => (other.last > one.last ? other : one), first)
    return { ...latest, isPicture, isSteady: false }
  }

  /**
   * Where all that has come so far ends, by the picture. How long the last packet of sound is, nobody says; without a
   * picture what follows is put so far back that it is known to begin anew, and comes right behind what there is.
   */
  #end(): number {
    const tracks = this.#all
    const pictures = tracks.filter(({ isPicture }) => isPicture)
    if (pictures.length === 0) return Math.max(...tracks.map(({ last }) => last)) - anew
    return Math.max(...pictures.map((picture) => picture.last + picture.step * picture.pictures))
  }

  /** Whether a track was only away. */
  #isOutage(leaping: Track, ahead: number): boolean {
    if (ahead < 0) return false
    if (ahead <= longestOutage) return true
    return this.#all.some((track) => track !== leaping && Math.abs(track.last - leaping.last - ahead) < near)
  }

  /** A time as near to those of the other tracks as it can be. */
  #near(time: number): number {
    const [first] = this.#tracks.values()
    return first === undefined ? time : first.last + shortest(time - first.last)
  }
}
