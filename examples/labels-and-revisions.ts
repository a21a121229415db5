// Prints each turn with its speakers, and what a later revision changes: npx tsx labels-and-revisions.ts talk.mp4
import { Writable } from 'node:stream'
import { diarize, fileSource, resample, run, wordRuns, type Turn } from 'diarize-stream'

const [input = 'talk.mp4', maxSpeakers = '2'] = process.argv.slice(2)

/** A turn as runs of words of one speaker. */
const described = (turn: Turn): string =>
  wordRuns(turn)
    .map(({ speaker = '?', text }) => `[${speaker}] ${text}`)
    .join(' ')

const print = new Writable({
  objectMode: true,
  write(turn: Turn, _encoding, done) {
    console.log(`${turn.order}.${turn.revision} ${described(turn)}`)
    done()
  },
})

const turns = diarize({ parameters: { maxSpeakers: Number(maxSpeakers) } })
await run(fileSource(input), resample(), turns, print)
