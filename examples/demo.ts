// npm run demo: captions the clip of this repository into three formats at once, and prints the captions.
import { mkdir, readFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { diarize, fanOut, fileSource, jsonlSink, resample, srtSink, vttSink } from 'diarize-stream'

const folder = 'demo/output'
const files = ['dialogue.srt', 'dialogue.vtt', 'dialogue.jsonl'].map((name) => `${folder}/${name}`) as [
  string,
  string,
  string,
]
await mkdir(folder, { recursive: true })

const turns = diarize()
turns.on('session', ({ name, model, url }) => console.log(`Engine: ${name} (${model}) at ${url}`))
turns.on('warning', ({ message }) => console.log(`Note: ${message}.`))

const started = performance.now()
await pipeline(
  fileSource('demo/dialogue.mp4'),
  resample(),
  turns,
  fanOut(srtSink(files[0]), vttSink(files[1]), jsonlSink(files[2])),
)
const seconds = (performance.now() - started) / 1000

console.log(`\n${await readFile(files[0], 'utf8')}`)
console.log(`Captioned demo/dialogue.mp4 in ${seconds.toFixed(1)} s. The captions are in:`)
for (const file of files) console.log(`  ${file}`)
