/**
 * Scores the embedded engine on labelled speech:
 *
 *     npx tsx scripts/score-engine.ts speech.wav reference [maxSpeakers]
 *
 * `speech.wav` is mono PCM16 at 16 kHz. `reference` is an RTTM file (speakers only), a JSON file with words
 * (`{ text, start, end, speaker }` in ms, as a list or by turns), or the plain text of what is said.
 */
import { readFileSync } from 'node:fs'
import { embeddedEngine } from '../src/engine/embedded.ts'
import { runEngine } from '../test/helpers/engine-run.ts'
import { wavSamples } from '../test/helpers/flite.ts'
import { parseRttm, speakerAccuracy, wordErrorRate, type SpeakerSpan } from '../test/helpers/scoring.ts'

interface Reference {
  words?: string[]
  spans?: SpeakerSpan[]
}

type JsonWord = SpeakerSpan & { text: string }

function readReference(path: string): Reference {
  const text = readFileSync(path, 'utf8')
  if (path.endsWith('.rttm')) return { spans: parseRttm(text) }
  if (!path.endsWith('.json')) return { words: text.trim().split(/\s+/) }
  const json = JSON.parse(text) as JsonWord[] | { turns: { speaker: string; words: JsonWord[] }[] }
  const words = Array.isArray(json)
    ? json
    : json.turns.flatMap(({ speaker, words: said }) => said.map((word) => ({ ...word, speaker })))
  return { words: words.map((word) => word.text), spans: words }
}

const [audio, referencePath, maxSpeakers] = process.argv.slice(2)
if (audio === undefined || referencePath === undefined) {
  console.error('usage: npx tsx scripts/score-engine.ts speech.wav reference.{rttm,json,txt} [maxSpeakers]')
  process.exit(2)
}
const samples = wavSamples(readFileSync(audio))
const reference = readReference(referencePath)
const began = performance.now()
const run = await runEngine(
  embeddedEngine(),
  samples,
  maxSpeakers === undefined ? {} : { maxSpeakers: Number(maxSpeakers) },
)
const seconds = (performance.now() - began) / 1000
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

for (const turn of run.finals) console.log(`${turn.speaker ?? '?'}  ${turn.transcript}`)
console.log(`\nturns ${run.finals.length}, words ${run.words.length}`)
if (reference.words !== undefined) {
  const heard = run.words.map((word) => word.text)
  console.log(`word error rate ${percent(wordErrorRate(reference.words, heard))}`)
}
for (const [when, words] of [
  ['live', run.words],
  ['after revision', run.revisedWords],
] as const) {
  if (reference.spans === undefined) break
  const score = speakerAccuracy(words, reference.spans)
  console.log(
    `${when}: words with the right speaker ${percent(score.words)}, unattributed ${percent(score.unattributed)}, ` +
      `spoken time wrong ${percent(score.timeWrong)}, letters ${score.letters}`,
  )
}
console.log(`time per second of audio, loading included: ${((seconds * 16_000) / samples.length).toFixed(2)} s`)
