// The same chain with every stage written out, from any byte stream: npx tsx long-form.ts talk.webm talk.vtt
import { createReadStream } from 'node:fs'
import { decode, diarize, frame, resample, run, segment, vttSink } from 'diarize-stream'

const [input = 'talk.webm', output = 'talk.vtt'] = process.argv.slice(2)

const turns = diarize({ parameters: { maxSpeakers: 2 } })
turns.on('session', (session) => console.log(`session on ${session.name}, model ${session.model}`))
turns.on('warning', (warning) => console.warn(`warning: ${warning.message}`))

// run() is pipeline() that also waits until every stage has closed, and reports progress.
await run(
  createReadStream(input),
  decode(),
  resample(),
  frame(),
  turns,
  segment(),
  vttSink(output, { speakers: { A: 'Alan', B: 'Beth' } }),
  { onProgress: ({ audioMs, turns: count }) => console.log(`${Math.round(audioMs / 1000)} s, ${count} turns`) },
)
console.log(`captions of ${input} are in ${output}`)
