import type { ObjectStore, StoredBytes } from '../../src/destinations/object-store.ts'

/** What is to happen to a request: `lost` does it and loses the answer, `refused` does nothing; both may pass. */
export type Fault = 'lost' | 'refused'

/** A store of objects in memory, with versions; `fault` is asked at each request. */
export class MemoryStore implements ObjectStore {
  readonly address: string
  readonly objects = new Map<string, { bytes: Uint8Array; version: string }>()
  readonly log: string[] = []
  fault: (request: string) => Fault | undefined = () => undefined
  /** Is waited for before each request is done. */
  gate: (request: string) => Promise<unknown> | undefined = () => undefined
  #versions = 0

  constructor(address = 'memory://store/talk.jsonl') {
    this.address = address
  }

  async get(name: string, { from, length }: { from: number; length: number }): Promise<StoredBytes | undefined> {
    await this.#ask(`get ${name}`)
    const object = this.objects.get(name)
    if (object === undefined) return undefined
    const { bytes, version } = object
    return { bytes: bytes.subarray(from, from + length), version, size: bytes.length }
  }

  async put(name: string, bytes: Uint8Array, replaced: string | undefined): Promise<string | undefined> {
    const request = `put ${name}`
    const fault = await this.#ask(request)
    if (this.objects.get(name)?.version !== replaced) return undefined
    const version = `v${++this.#versions}`
    this.objects.set(name, { bytes: Uint8Array.from(bytes), version })
    if (fault !== 'lost') return version
    // As a client that tries again: the second attempt finds what the first has put.
    return undefined
  }

  async #ask(request: string): Promise<Fault | undefined> {
    this.log.push(request)
    await this.gate(request)
    const fault = this.fault(request)
    if (fault === 'refused') throw Object.assign(new Error('503 Slow Down'), { retryable: true })
    return fault
  }
}

/** All of an output's text. */
export async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return Buffer.concat(parts).toString()
}
