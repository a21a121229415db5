import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { expect, it } from 'vitest'
import { findChromium } from '../helpers/chromium.ts'
import { ffmpeg } from '../helpers/media.ts'
import { Workplaces } from '../helpers/workplaces.ts'
import { root } from '../package/user-project.ts'

const executablePath = findChromium()
if (executablePath === undefined) {
  console.warn('skipped: the page with live captions (examples/captions-in-a-page.ts), since no Chromium was found')
}

interface PageElement {
  textContent: string
}

interface PageDocument {
  querySelectorAll: (selector: string) => Iterable<PageElement>
}

/** Runs in the page: the texts of what `selector` finds. */
function texts(selector: string): string[] {
  const { document } = globalThis as unknown as { document: PageDocument }
  return [...document.querySelectorAll(selector)].map(({ textContent }) => textContent)
}

/** Notes in the page that it has shown a turn that was open, for however short a time. */
const watch = `
  new MutationObserver(() => {
    globalThis.hasShownPartial ||= document.querySelector('p.open') !== null
  }).observe(document, { subtree: true, childList: true, attributes: true })`

it.skipIf(executablePath === undefined)(
  'a browser shows partials and finals of the example as they come, and late ones get what has been',
  { timeout: 180_000 },
  async () => {
    const workplaces = await Workplaces.open()
    const folder = await workplaces.make('page')
    // Much of it is to come when the first words are final, and the second page is opened: the server ends with the clip.
    await ffmpeg('-i', join(root, 'demo', 'dialogue.mp4'), '-t', '30', '-c', 'copy', join(folder, 'longer.mp4'))
    // Without its sandbox it also runs as the superuser; it opens nothing but the page of the example.
    const browser = await chromium.launch({ executablePath: executablePath ?? '', args: ['--no-sandbox'] })
    // A browser may take longer to start than the clip takes to play.
    const page = await browser.newPage()
    await page.addInitScript({ content: watch })
    const running = workplaces.example(folder, 'captions-in-a-page.ts', 'longer.mp4', '0')
    try {
      await running.wrote(/^http:\/\/\S+$/m)
      const [address = ''] = /^http:\S+/m.exec(running.printed) ?? []
      const problems: string[] = []
      page.on('pageerror', (error) => problems.push(error.message))
      await page.goto(address)
      await page.waitForFunction('globalThis.hasShownPartial', undefined, { timeout: 60_000, polling: 100 })
      await page.waitForSelector('p.final', { timeout: 60_000 })
      const late = await browser.newPage()
      await late.goto(address)
      await late.waitForSelector('p.final', { timeout: 60_000 })

      expect(await running.ended).toBe(0)
      for (const each of [page, late]) await each.waitForFunction('events.readyState === EventSource.CLOSED')
      const shown = await page.evaluate(texts, 'p.final')
      expect(shown[0]).toMatch(/^A: good morning/i)
      expect(shown.length).toBeGreaterThan(1)
      // No turn is left open, and both pages show the same.
      expect(await page.evaluate(texts, 'p.open')).toEqual([])
      expect(await late.evaluate(texts, 'p.final')).toEqual(shown)
      expect(problems).toEqual([])
    } finally {
      await browser.close()
      await workplaces.close()
    }
  },
)
