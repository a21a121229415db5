import type { Line, Speaker } from './dialogue.ts'
import type { SpokenWord, Utterance } from './flite.ts'
import { sampleRate } from './flite.ts'

/** One turn of the reference; times in ms from the first sample of the clip. */
export interface ReferenceTurn {
  speaker: string
  start: number
  end: number
  text: string
  words: SpokenWord[]
}

/** What is said in the clip, by whom and when: `demo/dialogue.reference.json`. */
export interface Reference {
  sampleRate: number
  durationMs: number
  speakers: Speaker[]
  turns: ReferenceTurn[]
}

/** Loudness of every turn: root mean square of its words relative to full scale, in dB. */
const levelDb = -22
/** Silence after the last word, in ms. */
const tail = 700
/** Kept of the voice before the first and after the last word of a turn, in ms, faded in and out. */
const margin = 60
/** Three AAC frames of 1,024 samples at 48 kHz: a clip of this grid has no half-filled last frame. */
const grid = 64

/** Puts the utterances one after the other, each at the same loudness, and says what is where. */
export function arrange(
  speakers: readonly Speaker[],
  lines: readonly Line[],
  utterances: readonly Utterance[],
): { samples: Int16Array; reference: Reference } {
  let now = 0
  const placed = lines.map((line, i) => {
    const utterance = utterances[i]
    const first = utterance?.words[0]
    const last = utterance?.words.at(-1)
    if (!utterance || !first || !last) throw new Error(`no utterance for "${line.text}"`)
    const start = now + line.gap
    const shift = start - first.start
    const words = utterance.words.map((word) => ({ ...word, start: word.start + shift, end: word.end + shift }))
    now = last.end + shift
    return { utterance, shift, turn: { speaker: line.speaker, start, end: now, text: line.text, words } }
  })
  const durationMs = Math.ceil((now + tail) / grid) * grid
  const samples = new Int16Array(toSamples(durationMs))
  for (const { utterance, shift, turn } of placed) mix(samples, utterance.samples, shift, turn)
  const turns = placed.map((item) => item.turn)
  return { samples, reference: { sampleRate, durationMs, speakers: [...speakers], turns } }
}

/** The reference as RTTM, one line a turn. */
export function toRttm(name: string, turns: readonly ReferenceTurn[]): string {
  return turns
    .map((turn) => {
      const times = `${seconds(turn.start)} ${seconds(turn.end - turn.start)}`
      return `SPEAKER ${name} 1 ${times} <NA> <NA> ${turn.speaker} <NA> <NA>\n`
    })
    .join('')
}

function mix(out: Int16Array, voice: Int16Array, shift: number, turn: ReferenceTurn): void {
  const from = toSamples(turn.start)
  const to = toSamples(turn.end)
  const offset = toSamples(shift)
  const edge = toSamples(margin)
  let energy = 0
  for (let i = from; i < to; i++) energy += (voice[i - offset] ?? 0) ** 2
  const gain = (32_768 * 10 ** (levelDb / 20)) / Math.sqrt(energy / (to - from))
  for (let i = from - edge; i < to + edge; i++) {
    const fade = Math.min(1, (i - from + edge) / edge, (to + edge - i) / edge)
    const value = Math.round((voice[i - offset] ?? 0) * gain * fade)
    if (Math.abs(value) > 32_767) throw new Error(`"${turn.text}" is too loud at ${levelDb} dB`)
    out[i] = value
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}

function toSamples(ms: number): number {
  return Math.round((ms * sampleRate) / 1000)
}
