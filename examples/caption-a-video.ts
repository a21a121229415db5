// Captions a video: npx tsx caption-a-video.ts talk.mp4 talk.srt
import { pipeline } from 'node:stream/promises'
import { diarize, fileSource, resample, srtSink } from 'diarize-stream'

const [input = 'talk.mp4', output = 'talk.srt'] = process.argv.slice(2)

await pipeline(fileSource(input), resample(), diarize(), srtSink(output))
console.log(`captions of ${input} are in ${output}`)
