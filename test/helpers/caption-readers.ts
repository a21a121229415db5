import { createRequire } from 'node:module'
import * as mediaCaptions from 'media-captions'
import * as subsrt from 'subsrt-ts'
import { vttHeader } from '../../src/captions/formats/vtt.ts'
import { parseSubtitles, parseVtt } from '../captions/parsers.ts'

/** A cue as a reader gives it. */
export interface ReadCue {
  start: number
  end: number
  text: string
  /** Names of the voices in WebVTT, in their order. */
  voices: string[]
}

/** A program that reads caption files, and fails where it finds a mistake in one. */
export interface CaptionReader {
  name: string
  /** Milliseconds from which on it loses cues; absent where it reads any time. */
  timeLimit?: number
  read: (file: string) => ReadCue[] | Promise<ReadCue[]>
}

const HUNDRED_HOURS = 100 * 3_600_000

const milliseconds = (seconds: number): number => Math.round(seconds * 1000)

const ENTITIES: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' }

/** Text of WebVTT without its escapes, of which we write three. */
const unescapeText = (text: string): string => text.replaceAll(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity] ?? '')

/** For readers that leave the tags of WebVTT and its escapes in the text. */
function untag(payload: string): { text: string; voices: string[] } {
  return {
    text: unescapeText(payload.replaceAll(/<[^>]*>/g, '')),
    voices: [...payload.matchAll(/<v ([^>]*)>/g)].map(([, name = '']) => name),
  }
}

function failOn(errors: readonly unknown[]): void {
  if (errors.length > 0) throw new Error(`the reader found mistakes: ${JSON.stringify(errors)}`)
}

/** `subsrt-ts` keeps the lines as they stand in `content`, and strips tags, braces and `>> NAME:` for `text`. */
function readSubsrt(format: 'srt' | 'vtt', file: string): { start: number; end: number; payload: string }[] {
  return subsrt.parse(file, { format, eol: '\n' }).flatMap((caption) => {
    if (caption.type !== 'caption') return []
    const { start, end, content, text } = caption
    const stripped = /[{}]|>>/.test(content) ? content : text
    return [{ start, end, payload: format === 'srt' ? stripped : content }]
  })
}

interface VttNode {
  type: string
  data?: string
  voice?: string
  children?: VttNode[]
}

interface SecondsCue {
  startTime: number
  endTime: number
  text: string
}

// The types of the package lead nowhere where modules are resolved as Node does.
const { parseText, tokenizeVTTCue } = mediaCaptions as unknown as {
  parseText: (text: string, options: object) => Promise<{ cues: SecondsCue[]; errors: unknown[] }>
  tokenizeVTTCue: (cue: SecondsCue) => VttNode[]
}

const voicesIn = (nodes: readonly VttNode[]): string[] =>
  nodes.flatMap((node) => [...(node.voice === undefined ? [] : [node.voice]), ...voicesIn(node.children ?? [])])

const textIn = (nodes: readonly VttNode[]): string =>
  nodes.map((node) => node.data ?? textIn(node.children ?? [])).join('')

async function readMediaCaptions(type: 'srt' | 'vtt', file: string): Promise<ReadCue[]> {
  const { cues, errors } = await parseText(file, { type, strict: true, errors: true })
  failOn(errors)
  return cues.map((cue) => {
    const times = { start: milliseconds(cue.startTime), end: milliseconds(cue.endTime) }
    if (type === 'srt') return { ...times, text: cue.text, voices: [] }
    const nodes = tokenizeVTTCue(cue)
    return { ...times, text: textIn(nodes), voices: voicesIn(nodes) }
  })
}

/** As much of a document as `videojs-vtt.js` needs for the nodes of a cue. */
class Element {
  readonly localName: string
  readonly style = {}
  readonly childNodes: Element[] = []
  parentNode: Element | undefined
  title: string | undefined
  textContent = ''

  constructor(localName: string, text = '') {
    this.localName = localName
    this.textContent = text
  }

  set innerHTML(html: string) {
    this.textContent = unescapeText(html)
  }

  appendChild(child: Element): void {
    child.parentNode = this
    this.childNodes.push(child)
  }

  get all(): Element[] {
    return [this, ...this.childNodes.flatMap((child) => child.all)]
  }
}

const document = {
  createElement: (name: string) => new Element(name),
  createTextNode: (text: string) => new Element('#text', text),
}

interface VideoJsParser {
  oncue: (cue: SecondsCue) => void
  onparsingerror: (error: unknown) => void
  parse: (text: string) => void
  flush: () => void
}

interface WebVtt {
  Parser: new (window: object, vttjs: object, decoder: object) => VideoJsParser
  StringDecoder: () => object
  convertCueToDOMTree: (window: object, text: string) => Element
}

/** The package has no types, and looks for a document once, when it is loaded. */
function loadVideoJs(): { WebVTT: WebVtt; VTTCue: unknown } {
  const require = createRequire(import.meta.url)
  const globals = globalThis as { document?: unknown }
  globals.document = document
  try {
    return {
      WebVTT: require('videojs-vtt.js/lib/vtt.js') as WebVtt,
      VTTCue: require('videojs-vtt.js/lib/vttcue.js') as unknown,
    }
  } finally {
    delete globals.document
  }
}

const { WebVTT, VTTCue } = loadVideoJs()

function readVideoJs(file: string): ReadCue[] {
  const cues: ReadCue[] = []
  const errors: unknown[] = []
  const parser = new WebVTT.Parser({}, { VTTCue }, WebVTT.StringDecoder())
  parser.oncue = ({ startTime, endTime, text }) => {
    const nodes = WebVTT.convertCueToDOMTree({ document }, text).all
    cues.push({
      start: milliseconds(startTime),
      end: milliseconds(endTime),
      text: nodes.map((node) => (node.localName === '#text' ? node.textContent : '')).join(''),
      voices: nodes.flatMap(({ title }) => title ?? []),
    })
  }
  parser.onparsingerror = (error) => errors.push(error)
  parser.parse(file)
  parser.flush()
  failOn(errors)
  return cues
}

/** Readers of SRT. */
export const srtReaders: readonly CaptionReader[] = [
  { name: 'subtitle', read: (file) => parseSubtitles(file).map((cue) => ({ ...cue, voices: [] })) },
  {
    name: 'subsrt-ts',
    timeLimit: HUNDRED_HOURS,
    read: (file) =>
      readSubsrt('srt', file).map(({ start, end, payload }) => ({ start, end, text: payload, voices: [] })),
  },
  { name: 'media-captions', timeLimit: HUNDRED_HOURS, read: (file) => readMediaCaptions('srt', file) },
]

/** Readers of WebVTT. */
export const vttReaders: readonly CaptionReader[] = [
  {
    name: 'webvtt-parser of the W3C',
    read: (file) => {
      const { cues, errors } = parseVtt(file)
      failOn(errors)
      return cues.map(({ start, end, text, voices }) => ({ start, end, text, voices }))
    },
  },
  {
    name: 'subtitle',
    // It fails where there is a header and nothing else.
    read: (file) =>
      (file === vttHeader ? [] : parseSubtitles(file)).map(({ start, end, text }) => ({ start, end, ...untag(text) })),
  },
  {
    name: 'subsrt-ts',
    timeLimit: HUNDRED_HOURS,
    read: (file) => readSubsrt('vtt', file).map(({ start, end, payload }) => ({ start, end, ...untag(payload) })),
  },
  { name: 'media-captions', timeLimit: HUNDRED_HOURS, read: (file) => readMediaCaptions('vtt', file) },
  { name: 'videojs-vtt.js', read: readVideoJs },
]
