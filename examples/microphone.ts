// Captions what is said into the microphone, for some seconds or until Ctrl-C: npx tsx microphone.ts [seconds] [device]
import { diarize, fanOut, microphones, microphoneSource, resample, run, srtSink, textSink } from 'diarize-stream'

const [seconds = 'Infinity', device] = process.argv.slice(2)

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

try {
  for (const { id, name, preferred } of await microphones()) console.log(`${preferred ? '*' : ' '} ${id}: ${name}`)
  const microphone = microphoneSource({
    stop: stop.signal,
    maxDuration: Number(seconds) * 1000,
    ...(device !== undefined && { device }),
  })
  await run(microphone, resample(), diarize(), fanOut(textSink(), srtSink('microphone.srt')))
} catch (error) {
  // Where there is no microphone, that is all there is to say. What FFmpeg said of it is in the error's cause.
  const { code, message } = error as Error & { code?: string }
  console.error(`${code}: ${message}`)
  process.exitCode = 1
}
