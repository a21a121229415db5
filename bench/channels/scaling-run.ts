import { Readable, Writable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { diarize, run } from '../../src/index.ts'
import { toneAudio } from '../../src/testing/index.ts'
import { dialogue } from '../../test/trials/dialogue.ts'
import { interleaved } from '../../test/trials/channels/channel-source.ts'

/*
 * One client of the scaling benchmark, in a process of its own: hears a minute of so many channels over and over, and
 * tells its parent what that took.
 */

/** What a client took. */
export interface ScalingSample {
  /** Seconds of processor time for an hour of audio. */
  cpuSeconds: number
  /** MB in use while it works, just swept, beside what is left when it has ended: the median of many looks. */
  memoryMb: number
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const MINUTE = 60_000
const CHUNK_MS = 100
const [url = '', count = '0', minutes = '1'] = process.argv.slice(2)
const channels = Number(count)

/** A minute of every channel, made before anything is measured. */
const minute = interleaved(
  Array.from({ length: Math.max(1, channels) }, (_, channel) => {
    const bytes = toneAudio([...dialogue({ seed: channel + 1, duration: MINUTE, speakers: 1 })], {
      from: 0,
      to: MINUTE,
    })
    return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
  }),
)
const chunkBytes = (minute.length / MINUTE) * CHUNK_MS

function* audio(): Generator<Buffer> {
  for (let round = 0; round < Number(minutes); round++) {
    for (let at = 0; at < minute.length; at += chunkBytes) yield minute.subarray(at, at + chunkBytes)
  }
}

function used(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const stage = diarize({ url, apiKey: 'key', pace: 'unpaced', speakerLabels: false, ...(channels > 0 && { channels }) })
const cpu = process.cpuUsage()
let looked = 0
const looks: number[] = []
stage.on('progress', ({ audioMs }) => {
  // What is compiled at the beginning stays.
  if (audioMs - looked < MINUTE / 3 || audioMs < MINUTE) return
  looked = audioMs
  looks.push(used())
})
const sink = new Writable({ objectMode: true, write: (_turn, _encoding, done) => done() })
await run(Readable.from(audio()), stage, sink)
const { user, system } = process.cpuUsage(cpu)
const median = looks.toSorted((a, b) => a - b)[Math.floor(looks.length / 2)] ?? 0
const sample: ScalingSample = {
  cpuSeconds: ((user + system) / 1e6) * (60 / Number(minutes)),
  memoryMb: (median - used()) / 1_048_576,
}
process.send?.(sample, () => process.disconnect())
