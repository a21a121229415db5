import { cleanName } from '../captions/text.ts'
import { VoiceBookError } from '../errors.ts'
import { defined, invalidOption } from '../options.ts'
import { type BookContents, type KnownVoice, mostVoices, type SpeakerModelIdentity } from './book.ts'
import { joinedProfile, type VoiceProfile } from './profile.ts'
import { type Voice, voiceOf } from './voice.ts'

/** The most characters of a name. */
export const maxNameLength = 100
/** The largest file that is read, in bytes: a thousand voices have 3 MB. */
export const maxFileBytes = 16_000_000
const maxDimensions = 4096
/** The longest speech that a voice is said to be made of, in frames of 10 ms: 24 hours. */
const maxFrames = 8_640_000
/** Recordings that a voice was learned from are remembered, the newest. */
const maxInputs = 100
const inputHash = /^[0-9a-f]{16,64}$/

const format = 'diarize-stream voices'
const version = 1

/** The name as it is kept: composed, on one line. @throws ConfigurationError `INVALID_OPTION` */
export function checkVoiceName(option: string, name: unknown): string {
  const clean = typeof name === 'string' ? cleanName(name) : ''
  if (clean !== '' && clean.length <= maxNameLength) return clean
  throw invalidOption(option, `a name of 1 to ${maxNameLength} characters, at least one of them visible`, name)
}

/** The contents with `profile` under `name`, joined to what is there. @throws VoiceBookError `VOICES_MODEL_MISMATCH`, `VOICES_FULL` */
export function withVoice(
  contents: BookContents,
  added: Pick<KnownVoice, 'name' | 'profile'> & {
    model: SpeakerModelIdentity
    at: string
    learned?: boolean
    input?: string | undefined
  },
  limits: { file: string; most: number },
): BookContents {
  const { name, profile, model, at, learned = false, input } = added
  checkModel(contents, model, limits.file)
  const before = contents.voices.find((voice) => voice.name === name)
  if (before === undefined && contents.voices.length >= limits.most) {
    const message = `the voice book ${limits.file} holds ${limits.most} voices already, so ${name} has no place; forget some: diarize-stream voices forget <name>`
    throw new VoiceBookError('VOICES_FULL', message, { file: limits.file, voice: name })
  }
  const sizes = new Set([...contents.voices, { profile }].flatMap((voice) => sizesOf(voice.profile)))
  if (sizes.size !== 1 || sizesOf(profile).length === 0)
    throw invalidOption('profile', `a voice of ${[...sizes][0] ?? 'some'} dimensions`, profile)
  const after: KnownVoice = {
    name,
    learned: learned && (before?.learned ?? true),
    profile: before === undefined ? profile : joinedProfile(before.profile, profile),
    addedAt: before?.addedAt ?? at,
    updatedAt: at,
    ...heardIn(before?.heardIn, input === undefined ? [] : [input]),
  }
  const voices =
    before === undefined
      ? [...contents.voices, after]
      : contents.voices.map((voice) => (voice === before ? after : voice))
  return { model, voices }
}

/** The contents with a voice under another name; one that has that name already becomes one with it. @throws VoiceBookError `VOICE_UNKNOWN` */
export function withName(contents: BookContents, from: string, to: string, file: string): BookContents {
  const voice = knownVoice(contents, from, file)
  if (voice.name === to) return { ...contents, voices: replaced(contents, voice, { ...voice, learned: false }) }
  const other = contents.voices.find(({ name }) => name === to)
  const named: KnownVoice =
    other === undefined
      ? { ...voice, name: to, learned: false }
      : {
          name: to,
          learned: false,
          profile: joinedProfile(other.profile, voice.profile),
          addedAt: other.addedAt < voice.addedAt ? other.addedAt : voice.addedAt,
          updatedAt: other.updatedAt > voice.updatedAt ? other.updatedAt : voice.updatedAt,
          ...heardIn(other.heardIn, voice.heardIn),
        }
  const rest = { ...contents, voices: contents.voices.filter((one) => one !== other) }
  return { ...contents, voices: replaced(rest, voice, named) }
}

