// Captions a video into three formats at once, and prints the captions: npx tsx demo.ts talk.mp4 captions (npm run demo)
import { mkdir, readFile } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { diarize, fanOut, fileSource, jsonlSink, resample, srtSink, vttSink } from 'diarize-stream'

const [input = 'talk.mp4', folder = 'captions'] = process.argv.slice(2)
const stem = join(folder, parse(input).name)
const files = [`${stem}.srt`, `${stem}.vtt`, `${stem}.jsonl`] as const
await mkdir(folder, { recursive: true })

const turns = diarize()
turns.on('session', ({ name, model, url }) => console.log(`Engine: ${name} (${model}) at ${url}`))
turns.on('warning', ({ message }) => console.log(`Note: ${message}.`))

const started = performance.now()
await pipeline(fileSource(input), resample(), turns, fanOut(srtSink(files[0]), vttSink(files[1]), jsonlSink(files[2])))
const seconds = (performance.now() - started) / 1000

console.log(`\n${await readFile(files[0], 'utf8')}`)
console.log(`Captioned ${input} in ${seconds.toFixed(1)} s. The captions are in:`)
for (const file of files) console.log(`  ${file}`)
