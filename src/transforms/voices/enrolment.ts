import { pipeline } from 'node:stream/promises'
import { VoiceBookError } from '../../errors.ts'
import { mergeGroups } from '../../engine/voices/clustering.ts'
import { checkKnown, checkSignal, defined, invalidOption } from '../../options.ts'
import type { VoiceBook, VoiceBookInFile } from '../../voices/book.ts'
import { checkModel, checkVoiceName } from '../../voices/book-file.ts'
import { identify, learnedFrom } from '../../voices/identify.ts'
import { type VoiceProfile, withVoice } from '../../voices/profile.ts'
import { joinedVoice, logOdds, type Voice } from '../../voices/voice.ts'
import { type EnrolledVoice, type EnrolVoiceOptions, leastSpeechMs, type TimeSpan } from './enrol.ts'
import { resample } from '../resample.ts'
import { throwIfAborted } from '../../stream-helpers.ts'

/** As much audio is looked at: more makes a voice no clearer. */
const mostAudioMs = 180_000
const samplesPerMs = 16

/** The work of `enrolVoice()`. */
export async function enrol(
  book: VoiceBookInFile,
  name: string,
  source: NodeJS.ReadableStream,
  options: EnrolVoiceOptions,
): Promise<EnrolledVoice> {
  const clean = checkVoiceName('name', name)
  checkKnown('enrolVoice()', options, ['spans', 'signal'])
  checkSignal('signal', options.signal)
  checkSpans(options.spans)
  const parts = new AudioParts(options.spans)
  await pipeline(
    source,
    resample(),
    async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) parts.push(chunk)
    },
    defined({ signal: options.signal }),
  )
  const { openEmbedder } = await import('../../engine/voices/embedder.ts')
  const embedder = await openEmbedder({ model: book.speakerModel, signal: options.signal }).catch((error: unknown) => {
    throwIfAborted(options.signal)
    throw error
  })
  try {
    checkModel(await book.contents(), embedder.model, book.path)
    const pieces: Voice[] = []
    for (const samples of parts.parts()) pieces.push(...(await embedder.voicesIn(samples)))
    const speechMs = pieces.reduce((sum, { frames }) => sum + 10 * frames, 0)
    const voice = speechMs < leastSpeechMs ? undefined : onlyVoice(pieces)
    if (voice === undefined || voice === 'several') throw unclear(clean, speechMs, voice, parts.isCut)
    const profile: VoiceProfile = withVoice({}, voice)
    const learnedAs = await learnedNameOf(book, profile, clean)
    if (learnedAs !== undefined) await book.rename(learnedAs, clean)
    await book.add(clean, profile, embedder.model)
    return { name: clean, speechMs, narrowband: voice.narrowband, ...defined({ learnedAs }) }
  } catch (error) {
    throwIfAborted(options.signal)
    throw error
  } finally {
    await embedder.close()
  }
}

/** What a book calls a voice that it has learned by itself, and that nobody has given a name. */
async function learnedNameOf(book: VoiceBook, profile: VoiceProfile, name: string): Promise<string | undefined> {
  const others = (await book.list()).filter((voice) => voice.name !== name)
  const who = identify([{ label: '', profile }], others).get('')
  const isLearned = others.some((voice) => voice.learned && voice.name === who?.name)
  return isLearned && who!.confidence >= learnedFrom ? who!.name : undefined
}

/** Shorter pieces (frames of 10 ms) found no group. */
const seedFrames = 80
/** A second voice of so many frames, and so much of all, is no mistake of the grouping. */
const secondFrames = 200
const secondShare = 0.12
/** Log odds from which on two groups are one voice: one who reads aloud plays roles, too. */
const keptApart = -1

/** The voice of pieces that are all to be of one person; `'several'` where they are of more. */
function onlyVoice(pieces: readonly Voice[]): Voice | 'several' | undefined {
  if (pieces.length === 0) return undefined
  const seeds = pieces.filter(({ frames }) => frames >= seedFrames)
  const groups = mergeGroups(
    seeds.map((voice, index) => ({ voice, members: [index] })),
    Infinity,
    (a, b) => logOdds(a, b, 1) - keptApart,
  ).toSorted((a, b) => b.voice.frames - a.voice.frames)
  const [first, second] = groups
  const all = pieces.reduce((sum, { frames }) => sum + frames, 0)
  if (second !== undefined && second.voice.frames >= Math.max(secondFrames, secondShare * all)) return 'several'
  // What lies apart is a noise, or a word of somebody else.
  return first === undefined ? joinedVoice(pieces) : first.voice
}

function unclear(name: string, speechMs: number, why: 'several' | undefined, isCut: boolean): VoiceBookError {
  const where = isCut ? ` in its first ${mostAudioMs / 60_000} minutes, which are looked at,` : ''
  const found = `${(speechMs / 1000).toFixed(1)} s of speech${where}`
  const message =
    why === 'several'
      ? `the recording for ${name} has ${found} of more than one voice; give one in which nobody else speaks`
      : `the recording for ${name} has ${found}, and a voice takes ${leastSpeechMs / 1000} s at least, better 10; give ${isCut ? 'one in which that comes sooner' : 'a longer one'}`
  return new VoiceBookError('VOICE_UNCLEAR', message, { voice: name, speechMs })
}

function checkSpans(spans: unknown): void {
  if (spans === undefined) return
  const isSpan = (span: Partial<TimeSpan> | null): boolean =>
    typeof span?.start === 'number' && typeof span.end === 'number' && span.start >= 0 && span.end > span.start
  if (Array.isArray(spans) && spans.length > 0 && spans.every(isSpan)) return
  throw invalidOption('spans', 'a list of { start, end } in ms, each with an end after its start', spans)
}

/** The samples of some stretches of audio that goes by, within a bound. */
class AudioParts {
  readonly #spans: readonly { first: number; end: number; samples: Int16Array }[]
  readonly #areNamed: boolean
  #at = 0
  #odd: Buffer | undefined

  /** @param spans - the longest of them count first; all where there are none. */
  constructor(spans?: readonly TimeSpan[]) {
    let left = mostAudioMs
    this.#areNamed = spans !== undefined
    this.#spans = (spans ?? [{ start: 0, end: mostAudioMs }])
      .toSorted((a, b) => b.end - b.start - (a.end - a.start))
      .flatMap(({ start, end }) => {
        const ms = Math.min(left, end - start)
        left -= ms
        if (ms <= 0) return []
        const first = Math.round(start * samplesPerMs)
        const length = Math.round(ms * samplesPerMs)
        return [{ first, end: first + length, samples: new Int16Array(length) }]
      })
  }

  push(chunk: Buffer): void {
    const bytes = this.#odd === undefined ? chunk : Buffer.concat([this.#odd, chunk])
    const count = Math.floor(bytes.length / 2)
    this.#odd = bytes.length % 2 === 1 ? bytes.subarray(-1) : undefined
    for (const { first, end, samples } of this.#spans) {
      const from = Math.max(first, this.#at)
      const to = Math.min(end, this.#at + count)
      for (let at = from; at < to; at++) samples[at - first] = bytes.readInt16LE(2 * (at - this.#at))
    }
    this.#at += count
  }

  /** Whether there is more than is looked at, where no stretches were named. */
  get isCut(): boolean {
    return !this.#areNamed && this.#at > mostAudioMs * samplesPerMs
  }

  /** The samples of each stretch, as far as there were any. */
  parts(): Int16Array[] {
    return this.#spans
      .filter(({ first }) => first < this.#at)
      .map(({ first, end, samples }) => samples.subarray(0, Math.min(end, this.#at) - first))
  }
}