/** The contents without a voice. @throws VoiceBookError `VOICE_UNKNOWN` */
export function withoutName(contents: BookContents, name: string, file: string): BookContents {
  const voice = knownVoice(contents, name, file)
  const voices = contents.voices.filter((one) => one !== voice)
  // An empty book belongs to no model.
  return voices.length === 0 ? { voices } : { ...contents, voices }
}

/** All of the recordings, as far as they are remembered; the second come last. */
function heardIn(some: readonly string[] = [], others: readonly string[] = []): Pick<KnownVoice, 'heardIn'> {
  const all = [...new Set([...some.filter((input) => !others.includes(input)), ...others])].slice(-maxInputs)
  return all.length === 0 ? {} : { heardIn: all }
}

const sizesOf = (profile: VoiceProfile): number[] => Object.values(profile).map((voice: Voice) => voice.sum.length)

function replaced(contents: BookContents, one: KnownVoice, by: KnownVoice): KnownVoice[] {
  return contents.voices.map((voice) => (voice === one ? by : voice))
}

function knownVoice({ voices }: BookContents, name: string, file: string): KnownVoice {
  // A name may be spelled as it was when it was given.
  const clean = cleanName(name)
  const voice = voices.find((one) => one.name === clean)
  if (voice !== undefined) return voice
  const known = voices.length === 0 ? 'it is empty' : `it has ${voices.map((one) => one.name).join(', ')}`
  throw new VoiceBookError('VOICE_UNKNOWN', `the voice book ${file} has no voice called ${name}; ${known}`, {
    file,
    voice: name,
  })
}

/** Refuses voices of another model than those of the book. @throws VoiceBookError `VOICES_MODEL_MISMATCH` */
export function checkModel({ model }: BookContents, other: SpeakerModelIdentity, file: string): void {
  if (model === undefined || model.sha256 === other.sha256) return
  const message =
    `the voices in ${file} were made by the speaker model ${model.name} (SHA-256 ${model.sha256.slice(0, 12)}), and ` +
    `cannot be compared with those of ${other.name} (${other.sha256.slice(0, 12)}); use the model they were made by, or ` +
    'add the voices to another book: diarize-stream voices add <name> <clip> --book <file>'
  throw new VoiceBookError('VOICES_MODEL_MISMATCH', message, { file, bookModel: model, model: other })
}

/** The text of the file: JSON with a voice a line, so that one can be found, compared and deleted by hand. */
export function formatBook({ model, voices }: BookContents): string {
  const lines = voices.map(({ name, learned, profile, addedAt, updatedAt, heardIn: inputs }) => {
    const about = { name, ...(learned && { learned }), addedAt, updatedAt, ...(inputs && { heardIn: inputs }) }
    return `    ${JSON.stringify({ ...about, ...storedProfile(profile) })}`
  })
  const list = lines.length === 0 ? '[]' : `[\n${lines.join(',\n')}\n  ]`
  const named = model === undefined ? '' : `  "model": ${JSON.stringify({ name: model.name, sha256: model.sha256 })},\n`
  return `{\n  "format": ${JSON.stringify(format)},\n  "version": ${version},\n${named}  "voices": ${list}\n}\n`
}

interface StoredVoice {
  /** Seconds of speech behind it. */
  speech: number
  /** The mean of the vectors: 32-bit floats, little-endian, in base64. */
  vector: string
}

/** A profile as it is written in JSON. */
export function storedProfile({ wideband, narrowband }: VoiceProfile): object {
  return { wideband: storedOf(wideband), narrowband: storedOf(narrowband) }
}

function storedOf(voice: Voice | undefined): StoredVoice | undefined {
  if (voice === undefined) return undefined
  const bytes = Buffer.alloc(voice.sum.length * 4)
  voice.sum.forEach((value, index) => bytes.writeFloatLE(value / Math.max(1, voice.frames), index * 4))
  return { speech: voice.frames / 100, vector: bytes.toString('base64') }
}

