import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { vttSink, type Cue } from 'diarize-stream'
import { cleanText, visibleLines } from '../../src/captions/text.ts'
import { formatVttCue, sanitizeVttName, vttHeader, type VttSpeech } from '../../src/captions/formats/vtt.ts'
import { exampleTurn, makeTurn } from '../captions/example-turn.ts'
import { NASTY, nastyText } from '../captions/nasty-text.ts'
import { parseVtt } from '../captions/parsers.ts'
import { findChromium } from '../helpers/chromium.ts'
import { TextCollector } from '../sinks/temporary.ts'

const executablePath = findChromium()
if (executablePath === undefined) {
  console.warn('skipped: WebVTT as a browser reads it (test/acceptance/browser.test.ts), since no Chromium was found')
}

/** What a page sees of a cue. */
interface SeenCue {
  start: number
  end: number
  text: string
  voices: string[]
}

/** Runs in the page: loads a track, and gives what has come of its cues. */
async function seen(url: string): Promise<SeenCue[]> {
  const page = globalThis as unknown as { document: BrowserDocument }
  const video = page.document.createElement('video')
  const element = page.document.createElement('track')
  element.kind = 'captions'
  element.src = url
  video.append(element)
  page.document.body.append(video)
  await new Promise((resolve, reject) => {
    element.addEventListener('load', resolve)
    element.addEventListener('error', () => reject(new Error('the track could not be loaded')))
    element.track.mode = 'hidden'
  })
  const cues = [...element.track.cues].map((cue) => {
    const shown = cue.getCueAsHTML()
    return {
      start: Math.round(cue.startTime * 1000),
      end: Math.round(cue.endTime * 1000),
      text: shown.textContent,
      voices: [...shown.querySelectorAll('[title]')].map(({ title }) => title),
    }
  })
  video.remove()
  return cues
}

interface BrowserElement {
  title: string
  append: (child: unknown) => void
  remove: () => void
}

interface BrowserTrack extends BrowserElement {
  kind: string
  src: string
  addEventListener: (event: string, listener: (event: unknown) => void) => void
  track: {
    mode: string
    cues: Iterable<{
      startTime: number
      endTime: number
      getCueAsHTML: () => { textContent: string; querySelectorAll: (selector: string) => Iterable<BrowserElement> }
    }>
  }
}

interface BrowserDocument {
  body: BrowserElement
  createElement: ((name: 'track') => BrowserTrack) & ((name: 'video') => BrowserElement)
}

describe.skipIf(executablePath === undefined)('Chromium', () => {
  let browser: Browser
  let server: Server
  let page: Page
  let file = vttHeader
  let count = 0

  const show = (text: string): Promise<SeenCue[]> => {
    file = text
    count += 1
    return page.evaluate(seen, `/${count}.vtt`)
  }

  beforeAll(async () => {
    server = createServer((request, response) => {
      const isTrack = request.url?.endsWith('.vtt') === true
      response.setHeader('content-type', isTrack ? 'text/vtt' : 'text/html; charset=utf-8')
      response.end(isTrack ? file : '<!doctype html><title>captions</title>')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    // Without its sandbox it also runs as the superuser; it opens nothing but the pages of this test.
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: ['--no-sandbox'] })
    page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  })

  afterAll(async () => {
    await browser?.close()
    await new Promise((resolve) => server.close(resolve))
  })

  it('takes a line for one from right to left whose label is not', async () => {
    const out = new TextCollector()
    await pipeline(Readable.from([makeTurn(0, 'A:שלום.')]), vttSink(out, { layout: { labels: 'name' } }))
    const [cue] = await show(out.text)
    expect(cue?.text).toContain('\u2068Speaker A:\u2069 שלום.')
    await page.setContent(`<p dir="auto">${cue?.text}</p>`)
    expect(await page.locator('p:dir(rtl)').count()).toBe(1)
  })

  it('shows the cues of a sink as they were written', async () => {
    const out = new TextCollector()
    await pipeline(Readable.from([exampleTurn()]), vttSink(out, { speakers: { A: 'Алиса & 愛', B: 'בוב' } }))
    const { errors, cues } = parseVtt(out.text)
    expect(errors).toEqual([])
    expect(cues.length).toBeGreaterThan(2)
    expect(await show(out.text)).toEqual(cues.map(({ start, end, text, voices }) => ({ start, end, text, voices })))
    expect(new Set(cues.flatMap(({ voices }) => voices))).toEqual(new Set(['Алиса 愛', 'בוב']))
  })

  it('shows any text, voice and label as they were written', async () => {
    const speech: fc.Arbitrary<VttSpeech> = fc.record({
      voice: fc.option(nastyText, { nil: undefined }),
      voices: fc.option(fc.array(fc.option(nastyText, { nil: undefined }), { maxLength: 3 }), {
        nil: undefined,
        freq: 3,
      }),
      label: fc.option(nastyText, { nil: undefined }),
    })
    const random = fc.sample(fc.tuple(fc.array(nastyText, { maxLength: 3 }), speech), 1000)
    const chosen = NASTY.flatMap((text): [string[], VttSpeech][] => [
      [[text], {}],
      [['first', text], { voice: text }],
      [[text, text], { label: `${text}: `, voices: [text, 'Bob'] }],
    ])
    const told = [...chosen, ...random].map(([lines, speech], i) => {
      // A stream of 130 hours.
      const start = i * 400_000 + (i % 1000)
      return { cue: { index: i + 1, start, end: start + 1 + (i % 7000), lines, words: [] } satisfies Cue, speech }
    })
    const expected = told
      .filter(({ cue }) => visibleLines(cue.lines).length > 0)
      .map(({ cue: { start, end, lines }, speech: { voice, voices, label } }): SeenCue => {
        const names = voices === undefined ? [voice] : voices.filter((_, i) => cleanText(lines[i] ?? '') !== '')
        return {
          start,
          end,
          text: visibleLines(lines, label)
            .join('\n')
            .replaceAll(/-{2,}>/g, '->'),
          voices: names.map((name) => sanitizeVttName(name ?? '')).filter((name) => name !== ''),
        }
      })
    const text = vttHeader + told.map(({ cue, speech }) => formatVttCue(cue, speech)).join('')
    expect(expected.length).toBeGreaterThan(500)
    expect(await show(text)).toEqual(expected)
  })

  it('shows a file without cues as one', async () => {
    expect(await show(vttHeader)).toEqual([])
  })
})
