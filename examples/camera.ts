// Listens to a camera until Ctrl-C, with new files every day: npx tsx camera.ts rtsp://… [seconds a file] [files]
import { diarize, fanOut, jsonlSink, resample, rtspSource, run, vttSink } from 'diarize-stream'

const [url = 'rtsp://192.168.1.20/stream1', secondsPerFile = '86400', files = 'Infinity'] = process.argv.slice(2)

// The first Ctrl-C ends in good order: the last words are waited for, and written.
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

for (let file = 0; file < Number(files) && !stop.signal.aborted; file += 1) {
  // A name of their own for each, so that no start of this program overwrites anything.
  const name = `camera-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`
  const camera = rtspSource(url, { stop: stop.signal, maxDuration: Number(secondsPerFile) * 1000 })
  camera.on('reconnecting', ({ attempt, delay, error }) =>
    console.error(`${error.code}: ${error.message}; attempt ${attempt} in ${delay} ms`),
  )
  camera.on('gap', ({ start, end }) => console.error(`no audio from ${start} to ${end} ms`))
  const sinks = fanOut(vttSink(`${name}.vtt`, { layout: 'live' }), jsonlSink(`${name}.jsonl`))
  const { audioMs, turns, gaps } = await run(camera, resample(), diarize(), sinks)
  console.log(`${name}: ${Math.round(audioMs / 1000)} s, ${turns} turns, ${gaps.length} gaps`)
}
