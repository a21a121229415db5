import { isKnownKind, kindHeadBytes } from './file-kinds.ts'
import { type FrameKind, frameKind, type SilentFrame, tagHeadBytes, tagLength } from './frames.ts'

const nothing = Buffer.alloc(0)

/**
 * Formats that are frames one behind the other, without what is none: the tags and the filling between and behind them, which
 * FFmpeg takes for damaged sound, and of MP3 indexes there, which would be played as a frame of silence. What stands at the very
 * start stays: it tells FFmpeg what the bytes are. In the place of a stretch that was erased come as many frames without sound as were in it,
 * by the length of those before: these formats have no clock, and all that follows would be too early.
 */
export class FrameRepair {
  #kind: FrameKind
  #held: Buffer = nothing
  /** Bytes that pass, and then bytes that are left out. */
  #pass = 0
  #skip = 0
  /** Bytes that have passed, or were left out. */
  #taken = 0
  /** Whether no frame has come yet. */
  #atStart = true
  /** Whether frames follow one another; where they do not, whatever comes is for FFmpeg to judge. */
  #inStep = true
  /** Bytes since frames do not follow one another: all, those that FFmpeg was given, and those that cannot have been erased. */
  #lost = 0
  #given = 0
  #written = 0
  /** Whether these have been erased. */
  #isBlank = false
  /** The last frames: how many, weighted, and their bytes; and one like them, without sound. */
  #frames = 0
  #frameBytes = 0
  #silent: SilentFrame | undefined
  /** The longest frame that may be, by those so far, in bytes. */
  #longest = longestFrame
  /** The length of all frames so far, in ms. */
  #time = 0
  #holes: Hole[] = []

  constructor(kind: FrameKind) {
    this.#kind = kind
  }

  /** Stretches that are no frames, found since this was last asked. */
  takeHoles(): Hole[] {
    return this.#holes.splice(0)
  }

