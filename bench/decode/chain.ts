import { Writable } from 'node:stream'
import { fileSource, frame, resample, run } from '../../src/index.ts'

/*
 * Reads a file into frames and throws them away: what the decode benchmark measures, in a process of its own.
 */

const [file = '', wanted = '0'] = process.argv.slice(2)
let frames = 0
const sink = new Writable({
  objectMode: true,
  write(_frame, _encoding, done) {
    frames += 1
    done()
  },
})
await run(fileSource(file), resample(), frame(), sink)
if (frames < Number(wanted)) throw new Error(`${frames} frames came, not ${wanted}`)
