import type { PullProgress } from '../engine/models/pull.ts'
import { bar } from './progress-line.ts'
import { headToWidth } from './terminal-text.ts'

const barWidth = 24
/** Time between two updates of the line, in ms. */
const pause = 100

/** A number of bytes for people. */
export function megabytes(bytes: number): string {
  const value = bytes / 1_000_000
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} MB`
}

/** One line, of `width` columns at most, on how far a pull has come. */
export function pullLine({ done, total }: PullProgress, width: number): string {
  if (total <= 0) return headToWidth(`downloading  ${megabytes(done)}`, width)
  const part = Math.min(1, done / total)
  const text = `downloading  ${Math.floor(part * 100)} %  ${megabytes(done)} of ${megabytes(total)}`
  const room = width - text.length - 2
  return room < 4 ? headToWidth(text, width) : `${bar(part, Math.min(barWidth, room))}  ${text}`
}

/** Keeps that line up to date on a terminal; anywhere else nothing is shown. */
export class ModelProgress {
  readonly #stream: NodeJS.WriteStream
  #shownAt = -Infinity
  #isShown = false

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  show(progress: PullProgress): void {
    if (!this.#stream.isTTY || performance.now() - this.#shownAt < pause) return
    this.#shownAt = performance.now()
    this.#isShown = true
    this.#stream.write(`\r\u001b[K${pullLine(progress, (this.#stream.columns || 80) - 1)}`)
  }

  clear(): void {
    if (this.#isShown) this.#stream.write('\r\u001b[K')
    this.#isShown = false
  }
}
