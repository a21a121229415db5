// A sink of your own, a plain Writable: it writes a table of who speaks for how long. npx tsx your-own-sink.ts talk.mp4
import { writeFile } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { diarize, fanOut, fileSource, isTurn, resample, run, srtSink, wordRuns, type Turn } from 'diarize-stream'

/** Writes the seconds that each speaker has spoken, as CSV. */
function speakingTimeSink(file: string): Writable {
  // A turn comes again when its labels are corrected, so the latest of each counts.
  const turns = new Map<number, Turn>()
  return new Writable({
    objectMode: true,
    // Few, so that the stages above stay in step with it.
    highWaterMark: 16,
    write(item, _encoding, done) {
      if (isTurn(item) && item.endOfTurn) turns.set(item.order, item)
      done()
    },
    // The file has to be whole before the pipeline ends; an error fails the pipeline.
    final(done) {
      const times = new Map<string, number>()
      for (const { speaker = 'unknown', start, end } of [...turns.values()].flatMap((turn) => wordRuns(turn))) {
        times.set(speaker, (times.get(speaker) ?? 0) + end - start)
      }
      const lines = [...times].map(([speaker, ms]) => `${speaker},${(ms / 1000).toFixed(1)}\n`)
      writeFile(file, `speaker,seconds\n${lines.join('')}`).then(() => done(), done)
    },
  })
}

const [input = 'talk.mp4', captions = 'talk.srt', table = 'speakers.csv'] = process.argv.slice(2)
await run(fileSource(input), resample(), diarize(), fanOut(srtSink(captions), speakingTimeSink(table)))
