import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A web server of files by path; `asked` lists what was asked for. */
export interface ModelServer {
  url: string
  asked: string[]
  close(): Promise<void>
}

/** Serves `files` on a loopback port; after so many bytes of one, if any number is given, nothing more comes. */
export async function modelServer(
  files: Readonly<Record<string, Buffer>>,
  { stopAfter }: { stopAfter?: number } = {},
): Promise<ModelServer> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const file = files[request.url ?? '']
    if (file === undefined) response.writeHead(404).end()
    else {
      response.writeHead(200, { etag: '"1"', 'content-length': file.length })
      if (stopAfter === undefined) response.end(file)
      else response.write(file.subarray(0, stopAfter))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
