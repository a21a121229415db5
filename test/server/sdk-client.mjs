// A client of the official SDK, run as a process of its own because NODE_EXTRA_CA_CERTS counts at start only.
// Arguments: the wss: URL. Output: one line of JSON with everything the SDK reported.
import { AssemblyAI } from 'assemblyai'

const [url] = process.argv.slice(2)
const client = new AssemblyAI({
  apiKey: 'sdk-key',
  streamingBaseUrl: url.replace('wss:', 'https:').replace('/v3/ws', ''),
})
const token = await client.streaming.createTemporaryToken({ expires_in_seconds: 60, max_session_duration_seconds: 60 })

/** Says three seconds of silence and reports what comes back. */
async function talk(credentials, speechModel = 'universal-3-6-pro') {
  const transcriber = client.streaming.transcriber({
    ...credentials,
    websocketBaseUrl: url,
    sampleRate: 16_000,
    speechModel,
    speakerLabels: true,
    maxSpeakers: 2,
    keytermsPrompt: ['Zürich'],
    connectTimeout: 20_000,
    maxConnectionRetries: 0,
  })
  const heard = { turns: [], revisions: [], errors: [] }
  transcriber.on('turn', (turn) => heard.turns.push(turn))
  transcriber.on('speakerRevision', (revision) => heard.revisions.push(revision))
  transcriber.on('error', (error) => heard.errors.push({ message: error.message, code: error.code }))
  const closed = new Promise((resolve) => {
    transcriber.on('close', (code, reason) => resolve({ code, reason }))
  })
  return { transcriber, heard, closed }
}

const good = await talk({})
const begin = await good.transcriber.connect()
for (let sent = 0; sent < 60; sent++) good.transcriber.sendAudio(new ArrayBuffer(1600))
await good.transcriber.close()

const withToken = await talk({ token })
const cappedBegin = await withToken.transcriber.connect()
await withToken.transcriber.close()

// What an SDK to come may ask for by default.
const tomorrow = await talk({}, 'universal-9-pro')
const beginTomorrow = await tomorrow.transcriber.connect()
await tomorrow.transcriber.close()

const bad = await talk({})
await bad.transcriber.connect()
bad.transcriber.sendAudio(new ArrayBuffer(38_400))
const badClose = await bad.closed

const report = { begin, cappedBegin, beginTomorrow, heard: good.heard, bad: { ...bad.heard, close: badClose } }
process.stdout.write(`${JSON.stringify(report)}\n`)
