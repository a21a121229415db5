// Captions a voice chat whose speakers send Opus packets: npx tsx voice-chat.ts talk.vtt Alice=alice.ogg Bob=bob.ogg
import { createReadStream } from 'node:fs'
import { pipeline, Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import prism from 'prism-media'
import { diarize, resample, run, vttSink } from 'diarize-stream'

/** What one speaker says, of packets as Discord sends them: 48 kHz, stereo, 20 ms each. */
function voiceOf(packets: Readable): Readable {
  const decoder = new prism.opus.Decoder({ rate: 48_000, channels: 2, frameSize: 960 })
  const pcm = resample({ input: { sampleRate: 48_000, channels: 2, encoding: 's16le' } })
  return pipeline(packets, decoder, pcm, (error) => error && console.warn(`not heard any more: ${error.message}`))
}

// 100 ms of what resample() gives: PCM16, mono, 16 kHz.
const [MS, BYTES] = [100, 3200]

/** Speakers as channels, by the clock: who sends no packets is silent, and nobody's words move. */
async function* room(voices: readonly Readable[]): AsyncGenerator<Buffer> {
  const heard = voices.map((voice) => {
    const one = { pcm: Buffer.alloc(0), speaks: false, ended: false }
    voice.on('data', (more: Buffer) => (one.pcm = Buffer.concat([one.pcm, more])))
    voice.on('close', () => (one.ended = true))
    return one
  })
  const began = performance.now()
  for (let tick = 1; heard.some(({ pcm, ended }) => !ended || pcm.length > 0); tick++) {
    await wait(Math.max(0, began + tick * MS - performance.now()))
    const mixed = Buffer.alloc(BYTES * heard.length)
    for (const [channel, one] of heard.entries()) {
      // Who begins is held back by 200 ms, so that packets may come late in the middle of a word.
      one.speaks = one.pcm.length > 0 && (one.speaks || one.ended || one.pcm.length >= 2 * BYTES)
      if (!one.speaks) continue
      const samples = one.pcm.subarray(0, BYTES)
      one.pcm = one.pcm.subarray(samples.length)
      for (let at = 0; at < samples.length; at += 2) samples.copy(mixed, at * heard.length + channel * 2, at, at + 2)
    }
    yield mixed
  }
}

/** The packets of a file, when they would be said. A bot for Discord has them from `connection.receiver.subscribe(user)`. */
async function* asSaidNow(file: string): AsyncGenerator {
  const packets = pipeline(createReadStream(file), new prism.opus.OggDemuxer(), () => {})
  const began = performance.now()
  let count = 0
  for await (const packet of packets) {
    await wait(Math.max(0, began + 20 * count++ - performance.now()))
    yield packet
  }
}

const [output = 'talk.vtt', ...people] = process.argv.slice(2)
const voices = people.map((person) => voiceOf(Readable.from(asSaidNow(person.replace(/.*?=/, '')))))
const channels = people.map((person) => person.replace(/=.*/, ''))
await run(room(voices), diarize({ channels, skipSilent: true, live: true }), vttSink(output))
