/*
 * Sends a file of PCM to a server by this library; tells its parent how long the import took. In a process of its own.
 */

const [url = '', file = ''] = process.argv.slice(2)
const before = performance.now()
const { diarize, run } = await import('../../src/index.ts')
process.send?.(performance.now() - before)
const { createReadStream } = await import('node:fs')
const { Writable } = await import('node:stream')
const sink = new Writable({ objectMode: true, write: (_turn, _encoding, done) => done() })
await run(createReadStream(file), diarize({ url, apiKey: 'key', sampleRate: 16_000 }), sink)
