import type { Piece } from '../captions/composer/composer.ts'
import { transcriptChecks, type TranscriptOptions } from '../captions/formats/options.ts'
import { OutputError } from '../errors.ts'
import { startsRightToLeft } from '../scripts.ts'
import { checkSegmentSinkOptions, composedSink, type SegmentSinkOptions } from './caption-sinks.ts'
import {
  type Destination,
  FileDestination,
  openTarget,
  type SinkTarget,
  type WritableDestination,
} from './destination.ts'
import type { Sink } from './text-sink.ts'

/** Options of {@link docxSink}. */
export interface DocxSinkOptions extends SegmentSinkOptions, TranscriptOptions {}

/**
 * Writes a transcript as a Word document (DOCX): a paragraph for each turn of a speaker, with the name in bold, the time and
 * the text. Needs the npm package `docx`, which is yours to install; without it the sink fails at once.
 *
 * The document is made when all words are known, or what is known of them when the pipeline fails, with every revision in
 * it; a file is then replaced whole. Until then its text is in memory. Making the document takes several hundred MiB and some
 * seconds, so it holds 2 MiB at most, where each paragraph counts as 80 bytes more: more than a day of talk. What is longer
 * fails with {@link OutputError} `OUTPUT_UNWRITABLE`, and the document holds what came before. It can neither go on from a
 * checkpoint nor rotate.
 *
 * @param target - a path, a `file:` URL, or any Writable, which is given bytes; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function docxSink(target?: SinkTarget, options: DocxSinkOptions = {}): Sink {
  checkSegmentSinkOptions('docxSink()', options, transcriptChecks)
  const destination = new DocumentDestination(openTarget(target, options.end ?? true))
  return composedSink('docxSink()', target, options, ({ documentComposer }) => documentComposer(options), destination)
}

type Docx = typeof import('docx')

/** Most bytes of text: a document is made in memory, which takes a multiple of them. */
const MOST_BYTES = 2 * 1024 * 1024
/** What a paragraph costs beside its text. */
const PARAGRAPH_BYTES = 80

/** Gathers a transcript, and makes a document of it at the end. */
class DocumentDestination implements Destination {
  readonly path?: string
  readonly trouble: OutputError | undefined
  readonly #target: Destination
  #text: Buffer[] = []
  #cost = 0
  #docx: Promise<Docx> | undefined
  #isTried = false

  constructor(target: Destination) {
    this.#target = target
    if (target.path !== undefined) this.path = target.path
    this.trouble = target.trouble
  }

  onFailure(listener: (error: OutputError) => void): void {
    this.#target.onFailure?.(listener)
    // Who waits hours for a document is told now that it cannot be made.
    if (this.trouble === undefined) this.#load().catch(listener)
  }

  async write(text: string): Promise<void> {
    if (this.#text.length === 0 && this.#target instanceof FileDestination) await this.#target.claim()
    const bytes = Buffer.from(text)
    const cost = bytes.length + PARAGRAPH_BYTES * (text.split('\n\n').length - 1)
    if (this.#cost + cost > MOST_BYTES) {
      const where = this.path ?? 'the given Writable'
      const message = `cannot write to ${where}: a document holds ${MOST_BYTES} bytes of text at most; for what is longer take textSink()`
      throw new OutputError('OUTPUT_UNWRITABLE', message, { target: where })
    }
    this.#text.push(bytes)
    this.#cost += cost
  }

  async rewrite(pieces: AsyncIterable<Piece>): Promise<void> {
    const old = Buffer.concat(this.#text)
    const all: Buffer[] = []
    for await (const piece of pieces) {
      all.push(typeof piece === 'string' ? Buffer.from(piece) : old.subarray(piece.from, piece.to))
    }
    const next = Buffer.concat(all)
    this.#cost += next.length - old.length
    this.#text = [next]
  }

  async finish(): Promise<void> {
    this.#isTried = true
    const bytes = await this.#make('')
    if (this.#target instanceof FileDestination) return this.#target.replace(bytes)
    await (this.#target as WritableDestination).write(bytes)
    await this.#target.finish('')
  }

  interrupt(error: Error): void {
    this.#target.interrupt(error)
  }

  async abandon(error: Error | null, rest: string): Promise<void> {
    const hasText = this.#text.length > 0 || rest !== ''
    // The failure that is known already matters more than that of these last words; half a document is of use to nobody.
    if (this.#target instanceof FileDestination && hasText && !this.#isTried) {
      const target = this.#target
      await this.#make(rest)
        .then((bytes) => target.replace(bytes))
        .catch(() => {})
    }
    await this.#target.abandon(error, '')
  }

  async #make(rest: string): Promise<Buffer> {
    const docx = await this.#load()
    return makeDocument(docx, Buffer.concat(this.#text).toString() + rest)
  }

  #load(): Promise<Docx> {
    this.#docx ??= import('docx').catch((cause: unknown) => {
      const where = this.path ?? 'the given Writable'
      const message = `cannot write to ${where}: docxSink() needs the npm package docx, which cannot be loaded: run npm install docx`
      throw new OutputError('OUTPUT_UNWRITABLE', message, { cause, target: where })
    })
    return this.#docx
  }
}

/** After each paragraph, in twentieths of a point. */
const SPACE_AFTER = 160
const TIME_COLOUR = '595959'

async function makeDocument({ Document, Packer, Paragraph, TextRun }: Docx, transcript: string): Promise<Buffer> {
  const { tabbedParagraphs } = await import('../captions/formats/transcript.ts')
  // What is written from right to left has to say so, of a paragraph and of each piece of text: nobody goes by the letters.
  const directed = (text: string) => ({ text, ...(startsRightToLeft(text) && { rightToLeft: true }) })
  const children = Array.from(tabbedParagraphs(transcript), ({ time, name, text }) => {
    const opening = [
      ...(name === '' ? [] : [new TextRun({ ...directed(name), bold: true }), new TextRun(' ')]),
      ...(time === '' ? [] : [new TextRun({ text: `[${time}] `, color: TIME_COLOUR })]),
    ]
    return new Paragraph({
      spacing: { after: SPACE_AFTER },
      ...(startsRightToLeft(text) && { bidirectional: true }),
      children: [...opening, new TextRun(directed(text))],
    })
  })
  if (children.length === 0) children.push(new Paragraph({}))
  return Packer.toBuffer(new Document({ creator: 'diarize-stream', sections: [{ children }] }))
}
