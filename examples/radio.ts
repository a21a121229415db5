// Captions a radio station, for some seconds or until Ctrl-C: npx tsx radio.ts https://example.org/radio [seconds]
import { diarize, fanOut, httpSource, resample, run, textSink, vttSink } from 'diarize-stream'

const [url = 'https://example.org/radio', seconds = 'Infinity'] = process.argv.slice(2)

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

const radio = httpSource(url, { live: true, stop: stop.signal, maxDuration: Number(seconds) * 1000 })
radio.on('reconnecting', ({ delay, error }) => console.error(`${error.code}: ${error.message}; again in ${delay} ms`))
radio.on('gap', ({ start, end }) => console.error(`no audio from ${start} to ${end} ms`))

// The captions go to a file, and what is said to the terminal.
await run(radio, resample(), diarize(), fanOut(vttSink('radio.vtt', { layout: 'live' }), textSink()))
