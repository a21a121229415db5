import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { diarize, type DiagnosticsChannels, fanOut, jsonlSink, run, srtSink } from 'diarize-stream'
import { faultServer } from 'diarize-stream/testing'
import { StreamDiagnostics } from '../src/diagnostics.ts'
import { makeTurn } from './captions/example-turn.ts'
import { temporaryDirectories } from './sinks/temporary.ts'

const page = readFileSync(path.join(import.meta.dirname, '../docs/observability.md'), 'utf8')
const names = [...page.matchAll(/^\| `(diarize-stream:[\w:]+)`/gm)].map(([, name]) => name as keyof DiagnosticsChannels)
const folder = temporaryDirectories()
const KEY = 'key-that-nobody-may-see'

const undo: (() => void)[] = []
afterEach(() => {
  for (const each of undo.splice(0)) each()
})

/** Everything that is published from here to the end of the test. */
function published(): { name: string; message: Record<string, unknown> }[] {
  const all: { name: string; message: Record<string, unknown> }[] = []
  for (const name of names) {
    const listener = (message: unknown): void => void all.push({ name, message: message as Record<string, unknown> })
    subscribe(name, listener)
    undo.push(() => unsubscribe(name, listener))
  }
  return all
}

const said = [
  { words: 'Good morning, how are you?', start: 200, end: 1400, speaker: 'A' },
  { words: 'Very well, thank you.', start: 2400, end: 3600, speaker: 'A', revisedSpeaker: 'B' },
]
const silence = (): Readable => Readable.from([Buffer.alloc(4000 * 32)])
const session = { sessionId: '1', engine: 'server', name: '', model: '', url: 'wss://a', offset: 0, speakers: {} }

describe('diagnostics channels', () => {
  it('tell of sessions, turns and files of a run, in order, and of no credential', async () => {
    const all = published()
    const server = await faultServer([{ fault: 'drop', afterMs: 1000 }], { turns: said })
    const file = path.join(folder(), 'talk.srt')
    const turns = diarize({ url: server.url, apiKey: KEY, reconnect: { delay: 10 } })
    await run(silence(), turns, fanOut(srtSink(file), jsonlSink(new PassThrough().resume())))
    await server.close()

    const short = all.map(({ name }) => name.slice('diarize-stream:'.length))
    // What was lost before its first turn is told of all the same; the second turn comes again, revised.
    expect(short.slice(0, 4)).toEqual(['session:start', 'session:end', 'session:reconnecting', 'session:start'])
    expect(short.filter((name) => name === 'session:end')).toHaveLength(2)
    expect(short.filter((name) => name === 'turn')).toHaveLength(3)
    expect(short.filter((name) => name.startsWith('file:'))).toEqual(['file:start', 'file:end'])
    const of = (name: string) =>
      all.filter((each) => each.name === `diarize-stream:${name}`).map((each) => each.message)
    const lost = { code: 'CONNECTION_LOST', message: expect.any(String) as string }
    const [first, second] = of('session:start').map(
      (message) => (message['session'] as { sessionId: string }).sessionId,
    )
    const { stream } = of('session:start')[0]!
    expect(of('session:end')).toEqual([
      { stream, sessionId: first, error: lost },
      { stream, sessionId: second },
    ])
    expect(of('session:reconnecting')).toMatchObject([{ stream, attempt: 1, error: lost }])
    expect(of('file:end')).toEqual([{ stream, path: file, stage: 'srtSink()' }])
    expect(new Set(all.map(({ message }) => message['stream']))).toEqual(new Set([stream]))
    expect(JSON.stringify(all)).not.toContain(KEY)
  })

  it('tell of gaps, and of the file of a run that fails', async () => {
    const all = published()
    const file = path.join(folder(), 'talk.jsonl')
    const sink = jsonlSink(file)
    async function* broken() {
      yield makeTurn(0, 'A:word')
      await new Promise((resolve) => setImmediate(resolve))
      throw Object.assign(new Error('at https://me:secret@host/?token=hidden'), { code: 'ELSEWHERE' })
    }
    await expect(run(broken(), sink)).rejects.toThrow('at https')
    const error = { code: 'ELSEWHERE', message: 'at https://***@host/?token=***' }
    const written = { path: file, stage: 'jsonlSink()' }
    expect(all).toEqual([
      { name: 'diarize-stream:file:start', message: written },
      { name: 'diarize-stream:file:end', message: { ...written, error } },
    ])
    const stage = new EventEmitter()
    new StreamDiagnostics(stage).session({ ...session, startedAt: '' } as never)
    stage.emit('gap', { start: 1, end: 5 })
    expect(all.slice(2)).toMatchObject([
      { name: 'diarize-stream:session:start', message: { session } },
      { name: 'diarize-stream:gap', message: { gap: { start: 1, end: 5 } } },
    ])
  })

  it('tell of a file that is made by the failure alone, of words that waited till then', async () => {
    const all = published()
    const file = path.join(folder(), 'talk.srt')
    const sink = srtSink(file)
    const error = new Error('no more')
    sink.write(makeTurn(0, 'A:word'), () => sink.destroy(error))
    await expect(once(sink, 'close')).rejects.toThrow('no more')
    expect(readFileSync(file, 'utf8')).toContain('word')
    const written = { path: file, stage: 'srtSink()' }
    expect(all).toEqual([
      { name: 'diarize-stream:file:start', message: written },
      { name: 'diarize-stream:file:end', message: { ...written, error: { message: 'no more' } } },
    ])
  })

  it('compute nothing where nobody subscribes', () => {
    const stage = new EventEmitter()
    const diagnostics = new StreamDiagnostics(stage)
    const unread = new Proxy(
      { sessionId: '1' },
      {
        get: (target, key) => {
          if (key !== 'sessionId') throw new Error(`${String(key)} was read`)
          return target.sessionId
        },
      },
    ) as never
    diagnostics.session(unread)
    diagnostics.sessionEnd({ sessionId: '1', error: unread })
    expect(names.filter((name) => channel(name).hasSubscribers)).toEqual([])
    published()
    expect(() => diagnostics.session(unread)).toThrow('was read')
  })

  it('are those of the page, each with its type', () => {
    const source = readFileSync(path.join(import.meta.dirname, '../src/diagnostics.ts'), 'utf8')
    const declared = [...source.matchAll(/^ {2}'(diarize-stream:[\w:]+)': /gm)].map(([, name]) => name)
    expect(names).toEqual(declared)
    expect(names).toHaveLength(7)
  })
})
