import type { DestinationWriter, OutputDestination } from '../destinations/destination.ts'

/** How long a sink that was destroyed goes on to commit what it was given, in ms. */
const LAST_WORDS_MS = 5000

/** What is no file of this machine, as a destination of a sink; it is opened when there is something to write. */
export class RemoteDestination {
  readonly address: string
  readonly syncInterval: number
  readonly #output: OutputDestination
  readonly #given = new AbortController()
  #opening: Promise<DestinationWriter> | undefined
  #writer: DestinationWriter | undefined
  #timer: NodeJS.Timeout | undefined
  #isComplete = false

  constructor(output: OutputDestination) {
    this.address = output.address
    this.syncInterval = output.commitInterval
    this.#output = output
  }

  get bytes(): number {
    return this.#writer?.bytes ?? 0
  }

  async size(): Promise<number> {
    return (await this.#output.facts(this.#given.signal))?.bytes ?? 0
  }

  async write(text: string): Promise<void> {
    const writer = await this.#open(0)
    await writer.append(text)
  }

  async resumeFrom(bytes: number): Promise<void> {
    await this.#open(bytes)
  }

  async sync(): Promise<void> {
    await this.#writer?.commit()
  }

  async finish(empty: string): Promise<void> {
    const isNew = this.#writer === undefined
    const writer = await this.#open(0)
    if (isNew) await writer.append(empty)
    await writer.complete()
    this.#isComplete = true
    await writer.close()
  }

  interrupt(error: Error): void {
    if (this.#isComplete) return
    this.#timer ??= setTimeout(() => {
      this.#given.abort(error)
      void this.#writer?.close()
    }, LAST_WORDS_MS)
  }

  async abandon(_error: Error | null, rest: string): Promise<void> {
    try {
      // The failure that is known already matters more than one of these last words.
      if (rest !== '') await this.write(rest)
      await this.#writer?.commit()
    } catch {
      // What was committed before stays.
    } finally {
      clearTimeout(this.#timer)
      await this.#writer?.close()
    }
  }

  async #open(keep: number): Promise<DestinationWriter> {
    this.#opening ??= this.#output.open({ keep, signal: this.#given.signal })
    this.#writer = await this.#opening
    return this.#writer
  }
}
