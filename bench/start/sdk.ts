/*
 * The same by the official SDK.
 */

const [url = '', file = ''] = process.argv.slice(2)
const before = performance.now()
const { AssemblyAI } = await import('assemblyai')
process.send?.(performance.now() - before)
const { createReadStream } = await import('node:fs')
const transcriber = new AssemblyAI({ apiKey: 'key' }).streaming.transcriber({
  websocketBaseUrl: `${url}/v3/ws`,
  sampleRate: 16_000,
  speakerLabels: true,
  speechModel: 'universal-3-5-pro',
})
await transcriber.connect()
for await (const chunk of createReadStream(file, { highWaterMark: 1600 })) {
  const bytes = chunk as Buffer
  transcriber.sendAudio(new Uint8Array(bytes).buffer)
}
