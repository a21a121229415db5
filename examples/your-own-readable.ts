// Captions audio that your program already has as samples, as any Readable: npx tsx your-own-readable.ts talk.mp4
import { execFile } from 'node:child_process'
import { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { diarize, isTurn, resample, run } from 'diarize-stream'

const [input = 'talk.mp4'] = process.argv.slice(2)

// Stands for a microphone, a phone call or a room of a conference: mono PCM16 at 48 kHz in pieces of 20 ms.
const decoded = await promisify(execFile)(
  'ffmpeg',
  ['-v', 'error', '-i', input, '-t', '12', '-f', 's16le', '-ac', '1', '-ar', '48000', 'pipe:1'],
  { encoding: 'buffer', maxBuffer: 16 * 1024 * 1024 },
)
function* pieces(samples: Buffer): Generator<Buffer> {
  for (let start = 0; start < samples.length; start += 1920) yield samples.subarray(start, start + 1920)
}

// Headerless samples do not say what they are, so resample() is told.
const format = { sampleRate: 48_000, channels: 1, encoding: 's16le' } as const

// And any Writable may take what comes out: here each turn is printed.
const printer = new Writable({
  objectMode: true,
  write(turn, _encoding, done) {
    if (isTurn(turn) && turn.revision === 0) console.log(`[${turn.speaker ?? '?'}] ${turn.transcript}`)
    done()
  },
})

await run(Readable.from(pieces(decoded.stdout)), resample({ input: format }), diarize(), printer)
