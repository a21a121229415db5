// Captions what is said into the microphone, for some seconds or until Ctrl-C: node microphone.js [seconds] [device]
import { diarize, fanOut, microphones, microphoneSource, resample, run, srtSink, textSink } from 'diarize-stream'

const [seconds = 'Infinity', device] = process.argv.slice(2)

for (const { id, name, preferred } of await microphones()) console.log(`${preferred ? '*' : ' '} ${id}: ${name}`)

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

const microphone = microphoneSource({
  stop: stop.signal,
  maxDuration: Number(seconds) * 1000,
  ...(device !== undefined && { device }),
})
await run(microphone, resample(), diarize(), fanOut(textSink(), srtSink('microphone.srt')))
