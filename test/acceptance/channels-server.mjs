// A strict v3 server in a process of its own. Prints its address as a line of JSON, then, when as many sessions as are
// asked for have ended, everything that came over the wire, session by session.
import { serve } from 'diarize-stream/server'
import { scriptedEngine } from 'diarize-stream/testing'

const wanted = Number(process.argv[2])
const records = new Map()
const ended = []

const server = await serve({
  engine: scriptedEngine(
    [
      { words: 'Good morning everybody.', start: 200, end: 1400 },
      { words: 'Good morning to you.', start: 1700, end: 2900 },
    ],
    // As AssemblyAI: it minds being fed faster than real time.
    { fasterThanRealTime: false },
  ),
  apiKeys: ['test-key'],
})
server.on('session', ({ id, parameters }) => {
  records.set(id, { parameters, frameBytes: [], audio: '', messages: [], end: {}, pcm: [] })
})
server.on('message', ({ id }, { binary, data }) => {
  const record = records.get(id)
  if (!binary) record?.messages.push(data)
  else {
    record?.pcm.push(data)
    record?.frameBytes.push(data.length)
  }
})
server.on('sessionEnd', ({ id }, { code, reason, terminated }) => {
  const { pcm, ...record } = records.get(id) ?? { pcm: [] }
  ended.push({ ...record, end: { code, reason, terminated }, audio: Buffer.concat(pcm).toString('base64') })
  if (ended.length < wanted) return
  console.log(JSON.stringify(ended))
  void server.close()
})
console.log(JSON.stringify({ url: server.url }))
