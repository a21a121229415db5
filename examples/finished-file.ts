// Captions a finished file in minutes: npx tsx finished-file.ts film.mp4 film.srt
// Needs a key in ASSEMBLYAI_API_KEY, and the package assemblyai.
import { fileSource, resample, run, srtSink, transcribe } from 'diarize-stream'

const [input = 'talk.mp4', output = 'talk.srt'] = process.argv.slice(2)

const turns = transcribe({ parameters: { keytermsPrompt: ['Hanseatic'] }, deleteTranscript: true })
let phase = ''
turns.on('progress', (progress) => {
  if (progress.phase !== phase) console.log((phase = progress.phase))
})
turns.on('reconnecting', ({ attempt, error }) => console.warn(`attempt ${attempt} after ${error.code}`))

const summary = await run(fileSource(input), resample(), turns, srtSink(output))
console.log(`${summary.turns} turns of ${summary.speakers.length} speakers are in ${output}`)
