// Captions what a browser's microphone hears: npx tsx browser-microphone.ts [port], then open the address that it prints.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Writable } from 'node:stream'
import { WebSocketServer } from 'ws'
import { decode, diarize, resample, run, type Turn, wordRuns } from 'diarize-stream'

const [port = '8080'] = process.argv.slice(2)
const page = await readFile(new URL('browser-microphone.html', import.meta.url))

const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
})

// A recording may hold a second in one message; what is longer is no live sound.
new WebSocketServer({ server, maxPayload: 1_000_000 }).on('connection', (socket) => {
  const sound = new PassThrough()
  socket.on('message', (chunk: Buffer, isBinary) => {
    if (!isBinary) return void sound.end()
    // A browser does not wait: while we are behind, its messages wait in the socket.
    if (!sound.write(chunk)) {
      socket.pause()
      sound.once('drain', () => socket.resume())
    }
  })
  // A page that is closed ends its recording like one that says so.
  socket.on('close', () => sound.end())
  socket.on('error', ({ message }) => console.warn(message))

  const show = new Writable({
    objectMode: true,
    write(turn: Turn, _encoding, done) {
      const runs = wordRuns(turn).map(({ speaker, text }) => ({ speaker, text }))
      socket.send(JSON.stringify({ order: turn.order, endOfTurn: turn.endOfTurn, runs }))
      done()
    },
  })
  run(sound, decode(), resample(), diarize({ partials: true }), show).then(
    () => socket.close(),
    ({ message }: Error) => socket.close(1011, message.slice(0, 100)),
  )
})

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
})
