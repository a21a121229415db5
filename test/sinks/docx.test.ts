import { createRequire } from 'node:module'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { unzipSync } from 'fflate'
import { describe, expect, it, vi } from 'vitest'
import { cleanLine } from '../../src/captions/text.ts'
import { wordRuns } from '../../src/captions/segments.ts'
import type { Turn } from '../../src/model.ts'
import { run } from '../../src/run.ts'
import { docxSink } from '../../src/sinks/docx.ts'
import { fanOut } from '../../src/sinks/fan-out.ts'
import { rotatingSink } from '../../src/sinks/rotating.ts'
import { textSink } from '../../src/sinks/caption-sinks.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { nastyText } from '../captions/nasty-text.ts'
import { runs } from '../helpers/runs.ts'
import { failingAfter, temporaryDirectories } from './temporary.ts'

const directory = temporaryDirectories()

/** The part of it that is used; it has no types of its own. */
interface Sax {
  parser(isStrict: boolean): { write(xml: string): { close(): void } }
}
const sax = createRequire(import.meta.url)('sax') as Sax

/** What the paragraphs of a document say, each in its runs; `*` before those in bold. @throws where it is none */
function readDocx(bytes: Uint8Array): string[][] {
  const parts = unzipSync(bytes)
  expect(Object.keys(parts)).toEqual(expect.arrayContaining(['[Content_Types].xml', '_rels/.rels']))
  for (const [name, part] of Object.entries(parts)) {
    if (/\.(?:xml|rels)$/.test(name))
      sax
        .parser(true)
        .write(new TextDecoder('utf-8', { fatal: true }).decode(part))
        .close()
  }
  const paragraphs: string[][] = []
  const parser = sax.parser(true)
  let isBold = false
  let isText = false
  Object.assign(parser, {
    onopentag: ({ name }: { name: string }) => {
      if (name === 'w:p') paragraphs.push([])
      if (name === 'w:r') isBold = false
      if (name === 'w:b') isBold = true
      isText = name === 'w:t'
      if (isText) paragraphs.at(-1)?.push(isBold ? '*' : '')
    },
    onclosetag: () => {
      isText = false
    },
    ontext: (text: string) => {
      const last = paragraphs.at(-1)
      if (isText && last !== undefined) last.push(`${last.pop()}${text}`)
    },
  })
  parser.write(new TextDecoder().decode(parts['word/document.xml'])).close()
  return paragraphs
}

const readFile = (file: string): string[] => readDocx(readFileSync(file)).map((all) => all.join(''))

async function documentOf(
  items: readonly unknown[],
  options: Parameters<typeof docxSink>[1] = {},
): Promise<string[][]> {
  const chunks: Buffer[] = []
  const target = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
  await pipeline(Readable.from(items), docxSink(target, options))
  return readDocx(Buffer.concat(chunks))
}

const turns = [
  makeTurn(0, 'A:One. A:Two.', { start: 0 }),
  makeTurn(1, 'B:Three.', { start: 2000 }),
  makeTurn(2, 'B:Four.', { start: 6000 }),
]

