import { floatToInt16 } from '../../audio/chunks.ts'
import { BlockAligner } from '../../audio/framer.ts'
import { decodeSamples } from '../../audio/pcm.ts'
import type { WavHeader } from '../../audio/wav.ts'
import { WavReader } from '../../audio/wav-reader.ts'
import type { Engine, EngineSession, EngineTurn, EngineWord } from '../../engine/engine.ts'
import { errorCode } from '../../errors.ts'
import { defined } from '../../options.ts'
import { resolveSettings } from '../../server/settings.ts'

/** What is asked of the engine: nothing is known of what the client will ask for while it uploads. */
const { engine: settings } = resolveSettings({ speakerLabels: true, formatTurns: true, includePartialTurns: false })

/** What an upload says. */
export interface Heard {
  /** Length of the audio in ms. */
  duration: number
  /** Why there can be no transcript of it; absent where there can. */
  problem?: string
  language?: string
  /** Text, words and utterances as the API gives them, those that end by `until` ms. */
  transcript(withSpeakers: boolean, until: number): object
}

/** Hears an upload as it comes, so that nothing of it need be kept. */
export class UploadHearing {
  readonly #engine: Engine
  readonly #wav = new WavReader()
  readonly #aligner = new BlockAligner(2)
  readonly #turns = new Map<number, EngineTurn>()
  #session: EngineSession | undefined
  #samples = 0
  #problem: string | undefined
  #failure: Error | undefined

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Takes the next bytes of the file. @throws what the engine fails with. */
  async push(bytes: Buffer): Promise<void> {
    if (this.#problem !== undefined) return
    try {
      await this.#hear(this.#wav.push(bytes))
    } catch (error) {
      if (errorCode(error) !== 'UNSUPPORTED_AUDIO') throw error
      this.#problem = `Transcoding failed. ${(error as Error).message}`
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** The file is whole. */
  async end(): Promise<Heard> {
    if (this.#problem === undefined) await this.#hear(this.#wav.flush())
    if (this.#wav.missingBytes > 0) this.#problem ??= 'Transcoding failed. The file is not whole.'
    if (this.#samples === 0) this.#problem ??= 'Transcoding failed. The file holds no audio.'
    await this.#session?.end()
    await this.destroy()
    const turns = [...this.#turns.values()].toSorted((a, b) => a.order - b.order)
    const words = turns.flatMap((turn) => turn.words)
    const language = turns.find((turn) => turn.language !== undefined)?.language
    return {
      duration: (this.#samples * 1000) / this.#engine.sampleRate,
      ...defined({ problem: this.#problem, language }),
      transcript: (withSpeakers, until) =>
        transcriptOf(
          words.filter((word) => word.end <= until),
          withSpeakers,
        ),
    }
  }

  /** The upload broke off. */
  async destroy(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.destroy()
  }

  async #hear(bytes: Buffer): Promise<void> {
    const { kind, header } = this.#wav
    if (kind === undefined || (kind === 'wav' && header === undefined)) return
    this.#problem ??= this.#refuse(header)
    if (this.#problem !== undefined || bytes.length === 0) return
    this.#session ??= await this.#engine.open(settings, {
      speechStarted: () => {},
      turn: (turn) => void (turn.endOfTurn && this.#turns.set(turn.order, turn)),
      revision: (revisions) => {
        for (const { order, words } of revisions) {
          const turn = this.#turns.get(order)
          if (turn !== undefined) this.#turns.set(order, { ...turn, words })
        }
      },
      failed: (error) => (this.#failure ??= error),
    })
    const samples = floatToInt16(decodeSamples(this.#aligner.push(bytes), 's16le'))
    this.#samples += samples.length
    await this.#session.write(samples)
  }

  #refuse(header: WavHeader | undefined): string | undefined {
    const { sampleRate } = this.#engine
    const { format } = header ?? {}
    if (format?.channels === 1 && format.encoding === 's16le' && format.sampleRate === sampleRate) return undefined
    return `Transcoding failed. This server reads WAV only, PCM16 mono at ${sampleRate} Hz.`
  }
}

interface ApiWord {
  text: string
  start: number
  end: number
  confidence: number
  speaker: string | null
}

function transcriptOf(heard: readonly EngineWord[], withSpeakers: boolean): object {
  const words = heard.map(({ text, start, end, confidence = 0.9, speaker }): ApiWord => {
    return { text, start, end, confidence, speaker: withSpeakers ? (speaker ?? null) : null }
  })
  const text = textOf(words)
  if (!withSpeakers) return { text, words, utterances: null }
  const runs: ApiWord[][] = []
  for (const word of words) {
    const run = runs.at(-1)
    if (run === undefined || run[0]!.speaker !== word.speaker) runs.push([word])
    else run.push(word)
  }
  const utterances = runs.map((run) => ({
    speaker: run[0]!.speaker,
    start: run[0]!.start,
    end: run.at(-1)!.end,
    confidence: run.reduce((sum, word) => sum + word.confidence, 0) / run.length,
    text: textOf(run),
    words: run,
  }))
  return { text, words, utterances }
}

function textOf(words: readonly ApiWord[]): string {
  return words.map((word) => word.text).join(' ')
}
