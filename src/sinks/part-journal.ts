import { appendFileSync, writeFileSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { beside } from './file-lock.ts'

/** As many parts are noted at least, the newest, and twice as many at most: those begun between two checkpoints, and more. */
const MOST_NOTED = 50

/**
 * The paths of the parts that a run with a checkpoint has begun, a line of JSON each: what was begun after the last checkpoint is
 * begun again by the run that goes on, and must not lie beside that.
 */
export class PartJournal {
  readonly #file: string
  #noted: string[]

  private constructor(file: string, noted: string[]) {
    this.#file = file
    this.#noted = noted
  }

  /** Begins anew. */
  static async begin(pattern: string): Promise<PartJournal> {
    return PartJournal.#write(journalOf(pattern), [])
  }

  /** Goes on, and removes the files of the parts that were begun behind `last`; without one, all that were begun. */
  static async resume(pattern: string, last: string | undefined): Promise<PartJournal> {
    const file = journalOf(pattern)
    const noted = notedIn(await readFile(file, 'utf8').catch(() => ''))
    const at = last === undefined ? -1 : noted.lastIndexOf(last)
    // Where it is not noted, nothing is known of those behind it.
    const isKnown = last === undefined || at >= 0
    for (const part of isKnown ? noted.slice(at + 1) : []) await rm(part, { force: true })
    return PartJournal.#write(file, isKnown ? noted.slice(0, at + 1) : [last])
  }

  static async remove(pattern: string): Promise<void> {
    await rm(journalOf(pattern), { force: true })
  }

  static async #write(file: string, noted: string[]): Promise<PartJournal> {
    await writeFile(file, noted.map(lineOf).join(''), { mode: 0o600 })
    return new PartJournal(file, noted)
  }

  /** Notes a part before its file is made. */
  note(part: string): void {
    this.#noted.push(part)
    if (this.#noted.length <= 2 * MOST_NOTED) return appendFileSync(this.#file, lineOf(part))
    this.#noted = this.#noted.slice(-MOST_NOTED)
    writeFileSync(this.#file, this.#noted.map(lineOf).join(''))
  }
}

/** Where it is, for parts of such names. */
function journalOf(pattern: string): string {
  return beside(pattern, 'parts')
}

const lineOf = (part: string): string => `${JSON.stringify(part)}\n`

/** The parts in a journal, whose last line may have been cut off. */
function notedIn(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    try {
      const part: unknown = JSON.parse(line)
      return typeof part === 'string' ? [part] : []
    } catch {
      return []
    }
  })
}
