// A client of the official SDK with the settings it has by itself, run as a process of its own because NODE_EXTRA_CA_CERTS
// counts at start only. Arguments: the wss: URL, and a file of PCM16 at 16 kHz, which it sends as if it was said now. Output:
// one line of JSON with the finals it had got when `close()` resolved.
import { readFileSync } from 'node:fs'
import { AssemblyAI } from 'assemblyai'

const [url, file] = process.argv.slice(2)
const audio = readFileSync(file)
const transcriber = new AssemblyAI({ apiKey: 'any' }).streaming.transcriber({
  websocketBaseUrl: url,
  sampleRate: 16_000,
  speechModel: 'universal-3-5-pro',
})
const finals = []
transcriber.on('turn', (turn) => turn.end_of_turn && finals.push(turn.transcript))
await transcriber.connect()
const startedAt = performance.now()
for (let at = 0; at < audio.length; at += 3200) {
  transcriber.sendAudio(Uint8Array.from(audio.subarray(at, at + 3200)).buffer)
  const ahead = at / 32 - (performance.now() - startedAt)
  if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead))
}
await transcriber.close()
process.stdout.write(`${JSON.stringify(finals)}\n`)
