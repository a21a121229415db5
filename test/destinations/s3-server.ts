import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import { madeOnce } from '../helpers/made-once.ts'

const run = promisify(execFile)

/**
 * A server of S3 by somebody else: moto, in a Python of its own. `TESTS_MOTO` may name a folder with such a Python, so that it is
 * not installed for each run.
 */

let folder = process.env['TESTS_MOTO']

async function install(where: string): Promise<void> {
  await run('python3', ['-m', 'venv', where])
  await run(path.join(where, 'bin/python'), ['-m', 'pip', 'install', '--quiet', 'moto[server]>=5.2,<6'])
}

async function found(): Promise<string | undefined> {
  try {
    if (folder === undefined) folder = await madeOnce('moto', install)
    else if (!existsSync(path.join(folder, 'bin/python'))) await install(folder)
    return undefined
  } catch (error) {
    return `no python3 with venv, or pip cannot install moto[server]: ${(error as Error).message}`
  }
}

/** Why there is no server; `undefined` where there is one. */
export const whyNoS3 = await found()
if (whyNoS3 !== undefined) console.warn(`skipping what needs a server of S3: ${whyNoS3}`)

/** What a proxy does with a request instead of handing it on and the answer back. */
export type S3Fault =
  /** Does it, and answers 500. */
  | 'lost'
  /** Answers 503, and does nothing. */
  | 'refused'
  /** Does it, and never answers. */
  | 'silent'

export interface S3Server extends AsyncDisposable {
  /** Address of the proxy in front of it. */
  url: string
  /** Requests, as `PUT /bucket/key`. */
  log: string[]
  /** Is asked for each request. */
  fault: (request: string) => S3Fault | undefined | Promise<S3Fault | undefined>
}

/** Starts the server, behind a proxy that loses answers where a test wants that, with an empty bucket `bucket`. */
export async function startS3(): Promise<S3Server> {
  const args = ['-m', 'moto.server', '-H', '127.0.0.1', '-p', '0']
  const child = spawn(path.join(folder!, 'bin/python'), args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const port = await new Promise<number>((resolve, reject) => {
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const [, found] = /Running on http:\/\/127\.0\.0\.1:(\d+)/.exec(said) ?? []
      if (found !== undefined) resolve(Number(found))
    })
    child.once('exit', () => reject(new Error(`moto ended: ${said}`)))
  })
  const server: S3Server = {
    url: '',
    log: [],
    fault: () => undefined,
    [Symbol.asyncDispose]: async () => {
      proxy.closeAllConnections()
      await new Promise((resolve) => proxy.close(resolve))
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    },
  }
  const proxy = createServer((asked, answer) => void forward(asked, answer, port, server))
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  server.url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  await fetch(`${server.url}/bucket`, { method: 'PUT' })
  server.log.length = 0
  return server
}

async function forward(asked: IncomingMessage, answer: ServerResponse, port: number, server: S3Server): Promise<void> {
  const name = `${asked.method} ${asked.url?.split('?')[0]}`
  server.log.push(name)
  const body: Buffer[] = []
  for await (const chunk of asked) body.push(chunk as Buffer)
  const fault = await server.fault(name)
  if (fault === 'refused') return void answer.writeHead(503).end()
  const { method, url, headers } = asked
  const onward = request({ host: '127.0.0.1', port, method, path: url, headers }, (response) => {
    if (fault === undefined) return void response.pipe(answer.writeHead(response.statusCode ?? 500, response.headers))
    response.resume().on('end', () => {
      if (fault === 'lost') answer.writeHead(500).end()
    })
  })
  onward.on('error', () => answer.destroy())
  onward.end(Buffer.concat(body))
}
