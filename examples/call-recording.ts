// Captions a call that was recorded with each speaker on a channel of their own: npx tsx call-recording.ts call.wav call.vtt
import { diarize, fileSource, resample, run, vttSink } from 'diarize-stream'

const [input = 'call.wav', output = 'call.vtt'] = process.argv.slice(2)

// One session for each channel. Nobody has to be told apart by voice, so a speaker is never mistaken for the other.
const turns = diarize({ channels: ['Agent', 'Customer'], skipSilent: true })
turns.on('session', ({ channel, name }) => console.log(`${channel} is heard by ${name}`))
turns.on('gap', ({ channel, start, end }) => console.warn(`${channel} is missing from ${start} to ${end} ms`))
turns.on('warning', ({ message }) => console.warn(`warning: ${message}`))

const summary = await run(fileSource(input), resample({ channels: 'keep' }), turns, vttSink(output))
console.log(`${summary.turns} turns of ${summary.speakers.join(' and ')} are in ${output}`)