  push(more: Buffer): Buffer {
    let bytes = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
    this.#held = nothing
    const out: Buffer[] = []
    while (bytes.length > 0) {
      const passed = Math.min(this.#pass, bytes.length)
      out.push(bytes.subarray(0, passed))
      this.#pass -= passed
      const skipped = Math.min(this.#skip, bytes.length - passed)
      this.#skip -= skipped
      bytes = bytes.subarray(passed + skipped)
      this.#taken += passed + skipped
      if (bytes.length === 0 || this.#decide(bytes, out)) continue
      this.#held = bytes
      break
    }
    return out.length === 1 ? out[0]! : Buffer.concat(out)
  }

  flush(): Buffer {
    const held = this.#held
    this.#held = nothing
    const isFrame = (this.#kind.length(held, 0) ?? Infinity) <= held.length
    if (!this.#inStep && (isFrame || this.#given !== this.#lost)) {
      const out: Buffer[] = []
      this.#fill(out, this.#atStart || !isFrame)
      return Buffer.concat([...out, held])
    }
    if (!this.#inStep || this.#atStart || this.#kind.keepsFilling === true) return held
    const isFilling = held.every((byte) => byte === 0) || (held.length > 2 && held.every((byte) => byte === 0xff))
    return isFilling ? nothing : held
  }

  /** Says what becomes of the next bytes; `false` where more must come. */
  #decide(bytes: Buffer, out: Buffer[]): boolean {
    const kind = this.#kind
    const length = kind.length(bytes, 0)
    // In damaged bytes one begins by chance, unless another follows.
    const isUnsure = !this.#inStep && kind.silent !== undefined
    if (length !== undefined && isUnsure && bytes.length < length + kind.head) return false
    if (length !== undefined && (this.#inStep || isFollowed(kind, bytes, length))) {
      if (bytes.length < Math.min(length, kind.need)) return false
      const isIndex = kind.isIndex?.(bytes, 0) === true
      if (!this.#inStep) this.#fill(out, isIndex || this.#atStart)
      this.#inStep = true
      if (isIndex && !this.#atStart) this.#skip = length
      else this.#pass = length
      if (!isIndex) this.#count(bytes, length)
      this.#atStart = false
      return true
    }
    if (kind.filler !== undefined) return this.#decideOnFiller(bytes, kind.filler, out)
    let tag = this.#inStep ? tagLength(bytes) : 0
    if (tag === 0 && this.#inStep && !this.#atStart && kind.keepsFilling !== true) tag = fillingLength(kind, bytes)
    if (tag === undefined || (bytes.length < kind.head && (this.#inStep || bytes[0] === kind.mark))) return false
    if (tag > 0) {
      if (this.#atStart) this.#pass = tag
      else this.#skip = tag
      return true
    }
    if (this.#inStep && this.#atStart) {
      // Behind a tag anything may come.
      if (bytes.length < kindHeadBytes) return false
      const found = frameKind(bytes)
      if (found === undefined && isKnownKind(bytes)) {
        this.#pass = Infinity
        return true
      }
      if (found !== undefined && found !== kind) {
        this.#kind = found
        return this.#decide(bytes, out)
      }
    }
    const begins = this.#inStep && !this.#atStart && kind.silent !== undefined
    if (begins && bytes.length < blankBytes) return false
    if (this.#inStep) this.#isBlank = begins && isBlank(bytes)
    this.#inStep = false
    let next = kind.mark === undefined ? -1 : bytes.indexOf(kind.mark, 1)
    // No frame begins with three bytes of ones.
    if (kind.mark === 0xff && next > 0) while (bytes[next + 1] === 0xff && bytes[next + 2] === 0xff) next++
    const count = next < 0 ? bytes.length : next
    this.#lost += count
    if (this.#isBlank) this.#written += writtenIn(bytes.subarray(0, count))
    // Behind what was erased is the rest of a frame; more than that is something else.
    if (this.#written > this.#longest) this.#isBlank = false
    if (this.#isBlank) this.#skip = count
    else {
      this.#pass = count
      this.#given += count
    }
    return true
  }

  get #lostFrames(): number {
    return this.#frames === 0 || this.#kind.mark === undefined ? 0 : (this.#lost * this.#frames) / this.#frameBytes
  }

  /** Frames of which FFmpeg must be given something else in the place of what is none. */
  #decideOnFiller(bytes: Buffer, filler: NonNullable<FrameKind['filler']>, out: Buffer[]): boolean {
    const { mark = nothing, markAt = 0, head } = this.#kind
    if (bytes.length < 2 * head) return false
    // What is filled has a length of its own, and what is held back may be the beginning of a mark.
    const next = bytes.indexOf(mark, 8 + markAt) - markAt
    const count = next > 0 ? next : bytes.length - head
    const filled = filler(count)
    if (filled === undefined) this.#pass = count
    else {
      out.push(filled)
      this.#skip = count
      this.#lost += count
      this.#given += count
    }
    this.#inStep = filled === undefined
    return true
  }

  #count(bytes: Buffer, length: number): void {
    this.#silent = this.#kind.silent?.(bytes, 0)
    this.#time += this.#silent?.ms ?? 0
    this.#frames = this.#frames * keptWeight + 1
    this.#frameBytes = this.#frameBytes * keptWeight + length
    this.#longest = Math.max(this.#longest, length)
  }

  /** Frames follow one another again: those that were erased are made good for. What is before an index is none of the file at hand. */
  #fill(out: Buffer[], isIndex: boolean): void {
    const frames = Math.round(this.#lostFrames)
    const { bytes, ms } = this.#silent ?? { bytes: nothing, ms: 0 }
    const count = this.#isBlank && !isIndex && this.#lost <= longestHole ? frames : 0
    out.push(Buffer.alloc(count * bytes.length, bytes))
    const start = Math.round(this.#time)
    this.#time += count * ms
    const hole = { at: this.#taken - this.#lost, bytes: this.#lost, start, end: Math.round(this.#time) }
    if (frames >= leastTold || this.#kind.filler !== undefined || this.#given !== this.#lost)
      this.#holes.push({ ...hole, given: this.#given + count * bytes.length })
    this.#lost = 0
    this.#given = 0
    this.#written = 0
    this.#isBlank = false
  }
}

/** A stretch of bytes that are no frames, and the silence that stands for it, in ms: none where `start` is `end`. */
export interface Hole {
  /** Where it is, in bytes. */
  at: number
  bytes: number
  /** Bytes that FFmpeg is given in their place. */
  given: number
  start: number
  end: number
}

/** How much of the weight of frames is left when the next one comes. */
const keptWeight = 0.999
/** Fewer frames that are missing are not told of. */
const leastTold = 3
/** What is longer has no silence in its place, in bytes. */
const longestHole = 16_777_216
/** In bytes: of MP3 and ADTS none is longer. */
const longestFrame = 8191

/** Bytes by which a stretch is known that was erased, and those before them: it may begin within the head of a frame. */
const blankBytes = 72
const mostHeadBytes = 8

/** Whether bytes have been erased, or were never written: a disk, a card or a download that broke off leaves nothing but these. */
function isBlank(bytes: Buffer): boolean {
  const part = bytes.subarray(mostHeadBytes, blankBytes)
  const [first] = part
  return bytes.length >= blankBytes && (first === 0 || first === 0xff) && part.every((byte) => byte === first)
}

/** How many bytes there are that cannot have been erased. */
function writtenIn(bytes: Buffer): number {
  let written = 0
  for (const byte of bytes) if (byte !== 0 && byte !== 0xff) written++
  return written
}

/** Whether another frame begins where one is to end, as far as that can be seen. */
function isFollowed(kind: FrameKind, bytes: Buffer, length: number): boolean {
  if (bytes.length < length + kind.head || kind.length(bytes, length) !== undefined) return true
  return tagLength(bytes, length) !== 0
}

/** What is longer is no filling, and no tag, in bytes. */
const longestFilling = 1_048_576

/**
 * Bytes of what people have between and behind joined files and is no sound: zeros or ones, Lyrics3, an APE tag that only its foot
 * tells.
 * 0 where there is none; `undefined` where more bytes must come to tell.
 */
function fillingLength(kind: FrameKind, bytes: Buffer): number | undefined {
  const more = bytes.length < longestFilling ? undefined : 0
  const filling = bytes[0]!
  if (filling === 0 || (filling === 0xff && bytes.length >= 3 && bytes[1] === 0xff && bytes[2] === 0xff)) {
    const other = bytes.findIndex((byte) => byte !== filling)
    if (other < 0 || bytes.length - other < 64) return more
    // The last of the ones may begin a frame.
    const end = filling === 0xff && kind.mark === 0xff ? other - 1 : other
    // Behind filling that stands for lost sound that goes on, with no tag and no index.
    const isFrame = kind.length(bytes, end) !== undefined
    const isJoined = isFrame ? kind.isIndex?.(bytes, end) === true : tagLength(bytes, other) !== 0
    return isJoined ? (isFrame ? end : other) : 0
  }
  if ('LYRICSBEGIN'.startsWith(bytes.toString('latin1', 0, 11))) {
    const ends = ['LYRICS200', 'LYRICSEND'].map((end) => bytes.indexOf(end)).filter((at) => at >= 0)
    return ends.length === 0 ? more : Math.min(...ends) + 9
  }
  // The first of its items: its length, flags, and its name.
  if (bytes.length < 16) return more
  if (bytes[3] !== 0 || !/^[\x20-\x7e]{2}/.test(bytes.toString('latin1', 8, 10))) return 0
  const foot = bytes.indexOf('APETAGEX')
  if (foot < 0 || foot + tagHeadBytes > bytes.length) return more
  return bytes.readUInt32LE(foot + 12) === foot + tagHeadBytes ? foot + tagHeadBytes : 0
}