describe('docxSink()', () => {
  it('writes a paragraph for each turn of a speaker: the name in bold, the time, the text', async () => {
    expect(await documentOf(turns, { speakers: { B: 'Bob' } })).toEqual([
      ['*Speaker A', ' ', '[00:00:00] ', 'One. Two.'],
      ['*Bob', ' ', '[00:00:02] ', 'Three.'],
      ['*Bob', ' ', '[00:00:06] ', 'Four.'],
    ])
    expect(await documentOf(turns, { names: false, timestamps: false, paragraphPause: 10_000 })).toEqual([
      ['One. Two.'],
      ['Three. Four.'],
    ])
  })

  it('says of what is written from right to left that it is, as Word does not see by itself', async () => {
    const file = path.join(directory(), 'talk.docx')
    const said = [makeTurn(0, 'A:שלום A:Bob.'), makeTurn(1, 'B:Hello, B:שלום.', { start: 2000 })]
    await run(Readable.from(said), docxSink(file, { speakers: { A: 'שרה' }, timestamps: false }))
    const body = Buffer.from(unzipSync(readFileSync(file))['word/document.xml'] ?? []).toString()
    const [hebrew = '', english = ''] = body.split('</w:p>')
    expect(hebrew).toMatch(/<w:bidi\/>.*<w:rtl\/><\/w:rPr><w:t[^>]*>שרה<.*<w:rtl\/><\/w:rPr><w:t[^>]*>שלום Bob\.</)
    expect(english).not.toMatch(/w:bidi|w:rtl/)
  })

  it('writes a document without words', async () => {
    expect(await documentOf([])).toEqual([[]])
  })

  it('has in it what the last revisions say, of turns and of segments', async () => {
    const file = path.join(directory(), 'talk.docx')
    const revised = { ...makeTurn(1, 'C:Three!', { start: 2000 }), revision: 1 }
    for (const all of [[...turns, revised], [...turns, revised].flatMap((turn) => wordRuns(turn))]) {
      const warned = vi.fn<() => void>()
      await pipeline(Readable.from(all), docxSink(file).on('warning', warned))
      expect(readFile(file)).toEqual([
        '*Speaker A [00:00:00] One. Two.',
        '*Speaker C [00:00:02] Three!',
        '*Speaker B [00:00:06] Four.',
      ])
      expect(warned).not.toHaveBeenCalled()
    }
  })

  it('says every word, whatever is in texts and names', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(nastyText, { minLength: 1, maxLength: 6 }), nastyText, async (texts, name) => {
        const all = texts.map((text, order): Turn => {
          const turn = makeTurn(order, 'A:one', { start: order * 5000 })
          return { ...turn, words: turn.words.map((word) => ({ ...word, text })) }
        })
        const isName = cleanLine(name) !== ''
        const said = await documentOf(all, { ...(isName && { speakers: { A: `<${name}&` } }), timestamps: false })
        const expected = all.flatMap((turn) => wordRuns(turn)).map(({ text }) => cleanLine(text))
        expect(said.flatMap((runsOf) => runsOf.slice(-1))).toEqual(expected.filter((text) => text !== ''))
      }),
      { numRuns: runs(50) },
    )
  })

  it.each([0o640, 0o666])(
    'leaves a file as it is until all is known, and then replaces it with its mode %o, by itself or in fanOut()',
    async (mode) => {
      const folder = directory()
      const [file, text] = ['talk.docx', 'talk.txt'].map((name) => path.join(folder, name)) as [string, string]
      writeFileSync(file, 'old')
      chmodSync(file, mode)
      const sink = docxSink(file)
      const all = fanOut(sink, textSink(text))
      for (const turn of turns) all.write(turn)
      await vi.waitUntil(() => existsSync(text))
      expect(readFileSync(file, 'utf8')).toBe('old')
      all.end()
      await finished(all)
      expect(sink.path).toBe(file)
      expect(readFile(file)).toHaveLength(3)
      expect(statSync(file).mode & 0o777).toBe(mode)
      expect(readdirSync(folder).toSorted()).toEqual(['talk.docx', 'talk.txt'])
    },
  )

  it('keeps what was heard before a failure, and makes no file where nothing was', async () => {
    const folder = directory()
    const file = path.join(folder, 'talk.docx')
    const closed = (sink: Writable) => new Promise((resolve) => sink.once('close', resolve))
    const silent = docxSink(file)
    const end = closed(silent)
    await expect(pipeline(failingAfter([]), silent)).rejects.toThrow('upstream failed')
    await end
    expect(readdirSync(folder)).toEqual([])

    const sink = docxSink(file)
    const failed = closed(sink)
    for (const turn of turns) sink.write(turn)
    await vi.waitUntil(() => sink.writableLength === 0)
    sink.on('error', () => {}).destroy(new Error('upstream failed'))
    await failed
    expect(readFile(file)).toHaveLength(3)
    expect(readdirSync(folder)).toEqual(['talk.docx'])
  })

  it('refuses a file that another sink writes, a folder that is not there, and more than fits', async () => {
    const folder = directory()
    const file = path.join(folder, 'talk.docx')
    const first = docxSink(file)
    first.write(turns[0])
    await vi.waitUntil(() => readdirSync(folder).length > 0)
    const shared = await pipeline(Readable.from(turns), docxSink(file)).catch((error: unknown) => error)
    expect(shared).toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message: expect.stringContaining('another sink') as string,
    })
    first.end()
    await finished(first)
    expect(readFile(file)).toEqual(['*Speaker A [00:00:00] One. Two.'])

    const nowhere = await pipeline(Readable.from(turns), docxSink(path.join(folder, 'no/talk.docx'))).catch(
      (error: unknown) => error,
    )
    expect(nowhere).toMatchObject({ code: 'OUTPUT_UNWRITABLE' })

    const long = makeTurn(1, 'B:x', { start: 9000 })
    const word = { ...long.words[0]!, text: 'x'.repeat(2 * 1024 * 1024) }
    const sink = docxSink(file)
    const closed = new Promise((resolve) => sink.once('close', resolve))
    const full = await pipeline(Readable.from([turns[0], { ...long, words: [word] }]), sink).catch(
      (error: unknown) => error,
    )
    await closed
    expect(full).toMatchObject({ code: 'OUTPUT_UNWRITABLE', message: expect.stringContaining('textSink()') as string })
    expect(readFile(file)).toEqual(['*Speaker A [00:00:00] One. Two.'])
  })

  it('is refused with a checkpoint and by rotatingSink()', async () => {
    const folder = directory()
    const file = path.join(folder, 'talk.docx')
    expect(() => rotatingSink('talk-{number}.docx', (part) => docxSink(part), { every: 'hour' })).toThrow(
      'must be a path of a format that is written as it comes, which .docx is not',
    )
    const { diarize } = await import('../../src/transforms/diarize.ts')
    const { fileSource } = await import('../../src/sources/file.ts')
    const stages = [fileSource('demo/dialogue.mp4'), diarize({ url: 'ws://127.0.0.1:9' }), docxSink(file)] as const
    const refused = await run(stages, { checkpoint: `${file}.checkpoint` }).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      code: 'INVALID_PIPELINE',
      message: expect.stringContaining('docxSink()') as string,
    })
    expect(readdirSync(folder)).toEqual([])
  })

  it('says at once what to install where the package is missing', async () => {
    vi.doMock('docx', () => {
      throw new Error('no such package')
    })
    const sink = docxSink(path.join(directory(), 'talk.docx'))
    const failure = await finished(sink).catch((error: unknown) => error)
    vi.doUnmock('docx')
    expect(failure).toMatchObject({ name: 'OutputError', code: 'OUTPUT_UNWRITABLE', target: sink.path })
    expect((failure as Error).message).toMatch(
      /needs the npm package docx, which cannot be loaded: run npm install docx$/,
    )
  })
})
