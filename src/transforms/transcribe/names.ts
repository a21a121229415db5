import { type AudioFormat, msToBytes } from '../../audio/format.ts'
import { samplesAt16k } from '../../audio/pcm.ts'
import { openEmbedder, speakerModelOf } from '../../engine/voices/embedder.ts'
import { EngineError, VoiceBookError, type Warning } from '../../errors.ts'
import type { Turn } from '../../model.ts'
import { type CleanSpeech, cleanSpeech } from '../../stream/stream-voices.ts'
import type { VoiceBookInFile } from '../../voices/book.ts'
import { checkModel } from '../../voices/book-file.ts'
import { type VoiceProfile, withVoice } from '../../voices/profile.ts'
import type { Voice } from '../../voices/voice.ts'
import { noVoices, SpeakerNaming } from '../voices/speaker-naming.ts'

/** So much speech of each speaker is listened to, ms, the longest stretches first: more makes no voice much clearer. */
const ENOUGH_MS = 15_000

/** A recording whose turns are to get names. */
export interface NamedRecording {
  book: VoiceBookInFile
  format: AudioFormat
  /** The audio between two places, in bytes. */
  read: (from: number, to: number) => AsyncIterable<Buffer>
  /** Gives up. */
  signal: AbortSignal
  warning: (warning: Warning) => void
}

/** Finds out before any work whether a book can be used; a warning where it names nobody. @throws VoiceBookError */
export async function checkBook(book: VoiceBookInFile): Promise<Warning | undefined> {
  const contents = await book.contents()
  try {
    checkModel(contents, await speakerModelOf(book.speakerModel), book.path)
  } catch (error) {
    // A model that is missing is told of when it is needed.
    if (!(error instanceof EngineError)) throw error
  }
  return noVoices(book, contents)
}

/** The turns of a recording, whose labels are the same throughout, with the names of a voice book. */
export async function nameTurns(turns: readonly Turn[], recording: NamedRecording): Promise<readonly Turn[]> {
  const { book, signal, warning } = recording
  let failure: Error | undefined
  const naming = new SpeakerNaming(book, { revised: () => {}, warning, failed: (error) => (failure = error) })
  try {
    const embedder = await openEmbedder({ model: book.speakerModel, signal })
    try {
      await naming.madeBy(embedder.model)
      naming.heard('', await heardVoices(turns, recording, (samples) => embedder.voiceIn(samples)))
    } finally {
      await embedder.close()
    }
    await naming.settle()
  } catch (error) {
    // It could be read before the work began, which is done, and paid.
    const isUnreadable = error instanceof VoiceBookError && error.code === 'VOICES_UNREADABLE'
    if (signal.aborted || (error instanceof VoiceBookError && !isUnreadable)) throw error
    const why = isUnreadable ? '' : `voices cannot be told apart here, so nobody gets a name from ${book.path}: `
    const message = `${why}${(error as Error).message}${isUnreadable ? '; nobody gets a name' : ''}`
    warning({ code: isUnreadable ? 'VOICES_UNREADABLE' : 'VOICES_UNAVAILABLE', message, error })
    return turns
  }
  if (failure !== undefined) throw failure
  return turns.map((turn) => naming.pass(turn))
}

async function heardVoices(
  turns: readonly Turn[],
  { format, read }: NamedRecording,
  voiceIn: (samples: Int16Array) => Promise<Voice | undefined>,
): Promise<Map<string, VoiceProfile>> {
  const voices = new Map<string, VoiceProfile>()
  for (const { label, from, to } of clearest(turns)) {
    const bytes: Buffer[] = []
    for await (const piece of read(msToBytes(from, format), msToBytes(to, format))) bytes.push(piece)
    const voice = await voiceIn(samplesAt16k(Buffer.concat(bytes), format))
    if (voice !== undefined) voices.set(label, withVoice(voices.get(label) ?? {}, voice))
  }
  return voices
}

/** Where each speaker is heard best: in the longest stretches in which nobody else speaks. */
export function clearest(turns: readonly Turn[]): CleanSpeech[] {
  const words = turns.flatMap((turn) => turn.words).toSorted((a, b) => a.start - b.start)
  const left = new Map<string, number>()
  return cleanSpeech(words, ENOUGH_MS)
    .toSorted((a, b) => b.to - b.from - (a.to - a.from))
    .flatMap((speech) => {
      const rest = left.get(speech.label) ?? ENOUGH_MS
      const to = Math.min(speech.to, speech.from + rest)
      left.set(speech.label, rest - (to - speech.from))
      return to > speech.from ? [{ ...speech, to }] : []
    })
}
