import { type Duplex, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Warning } from '../../src/errors.ts'

/** Sends `chunks` through `stage` and gives what comes out, and the warnings. */
export async function through(
  stage: Duplex,
  chunks: Iterable<unknown>,
): Promise<{ out: Buffer[]; bytes: Buffer; warnings: Warning[] }> {
  const out: Buffer[] = []
  const warnings: Warning[] = []
  stage.on('warning', (warning: Warning) => warnings.push(warning))
  const sink = new Writable({
    objectMode: true,
    write(chunk: Buffer, _, done) {
      out.push(chunk)
      done()
    },
  })
  await pipeline(Readable.from(chunks, { objectMode: true }), stage, sink)
  return { out, bytes: Buffer.concat(out), warnings }
}

/** An endless source of `chunk`, counting what is pulled from it. */
export class Endless extends Readable {
  pulled = 0
  readonly #chunk: Buffer
  #first: Buffer | undefined

  constructor(chunk: Buffer, first?: Buffer) {
    super({ highWaterMark: 3200 })
    this.#chunk = chunk
    this.#first = first
  }

  override _read(): void {
    const next = this.#first ?? this.#chunk
    this.#first = undefined
    this.pulled += next.length
    this.push(next)
  }
}

/** A sink that takes its first chunk and is never done with it. */
export function stuckSink(options: { objectMode?: boolean } = {}): Writable {
  return new Writable({ highWaterMark: 1, ...options, write() {} })
}

/** Lets everything that can happen without new events happen. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise(setImmediate)
}
