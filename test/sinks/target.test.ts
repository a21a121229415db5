import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { srtSink } from '../../src/sinks/srt.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { parseVtt } from '../captions/parsers.ts'

const root = path.resolve(import.meta.dirname, '../..')
const moduleUrl = (file: string) => JSON.stringify(pathToFileURL(path.join(root, file)).href)

/** Runs a script that may import `vttSink`, `makeTurn`, `Readable` and `pipeline`. */
function runScript(body: string) {
  const script = `
    import { Readable } from 'node:stream'
    import { pipeline } from 'node:stream/promises'
    import { vttSink } from ${moduleUrl('src/sinks/vtt.ts')}
    import { makeTurn } from ${moduleUrl('test/captions/example-turn.ts')}
    ${body}
  `
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function text(stream: Readable): Promise<string> {
  return (await stream.setEncoding('utf8').toArray()).join('')
}

describe('standard output as a target', () => {
  it('gets everything through a pipe and is not ended', async () => {
    const child = runScript(`
      const turns = Array.from({ length: 3000 }, (_, order) => makeTurn(order, 'A:word', { start: order * 1000 }))
      await pipeline(Readable.from(turns), vttSink())
      await pipeline(Readable.from([]), vttSink(process.stdout))
      process.stdout.write('NOTE still open\\n')
    `)
    const closed = new Promise((resolve) => child.once('close', resolve))
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
    expect(err).toBe('')
    expect(await closed).toBe(0)
    const [file, rest] = out.split(/(?<=\n)(?=WEBVTT)/).slice(0, 2)
    expect(rest).toBe('WEBVTT\n\nNOTE still open\n')
    const { errors, cues } = parseVtt(file ?? '')
    expect(errors).toEqual([])
    expect(cues).toHaveLength(3000)
  })

  it('fails the pipeline with OUTPUT_UNWRITABLE when its reader goes away', async () => {
    const child = runScript(`
      async function* turns() {
        for (let order = 0; ; order++) {
          yield makeTurn(order, 'A:word', { start: order * 1000 })
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      try {
        await pipeline(turns(), vttSink())
      } catch (error) {
        console.error(error.code + ' ' + error.message)
      }
    `)
    const closed = new Promise((resolve) => child.once('close', resolve))
    child.stdout.once('data', () => child.stdout.destroy())
    const err = await text(child.stderr)
    expect(await closed).toBe(0)
    expect(err).toBe(
      'OUTPUT_UNWRITABLE cannot write to standard output: its reader has gone; keep its reader open until the sink has finished\n',
    )
  })
})

describe('other targets', () => {
  it.skipIf(!existsSync('/dev/full'))('fail with OUTPUT_UNWRITABLE when nothing more fits', async () => {
    await expect(pipeline(Readable.from([makeTurn(0, 'A:word')]), srtSink('/dev/full'))).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message: expect.stringContaining('no space is left on the device') as string,
    })
  })

  it('may be sockets', async () => {
    const received: Buffer[] = []
    const server = createServer((socket) => socket.on('data', (data) => received.push(data)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { connect } = await import('node:net')
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1')
    await pipeline(Readable.from([makeTurn(0, 'A:word')]), srtSink(socket))
    while (received.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(Buffer.concat(received).toString()).toContain('Speaker A: word')
    socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
})
