import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A repository of the Hub. */
export interface HubRepository {
  /** The only commit, 40 hex digits. */
  commit: string
  /** Branches, which all stand at it. @defaultValue `main` */
  branches?: readonly string[]
  files: Readonly<Record<string, Buffer>>
  /** The token without which nothing of it is shown. */
  token?: string
}

/** A request that was made. */
export interface HubRequest {
  /** Which of the two servers got it. */
  host: 'hub' | 'files'
  /** Method and path, e.g. `GET /a/b/resolve/main/tokens.txt`. */
  line: string
  range: string | undefined
  authorization: string | undefined
}

/** What goes wrong, until it is changed. */
export interface HubFaults {
  /** After so many bytes of a file its connection is cut. */
  cutAfter?: number
  /** After so many bytes of a file nothing more comes. */
  stopAfter?: number
  /** Status of all answers for files. */
  status?: number
  /** Sends whole files to those who ask for a part. */
  ignoreRange?: boolean
  /** Sends other bytes than it says, as many. */
  wrongBytes?: boolean
  /** Sends more bytes than it says. */
  tooMany?: boolean
}

/** A server that behaves as the Hub does, with a second one, of another origin, from which large files come. */
export interface HubServer {
  /** Address without a `/` at its end. */
  url: string
  requests: HubRequest[]
  faults: HubFaults
  close(): Promise<void>
}

export const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** What git calls the content of a file. */
const gitHash = (data: Uint8Array): string =>
  createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex')

/** Large files are kept apart, as by Git LFS; what is text is not. */
const isLarge = (file: string): boolean => file.endsWith('.onnx')

/** Serves repositories, by name, on two loopback ports. */
export async function hubServer(repositories: Readonly<Record<string, HubRepository>>): Promise<HubServer> {
  const requests: HubRequest[] = []
  const faults: HubFaults = {}
  const note = (host: HubRequest['host'], request: IncomingMessage): string => {
    const { range, authorization } = request.headers
    const line = `${request.method} ${request.url?.split('?')[0]}`
    requests.push({ host, line, range, authorization })
    return decodeURIComponent(line)
  }

  const files = await listen((request, response) => {
    const [, repo = '', file = ''] = /^GET \/([^/]+\/[^/]+)\/(.+)$/.exec(note('files', request)) ?? []
    const data = repositories[repo]?.files[file]
    if (data === undefined) response.writeHead(404).end()
    else sendFile(data, request, response, faults)
  })

  const hub = await listen((request, response) => {
    const line = note('hub', request)
    const found =
      /^(?<method>\w+) \/(?<api>api\/models\/)?(?<repo>[^/]+\/[^/]+)\/(?<what>resolve|paths-info|revision)\/(?<revision>[^/]+)\/?(?<file>.*)$/.exec(
        line,
      )?.groups
    const { repo = '', what = '', revision = '', file = '' } = found ?? {}
    const repository = repositories[repo]
    if (repository === undefined) return void response.writeHead(404).end()
    if (repository.token !== undefined && request.headers.authorization !== `Bearer ${repository.token}`) {
      response.writeHead(401, { 'content-type': 'application/json', 'x-error-code': 'GatedRepo' })
      return void response.end(JSON.stringify({ error: 'Access is restricted. You must have access to it.' }))
    }
    if (revision !== repository.commit && !(repository.branches ?? ['main']).includes(revision)) {
      return void response.writeHead(404, { 'x-error-code': 'RevisionNotFound' }).end()
    }
    if (what === 'revision') {
      const about = { _id: '1', id: repo, sha: repository.commit, lastModified: '2026-01-01T00:00:00.000Z' }
      return json(response, about)
    }
    if (what === 'paths-info') return void describe(repository, request, response)
    resolve({ repo, file, repository, filesUrl: files.url }, request, response, faults)
  })

  return {
    url: hub.url,
    requests,
    faults,
    async close() {
      await Promise.all([hub.close(), files.close()])
    },
  }
}

async function describe({ commit, files }: HubRepository, request: IncomingMessage, response: ServerResponse) {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { paths } = JSON.parse(Buffer.concat(chunks).toString()) as { paths: string[] }
  const infos = paths.flatMap((path) => {
    const data = files[path]
    if (data === undefined) return []
    const lfs = { oid: sha256(data), size: data.length, pointerSize: 134 }
    const lastCommit = { id: commit, title: 'add models', date: '2026-01-01T00:00:00.000Z' }
    return [{ type: 'file', path, size: data.length, oid: gitHash(data), lastCommit, ...(isLarge(path) && { lfs }) }]
  })
  json(response, infos)
}

/** Small files come from the Hub itself, large ones by a redirect to another host, unless its own protocol is spoken. */
function resolve(
  { repo, file, repository, filesUrl }: { repo: string; file: string; repository: HubRepository; filesUrl: string },
  request: IncomingMessage,
  response: ServerResponse,
  faults: HubFaults,
): void {
  const data = repository.files[file]
  if (data === undefined) return void response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end()
  if (faults.status !== undefined) return void response.writeHead(faults.status).end('no signature=geheim')
  response.setHeader('x-repo-commit', repository.commit)
  if (!isLarge(file)) return sendFile(data, request, response, faults)
  response.setHeader('x-linked-etag', `"${sha256(data)}"`)
  response.setHeader('x-linked-size', data.length)
  if (request.headers.accept?.includes('application/vnd.xet-fileinfo+json') === true) {
    const link = `<${filesUrl}/xet-auth>; rel="xet-auth", <${filesUrl}/xet>; rel="xet-reconstruction-info"`
    response.writeHead(200, { 'content-type': 'application/vnd.xet-fileinfo+json', 'x-xet-hash': 'a'.repeat(64), link })
    return void response.end('{}')
  }
  response.writeHead(302, { location: `${filesUrl}/${repo}/${file}?X-Amz-Signature=geheim` }).end()
}

function sendFile(data: Buffer, request: IncomingMessage, response: ServerResponse, faults: HubFaults): void {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const isProbe = from === '0' && to === '0'
  const start = from === undefined || (faults.ignoreRange === true && !isProbe) ? undefined : Number(from)
  const end = to === undefined || to === '' || start === undefined ? data.length : Number(to) + 1
  const sent = faults.wrongBytes === true && !isProbe ? Buffer.alloc(data.length, 'x') : data
  const part = sent.subarray(start ?? 0, end)
  const headers = { etag: `"${gitHash(data)}"`, 'content-type': 'application/octet-stream' }
  // Without a length, more can come than was said.
  const length = faults.tooMany === true ? {} : { 'content-length': part.length }
  if (start === undefined) response.writeHead(200, { ...headers, ...length })
  else response.writeHead(206, { ...headers, ...length, 'content-range': `bytes ${start}-${end - 1}/${data.length}` })
  if (isProbe) return void response.end(part)
  const { cutAfter, stopAfter } = faults
  if (cutAfter !== undefined && cutAfter < part.length) {
    return void response.write(part.subarray(0, cutAfter), () => response.destroy())
  }
  if (stopAfter !== undefined && stopAfter < part.length) return void response.write(part.subarray(0, stopAfter))
  response.write(part)
  response.end(faults.tooMany === true ? 'and more' : '')
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; close(): Promise<void> }> {
  const server: Server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
