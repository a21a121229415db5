/*
 * The same by the official SDK, fed by an FFmpeg that decodes the file.
 */

const [url = '', file = ''] = process.argv.slice(2)
const before = performance.now()
const { AssemblyAI } = await import('assemblyai')
process.send?.(performance.now() - before)
const { spawn } = await import('node:child_process')
const transcriber = new AssemblyAI({ apiKey: 'key' }).streaming.transcriber({
  websocketBaseUrl: `${url}/v3/ws`,
  sampleRate: 16_000,
  speakerLabels: true,
  speechModel: 'universal-3-5-pro',
})
const pcm = ['-f', 's16le', '-ac', '1', '-ar', '16000', '-']
const ffmpeg = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-i', file, ...pcm], {
  stdio: ['ignore', 'pipe', 'ignore'],
})
await transcriber.connect()
for await (const chunk of ffmpeg.stdout) {
  const bytes = chunk as Buffer
  for (let at = 0; at < bytes.length; at += 3200) {
    transcriber.sendAudio(new Uint8Array(bytes.subarray(at, at + 3200)).buffer)
  }
}
