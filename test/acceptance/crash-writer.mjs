// Writes turns to caption files for ever and says on standard output what it has given them, until it is killed.
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fanOut, jsonlSink, srtSink, vttSink } from 'diarize-stream'

const [directory = '', seed = ''] = process.argv.slice(2)
const sink = fanOut(
  ...['live', 'netflix'].flatMap((layout) => [
    srtSink(path.join(directory, `${layout}.srt`), { layout }),
    vttSink(path.join(directory, `${layout}.vtt`), { layout }),
  ]),
  jsonlSink(path.join(directory, 'all.jsonl')),
)

function turn(order, revision = 0) {
  const start = order * 1000
  const speaker = order % 3 === 0 ? 'B' : 'A'
  const words = ['turn', `number${order}.`].map((text, i) => ({
    text,
    start: start + i * 400,
    end: start + i * 400 + 300,
    confidence: 1,
    speaker,
    final: true,
  }))
  const transcript = words.map((word) => word.text).join(' ')
  const end = words.at(-1)?.end ?? start
  return { sessionId: 's', order, revision, endOfTurn: true, formatted: true, transcript, words, start, end }
}

for (let order = 0; ; order += 1) {
  if (!sink.write(turn(order))) await once(sink, 'drain')
  process.stdout.write(`${JSON.stringify({ order, at: Date.now() })}\n`)
  // Bursts, and now and then a pause longer than words may wait for more.
  const pick = (order * 7 + Number(seed)) % 11
  await wait(pick === 0 ? 1500 : pick * 4)
}
