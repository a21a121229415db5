// Captions of what a web request brings, as a web response: npx tsx web-streams.ts [port], then curl -T talk.mp4 the address.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { decode, diarize, resample, run, vttSink } from 'diarize-stream'

/** Audio or video of any container in, WebVTT out: what frameworks that know Request and Response take as a handler. */
export function caption(request: Request): Response {
  if (request.body === null) return new Response('send a recording', { status: 400 })
  const body = new TransformStream<Uint8Array, Uint8Array>()
  const captions = vttSink(Writable.fromWeb(body.writable))
  // A request that is aborted, or captions that nobody reads any more, end all of it.
  run(request.body, decode(), resample(), diarize(), captions, {
    signal: request.signal,
  }).catch((error: Error) => console.warn(error.message))
  return new Response(body.readable, { headers: { 'content-type': 'text/vtt; charset=utf-8' } })
}

// Node's own server has other types; a few lines make the one of the other.
const server = createServer((incoming, outgoing) => {
  const leaves = new AbortController()
  outgoing.once('close', () => leaves.abort())
  const body = incoming.method === 'GET' ? null : Readable.toWeb(incoming)
  const method = incoming.method ?? 'GET'
  const request = { method, body, duplex: 'half', signal: leaves.signal } as RequestInit
  const response = caption(new Request('http://localhost/', request))
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  pipeline(Readable.fromWeb(response.body as ReadableStream), outgoing).catch(() => outgoing.destroy())
})
const [port = '8080'] = process.argv.slice(2)
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
})
