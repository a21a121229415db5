// Shows what a chain does when its server fails: npx tsx test-your-pipeline.ts. This is what your own tests can do.
import { Readable, Writable } from 'node:stream'
import { diarize, run, srtSink } from 'diarize-stream'
import { serve } from 'diarize-stream/server'
import { faultServer, scriptedEngine } from 'diarize-stream/testing'

// A scripted engine hears what its script says, whatever the audio: here four seconds of silence.
const said = [
  { words: 'Good morning, how are you?', start: 200, end: 1400, speaker: 'A' },
  { words: 'Very well, thank you.', start: 2400, end: 3600, speaker: 'A', revisedSpeaker: 'B' },
]
const silence = (): Readable => Readable.from([Buffer.alloc(4000 * 32)])

// 1. A strict server: it refuses what the service would refuse.
const engine = scriptedEngine(said)
const server = await serve({ engine, apiKeys: ['key-of-the-test'] })
const captions: string[] = []
const collect = new Writable({
  write(chunk, _encoding, done) {
    captions.push(String(chunk))
    done()
  },
})
const chain = diarize({ url: server.url, apiKey: 'key-of-the-test', parameters: { maxSpeakers: 2 } })
await run(silence(), chain, srtSink(collect))
console.log(captions.join('').trimEnd())
console.log(`the engine was asked for at most ${engine.sessions[0]?.settings.maxSpeakers} speakers`)
const stranger = diarize({ url: server.url, apiKey: 'another-key' })
await run(silence(), stranger, srtSink('refused.srt')).catch(({ code }: { code: string }) =>
  console.log(`refused: ${code}`),
)
await server.close()

// 2. A server that fails on purpose: it cuts the first connection after one second of audio.
const faults = await faultServer([{ fault: 'drop', afterMs: 1000 }], { turns: said })
const turns = diarize({ url: faults.url, apiKey: 'any', reconnect: { delay: 50 } })
turns.on('reconnecting', ({ attempt, error }) => console.log(`attempt ${attempt} after ${error.code}`))
const summary = await run(silence(), turns, srtSink('after-a-fault.srt'))
console.log(`${summary.turns} turns, ${summary.gaps.length} gaps, ${faults.connections.length} connections`)
await faults.close()
