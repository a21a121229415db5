import { readFileSync, statSync } from 'node:fs'
import { expect, it } from 'vitest'
import { terminalSvg } from '../../scripts/pictures/terminal-svg.ts'

const image = (name: string): URL => new URL(`../../docs/images/${name}`, import.meta.url)

it('draws a screen in its colours, with every character in its column', () => {
  const svg = terminalSvg(
    ['\u001B[2m00:01\u001B[0m \u001B[36mA & B:\u001B[39m <hi>', '', '漢 \u001B[1;33mx'],
    20,
    'a "run"',
  )
  const texts = [...svg.matchAll(/<text x="([\d.]+)" y="(\d+)" fill="(\S+)"([^>]*)>([^<]*)</g)].map((text) =>
    text.slice(1, 6),
  )
  expect(texts.map(([x, y, , , text]) => [Number(x), Number(y), text])).toEqual([
    [16, 30, '00:01'],
    [66.4, 30, 'A\u00A0&amp;\u00A0B:'],
    [116.8, 30, '\u00A0&lt;hi&gt;'],
    [16, 68, '漢\u00A0'],
    [41.2, 68, 'x'],
  ])
  expect(texts[0]?.[3]).toContain('fill-opacity')
  expect(texts[2]?.[3]).not.toContain('fill-opacity')
  expect(texts[1]?.[2]).not.toBe(texts[2]?.[2])
  expect(texts[4]?.[3]).toContain('bold')
})

it('has made pictures that load fast, of what the command shows', () => {
  for (const name of ['terminal.svg', 'burnt.png']) expect(statSync(image(name)).size).toBeLessThan(150_000)
  const svg = readFileSync(image('terminal.svg'), 'utf8')
  for (const shown of ['npx diarize-stream', 'Alice:', 'Bob:', 'speakers']) {
    expect(svg).toContain(shown.replaceAll(' ', '\u00A0'))
  }
  // Nothing of the machine it was made on.
  expect(svg).not.toMatch(/\/tmp|\/home|\/root|@/)
})
