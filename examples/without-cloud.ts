// Captions on this machine alone, by a server that other machines could use: npx tsx without-cloud.ts talk.mp4 talk.srt
import { diarize, fileSource, resample, run, srtSink } from 'diarize-stream'
import { embeddedEngine, serve } from 'diarize-stream/server'

const [input = 'talk.mp4', output = 'talk.srt'] = process.argv.slice(2)

// To be reached from other machines it needs host: '0.0.0.0', keys and a certificate (tls).
const server = await serve({ engine: embeddedEngine(), apiKeys: ['a-key-of-your-own'] })
server.on('session', ({ id }) => console.log(`server: session ${id} has begun`))

const turns = diarize({ url: server.url, apiKey: 'a-key-of-your-own' })
turns.on('session', ({ engine, model }) => console.log(`client: heard by a ${engine}, model ${model}`))
const { audioMs, speakers } = await run(fileSource(input), resample(), turns, srtSink(output))
console.log(`${Math.round(audioMs / 1000)} s of speakers ${speakers.join(' and ')} are in ${output}`)
await server.close()
