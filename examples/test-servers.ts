// Plays a clip as a radio station and as a camera, to try radio.ts and camera.ts with: npx tsx test-servers.ts talk.mp4
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { httpFaultServer, rtspFaultServer } from 'diarize-stream/testing'

const [input = 'talk.mp4', radioPort = '8040', cameraPort = '8554'] = process.argv.slice(2)

/** The sound of the clip as FFmpeg makes it. */
async function sound(...format: string[]): Promise<Buffer> {
  const options = { encoding: 'buffer', maxBuffer: 2 ** 30 } as const
  return (await promisify(execFile)('ffmpeg', ['-v', 'error', '-i', input, ...format, 'pipe:1'], options)).stdout
}

// A station sends its music again and again, as fast as it is played: 64 kbit/s are 8000 bytes a second.
const station = { endless: true, bytesPerSecond: 8000, type: 'audio/mpeg', headers: { 'icy-name': 'Test' } }
const music = await sound('-b:a', '64k', '-f', 'mp3')
const radio = await httpFaultServer(music, [], { ...station, port: Number(radioPort) })

// A camera that breaks off once, after four seconds of its first connection.
const pcm = await sound('-ar', '16000', '-ac', '1', '-f', 's16le')
const camera = await rtspFaultServer([{ fault: 'drop', afterMs: 4000 }], { pcm, loop: true, port: Number(cameraPort) })

console.log(`radio: ${radio.url('/radio')}, camera: ${camera.url}`)
