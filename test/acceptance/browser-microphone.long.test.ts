import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { expect, it } from 'vitest'
import { findChromium } from '../helpers/chromium.ts'
import { ffmpeg } from '../helpers/media.ts'
import { Workplaces } from '../helpers/workplaces.ts'

const executablePath = findChromium()
if (executablePath === undefined) {
  console.warn('skipped: the microphone of a browser (examples/browser-microphone.ts), since no Chromium was found')
}

/** Runs in the page: the texts of its final lines. */
const FINALS = `[...document.querySelectorAll('p.final')].map(({ textContent }) => textContent)`

it.skipIf(executablePath === undefined)(
  'what a microphone of a browser hears comes back as captions, to the last word before the end',
  { timeout: 180_000 },
  async () => {
    const workplaces = await Workplaces.open()
    const folder = await workplaces.make('browser-microphone')
    const sound = join(folder, 'sound.wav')
    await ffmpeg('-i', join(folder, 'talk.mp4'), '-t', '8', '-ar', '48000', '-ac', '1', sound)
    const running = workplaces.example(folder, 'browser-microphone.ts', '0')
    const browser = await chromium.launch({
      executablePath: executablePath ?? '',
      args: [
        // Without its sandbox it also runs as the superuser; it opens nothing but the page of the example.
        '--no-sandbox',
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
        `--use-file-for-fake-audio-capture=${sound}`,
      ],
    })
    try {
      await running.wrote(/^http:\/\/\S+$/m)
      const page = await browser.newPage()
      const problems: string[] = []
      page.on('pageerror', (error) => problems.push(error.message))
      await page.goto(/^http:\S+/m.exec(running.printed)![0])
      await page.click('#record')
      // The sound is played over and over: its first sentence has been said once it is shown.
      await page.waitForSelector('p.final', { timeout: 60_000 })
      await page.click('#stop')
      // The body as a whole has the text of the script in it, too.
      const isOver = `document.querySelector('main').textContent.includes('The end.')`
      await page.waitForFunction(isOver, undefined, { timeout: 60_000 })
      const shown = await page.evaluate<string[]>(FINALS)
      expect(shown.join(' ')).toMatch(/^A: .*(?:morning|ready|trip|lake|thinking|week)/i)
      // What was open at the end is final by now.
      expect(await page.evaluate(`document.querySelectorAll('p.open').length`)).toBe(0)
      expect(problems).toEqual([])
    } finally {
      await browser.close()
      await workplaces.close()
    }
  },
)
