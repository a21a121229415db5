// Captions with the names of people whose voices are known: npx tsx who-is-who.ts Alice alice.wav talk.mp4 talk.srt
import { diarize, enrolVoice, fileSource, resample, run, srtSink, voiceBook } from 'diarize-stream'

const [name = 'Alice', clip = 'alice.wav', input = 'talk.mp4', output = 'talk.srt'] = process.argv.slice(2)

// Ask whoever it is: what a voice is known by is biometric data.
const book = voiceBook('voices.json')
const { speechMs } = await enrolVoice(book, name, fileSource(clip))
await book.save()
console.log(`${name} is in ${book.path}, by ${(speechMs / 1000).toFixed(1)} s of speech`)

await run(fileSource(input), resample(), diarize({ engine: 'embedded', voices: book }), srtSink(output))
console.log(`the captions are in ${output}`)
