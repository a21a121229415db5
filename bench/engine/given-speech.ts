import type { EngineWord } from '../../src/engine/engine.ts'
import { speechFrameMs, type Stretch } from '../../src/engine/parts.ts'
import { trackSpeakers } from '../../src/engine/speakers.ts'
import type { SpeakerSpan } from '../../test/helpers/scoring.ts'
import type { Listened } from './listen.ts'
import type { LabelledTurn } from './score.ts'

/** A pause of this many frames ends a turn, as it does for the engine with its ordinary settings. */
const pauseFrames = 40
/** The longest turn. */
const turnFrames = 1000
/** What gets one label. */
const pieceFrames = 10

const samplesPerFrame = 16 * speechFrameMs

/** When somebody speaks by `spans`, whoever it is: in frames of 10 ms, in order, with pauses between them. */
export function speechIn(spans: readonly SpeakerSpan[]): Stretch[] {
  const result: Stretch[] = []
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const [start, end] = [Math.round(span.start / speechFrameMs), Math.round(span.end / speechFrameMs)]
    const last = result.at(-1)
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end)
    else result.push({ start, end })
  }
  return result
}

/** Gathers `speech` into turns, and cuts those that are too long. */
export function turnsIn(speech: readonly Stretch[]): Stretch[][] {
  const turns: Stretch[][] = []
  for (const stretch of speech) {
    for (let start = stretch.start; start < stretch.end;) {
      const turn = turns.at(-1)
      const first = turn?.[0]
      const open = first !== undefined && start - turn!.at(-1)!.end < pauseFrames && start - first.start < turnFrames
      const end = Math.min(stretch.end, (open ? first.start : start) + turnFrames)
      if (open) turn!.push({ start, end })
      else turns.push([{ start, end }])
      start = end
    }
  }
  return turns
}

/** Speech of a turn in pieces as short as words; what they say does not matter. */
function piecesOf(turn: readonly Stretch[]): EngineWord[] {
  return turn.flatMap(({ start, end }) =>
    Array.from({ length: Math.ceil((end - start) / pieceFrames) }, (_, index) => ({
      text: 'speech',
      start: (start + index * pieceFrames) * speechFrameMs,
      end: Math.min(end, start + (index + 1) * pieceFrames) * speechFrameMs,
      confidence: 1,
      final: true,
    })),
  )
}

/**
 * What the engine's speaker tracking makes of `samples` if it is told when somebody speaks, but not who, nor how many at
 * once. It shows what of the errors comes from the voice activity and from words that were not found.
 */
export async function listenToGivenSpeech(samples: Int16Array, spans: readonly SpeakerSpan[]): Promise<Listened> {
  const tracker = trackSpeakers()
  const live: LabelledTurn[] = []
  const labelled = (words: readonly EngineWord[], labels: readonly (string | undefined)[]): EngineWord[] =>
    words.map(({ text, start, end, confidence, final }, index) => {
      const speaker = labels[index]
      return { text, start, end, confidence, final, ...(speaker !== undefined && { speaker }) }
    })
  for (const [order, turn] of turnsIn(speechIn(spans)).entries()) {
    const [first, last] = [turn[0]!.start, turn.at(-1)!.end]
    const speech = Array.from({ length: last - first }, (_, index) =>
      Number(turn.some(({ start, end }) => start <= first + index && first + index < end)),
    )
    const words = piecesOf(turn)
    const { words: labels, speaker } = await tracker.attribute({
      order,
      offset: first * speechFrameMs,
      samples: samples.slice(first * samplesPerFrame, last * samplesPerFrame),
      speech,
      threshold: 0.5,
      words,
    })
    live.push({ order, words: labelled(words, labels), ...(speaker !== undefined && { speaker }) })
  }
  const changed = new Map((await tracker.revise()).map((revision) => [revision.order, revision]))
  const revised = live.map((turn): LabelledTurn => {
    const revision = changed.get(turn.order)
    if (revision === undefined) return turn
    const { order, words, speaker } = revision
    return { order, words: labelled(turn.words, words), ...(speaker !== undefined && { speaker }) }
  })
  return { live, revised, cpu: 0, speakersCpu: 0, lateness: [] }
}
