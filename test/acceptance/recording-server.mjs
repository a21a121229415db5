// A strict v3 server over wss in a process of its own. Prints its address as a line of JSON, then, when its one session
// has ended, everything that came over the wire.
import { serve } from 'diarize-stream/server'
import { scriptedEngine } from 'diarize-stream/testing'

const { TLS_KEY: key = '', TLS_CERT: cert = '' } = process.env
const record = {
  keys: [],
  parameters: {},
  frameBytes: [],
  audio: '',
  messages: [],
  /** Most ms of audio that were ever here before they could have been spoken. */
  lead: 0,
  end: {},
}
const audio = []
let begun = 0

const server = await serve({
  engine: scriptedEngine(
    [
      { words: 'Good morning everybody.', start: 200, end: 1400, speaker: 'A' },
      { words: 'Good morning to you.', start: 1700, end: 2900, speaker: 'A', revisedSpeaker: 'B' },
    ],
    // As AssemblyAI: it minds being fed faster than real time.
    { fasterThanRealTime: false },
  ),
  host: 'localhost',
  tls: { key, cert },
  apiKeys(given) {
    record.keys.push(given)
    return given === 'test-key'
  },
})
server.on('session', (session) => {
  begun = performance.now()
  record.parameters = session.parameters
})
server.on('message', (session, { binary, data }) => {
  if (!binary) {
    record.messages.push(data)
    return
  }
  audio.push(data)
  record.frameBytes.push(data.length)
  record.lead = Math.max(record.lead, session.receivedMs - (performance.now() - begun))
})
server.on('sessionEnd', (_session, { code, reason, terminated }) => {
  record.end = { code, reason, terminated }
  record.audio = Buffer.concat(audio).toString('base64')
  console.log(JSON.stringify(record))
  void server.close()
})
console.log(JSON.stringify({ url: server.url }))