/** What the text of a file holds. @throws VoiceBookError `VOICES_UNREADABLE` for any other text. */
export function parseBook(text: string, file: string): BookContents {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw unreadable(file, `it is no JSON, or not whole (${(error as Error).message})`, error)
  }
  if (!isObject(value) || value['format'] !== format) throw unreadable(file, 'it is no voice book')
  if (typeof value['version'] !== 'number' || value['version'] > version) {
    throw unreadable(file, `it is of version ${String(value['version'])}, and this program reads ${version}: update it`)
  }
  const { voices, model } = value
  if (!Array.isArray(voices) || voices.length > mostVoices) {
    throw unreadable(file, `its field voices is no list of at most ${mostVoices}`)
  }
  const read = voices.map((voice, index) => parseVoice(voice, `voice ${index + 1}`, file))
  if (new Set(read.map(({ name }) => name)).size < read.length)
    throw unreadable(file, 'two of its voices have one name')
  const sizes = new Set(read.flatMap(({ profile }) => sizesOf(profile)))
  if (sizes.size > 1) throw unreadable(file, 'its vectors are not all of one length')
  if (!isModel(model)) {
    if (read.length === 0 && model === undefined) return { voices: [] }
    throw unreadable(file, 'it does not say which speaker model its voices are of')
  }
  return { model: { name: model.name, sha256: model.sha256 }, voices: read }
}

function parseVoice(value: unknown, which: string, file: string): KnownVoice {
  if (!isObject(value)) throw unreadable(file, `${which} is no object`)
  const { name, learned, addedAt, updatedAt, heardIn: inputs } = value
  if (typeof name !== 'string' || name.length > maxNameLength || name === '' || cleanName(name) !== name) {
    throw unreadable(file, `${which} has no proper name`)
  }
  const profile = parseProfile(value, which, (why) => unreadable(file, why))
  if (!isTime(addedAt) || !isTime(updatedAt)) throw unreadable(file, `${which} does not say when it was added`)
  if (inputs !== undefined && !isInputs(inputs))
    throw unreadable(file, `${which} does not say what it was learned from`)
  return {
    name,
    learned: learned === true,
    profile,
    addedAt,
    updatedAt,
    ...defined({ heardIn: inputs }),
  }
}

const isInputs = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length <= maxInputs &&
  value.every((input) => typeof input === 'string' && inputHash.test(input))

/** The profile in what {@link storedProfile} has written. @throws what `damaged` makes of the reason */
export function parseProfile(
  value: Record<string, unknown>,
  which: string,
  damaged: (why: string) => Error,
): VoiceProfile {
  const broken = (): Error => damaged(`a vector of ${which} is damaged`)
  const wideband = parseStored(value['wideband'], false, broken)
  const narrowband = parseStored(value['narrowband'], true, broken)
  if (wideband === undefined && narrowband === undefined) throw damaged(`${which} has no vector`)
  return defined({ wideband, narrowband })
}

function parseStored(value: unknown, narrowband: boolean, broken: () => Error): Voice | undefined {
  if (value === undefined) return undefined
  if (isObject(value) && typeof value['speech'] === 'number' && typeof value['vector'] === 'string') {
    const frames = Math.round(value['speech'] * 100)
    const bytes = Buffer.from(value['vector'], 'base64')
    const count = bytes.length / 4
    if (frames >= 1 && frames <= maxFrames && Number.isInteger(count) && count >= 1 && count <= maxDimensions) {
      const vector = Array.from({ length: count }, (_, index) => bytes.readFloatLE(index * 4))
      const length = Math.hypot(...vector)
      if (length > 0 && length <= 1.01) return voiceOf(vector, frames, narrowband)
    }
  }
  throw broken()
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const isTime = (value: unknown): value is string => typeof value === 'string' && !Number.isNaN(Date.parse(value))

const isModel = (value: unknown): value is SpeakerModelIdentity =>
  isObject(value) &&
  typeof value['name'] === 'string' &&
  value['name'].length <= 1000 &&
  typeof value['sha256'] === 'string' &&
  /^[0-9a-f]{64}$/.test(value['sha256'])

/** The error for a file that cannot be read as a voice book. */
export function unreadable(file: string, why: string, cause?: unknown): VoiceBookError {
  const message = `${file} cannot be used as a voice book: ${why}; restore it from a copy, or name another file`
  return new VoiceBookError('VOICES_UNREADABLE', message, { file, cause })
}
