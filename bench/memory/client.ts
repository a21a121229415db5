import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { diarize, fanOut, jsonlSink, run, srtSink, type Turn } from '../../src/index.ts'

/*
 * Hears so many words and writes them to files, in a process of its own; tells its parent its memory on the way.
 */

/** Memory after some words. */
export interface GrowthSample {
  words: number
  rssMb: number
  heapMb: number
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const [url = '', wanted = '0', folder = ''] = process.argv.slice(2)
const total = Number(wanted)
const samples: GrowthSample[] = []
let words = 0

/** The audio of as many words, ten a second, a second at a time; every frame begins with its number. */
function* audio(): Generator<Buffer> {
  for (let at = 0; at < total / 10; at++) {
    const second = Buffer.alloc(32_000)
    for (let frame = 0; frame < 20; frame++) second.writeInt32LE(at * 20 + frame, frame * 1600)
    yield second
  }
}

const counter = new Transform({
  objectMode: true,
  highWaterMark: 16,
  transform(turn: Turn, _encoding, done) {
    words += turn.words.length
    if (words >= (total / 10) * (samples.length + 1)) {
      collectGarbage()
      const { rss, heapUsed } = process.memoryUsage()
      samples.push({ words, rssMb: rss / 1_048_576, heapMb: heapUsed / 1_048_576 })
    }
    done(null, turn)
  },
})
await run(
  Readable.from(audio()),
  diarize({ url, apiKey: 'key', pace: 'unpaced', reconnect: { beforeExpiry: 1000 } }),
  counter,
  fanOut(srtSink(join(folder, 'a.srt')), jsonlSink(join(folder, 'a.jsonl'))),
)
if (words !== total) throw new Error(`${words} words came, not ${total}`)
process.send?.(samples, () => process.disconnect())
