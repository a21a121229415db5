// Shows captions in a page while they are spoken: npx tsx captions-in-a-page.ts talk.mp4 [port]
import { readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { diarize, fileSource, resample, run, wordRuns, type Turn } from 'diarize-stream'

const [input = 'talk.mp4', port = '8080'] = process.argv.slice(2)
const page = await readFile(new URL('captions-in-a-page.html', import.meta.url))

// What a page gets that is opened late: the latest of every turn.
const turns = new Map<number, string>()
const pages = new Set<ServerResponse>()

const server = createServer((request, response) => {
  if (request.url !== '/captions') {
    response.writeHead(request.url === '/' ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' })
    return void response.end(request.url === '/' ? page : '')
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write([...turns.values()].join(''))
  pages.add(response)
  response.on('close', () => pages.delete(response))
})
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
})

// Partials, finals and revisions of a turn have its order: each replaces the one before.
const show = new Writable({
  objectMode: true,
  write(turn: Turn, _encoding, done) {
    const runs = wordRuns(turn).map(({ speaker, text }) => ({ speaker, text }))
    const event = `data: ${JSON.stringify({ order: turn.order, endOfTurn: turn.endOfTurn, runs })}\n\n`
    turns.set(turn.order, event)
    for (const response of pages) response.write(event)
    done()
  },
})

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
// A file at the speed at which it is spoken; a microphone, a camera or a radio station has that by itself.
await run(fileSource(input), resample(), diarize({ partials: true, pace: 'realtime' }), show, { stop: stop.signal })

for (const response of pages) response.end('event: end\ndata:\n\n')
server.close()
server.closeIdleConnections()
