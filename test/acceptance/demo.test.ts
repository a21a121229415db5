import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import {
  type SessionRecord,
  type Warning,
  diarize,
  fanOut,
  fileSource,
  jsonlSink,
  resample,
  srtSink,
  vttSink,
} from 'diarize-stream'
import { noChildLeft } from '../helpers/processes.ts'
import { type ScoredWord, speakerAccuracy, wordErrorRate } from '../helpers/scoring.ts'

const demo = (name: string): string => fileURLToPath(new URL(`../../demo/${name}`, import.meta.url))

it(
  'captions the demo video with nothing configured: words, speakers and times are right',
  { timeout: 300_000 },
  async () => {
    vi.stubEnv('ASSEMBLYAI_API_KEY', '')
    const folder = await mkdtemp(join(tmpdir(), 'diarize-stream-demo-'))
    const file = (name: string): string => join(folder, name)
    const sessions: SessionRecord[] = []
    const warnings: Warning[] = []
    const turns = diarize()
    turns.on('session', (session) => sessions.push(session))
    turns.on('warning', (warning) => warnings.push(warning))
    await pipeline(
      fileSource(demo('dialogue.mp4')),
      resample(),
      turns,
      fanOut(srtSink(file('talk.srt')), vttSink(file('talk.vtt')), jsonlSink(file('talk.jsonl'))),
    )
    await noChildLeft()

    expect(sessions).toMatchObject([{ engine: 'embedded', name: 'sherpa-onnx', model: 'whisper-tiny.en' }])
    expect(warnings.map(({ code }) => code)).toEqual(['EMBEDDED_ENGINE'])

    const reference = JSON.parse(await readFile(demo('dialogue.reference.json'), 'utf8')) as {
      turns: { speaker: string; start: number; end: number; words: { text: string }[] }[]
    }
    const said = reference.turns.flatMap(({ words }) => words.map(({ text }) => text))
    const captions = parseSrt(await readFile(file('talk.srt'), 'utf8'))
    const heard = captions.flatMap(({ words }) => words)
    const wer = wordErrorRate(
      said,
      heard.map(({ text }) => text),
    )
    const score = speakerAccuracy(heard, reference.turns)
    console.log(
      `demo: WER ${(wer * 100).toFixed(1)} %, right speaker for ${(score.words * 100).toFixed(1)} % of the words`,
    )
    expect(wer).toBeLessThan(0.1)
    expect(score.words).toBe(1)
    expect(score.letters).toBe(2)

    // The three formats say the same.
    const vtt = await readFile(file('talk.vtt'), 'utf8')
    expect(vtt.match(/-->/g)).toHaveLength(captions.length)
    const records = (await readFile(file('talk.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record)
    const latest = new Map(records.filter(({ type }) => type === 'turn').map((turn) => [turn.order, turn]))
    const words = [...latest.values()].flatMap((turn) => turn.words ?? [])
    expect(words.map(({ text }) => text)).toEqual(heard.map(({ text }) => text))
    for (const word of words) expect(word.end).toBeGreaterThan(word.start)
    await rm(folder, { recursive: true })
  },
)

interface Record {
  type: string
  order?: number
  words?: ScoredWord[]
}

/** The words of an SRT file with the speaker shown last and the time of their cue. */
function parseSrt(text: string): { words: ScoredWord[] }[] {
  let speaker = ''
  return text
    .trimEnd()
    .split('\n\n')
    .map((block) => {
      const [, times = '', ...lines] = block.split('\n')
      const [start = 0, end = 0] = times.split(' --> ').map(toMs)
      const named = /^Speaker (\w+): (.*)$/s.exec(lines.join(' '))
      speaker = named?.[1] ?? speaker
      const said = (named?.[2] ?? lines.join(' ')).split(' ')
      return { words: said.map((word) => ({ text: word, start, end, speaker })) }
    })
}

function toMs(time: string): number {
  const [hours = 0, minutes = 0, seconds = 0, ms = 0] = time.split(/[:,]/).map(Number)
  return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
}
