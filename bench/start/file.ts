/*
 * The same from a file that FFmpeg decodes.
 */

const [url = '', file = ''] = process.argv.slice(2)
const before = performance.now()
const { diarize, fileSource, resample, run } = await import('../../src/index.ts')
process.send?.(performance.now() - before)
const { Writable } = await import('node:stream')
const sink = new Writable({ objectMode: true, write: (_turn, _encoding, done) => done() })
await run(fileSource(file), resample(), diarize({ url, apiKey: 'key' }), sink)
