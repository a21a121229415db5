import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

/*
 * A figure stands in one place, and one of speed is a ratio to something that runs beside it: bare seconds are those of one
 * machine. Benchmarks have such a ratio beside each of theirs.
 */

const root = new URL('../../', import.meta.url)
const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, root)), 'utf8')
const markdown = (folder: string): string[] =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}${name.replaceAll('\\', '/')}`)

const BENCHMARKS = 'bench/README.md'
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  BENCHMARKS,
  ...markdown('docs/').filter((page) => page !== 'docs/reference.md'),
  ...readdirSync(new URL('packages/', root)).map((name) => `packages/${name}/README.md`),
]

/** What a page says: its sentences, and the rows of its tables, without what programs print. */
function sentences(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```/gms, '').replaceAll(/^ {4}.*$/gm, '')
  return prose
    .split(/\n\s*\n/)
    .flatMap((part) => (part.startsWith('|') ? part.split('\n') : part.replaceAll(/\s+/g, ' ').split(/(?<=[.:;?])\s/)))
}

const seconds = String.raw`\d[\d.]*(?: ?(?:to|-|–) ?[\d.]+)? (?:s|ms|seconds)\b`
const BARE_SPEED = [
  // Work in seconds, and what it is a share of.
  new RegExp(`${seconds} of (?:work|processor time|CPU)`, 'i'),
  new RegExp(
    String.raw`\b(?:second|minute|hour) of (?:audio|speech|sound|a file|AAC|PCM)\b.*\b(?:takes?|took|was|in) .*${seconds}`,
    'i',
  ),
  /\d ?% of (?:a|one|each|the) (?:core|processor|CPU)\b/i,
  // Seconds on some machine.
  new RegExp(String.raw`\bon (?:one|two|four|\d+) (?:\w+ )*(?:cores?|processors?|CPUs?)\b.*${seconds}`, 'i'),
  new RegExp(String.raw`${seconds}.*\bon (?:one|two|four|\d+) (?:\w+ )*(?:cores?|processors?|CPUs?)\b`, 'i'),
]
const isBareSpeed = (sentence: string): boolean => BARE_SPEED.some((pattern) => pattern.test(sentence))

describe('figures of speed', () => {
  it.each(pages.filter((page) => page !== BENCHMARKS))('are ratios, not seconds: %s', (page) => {
    expect(sentences(read(page)).filter(isBareSpeed)).toEqual([])
  })

  it.each([
    'Work for a second of a file was 0.08 to 0.12 s of processor time on two cores that others used, too',
    '21-25 % by telephone (16 %), 0.10-0.11 s of work for a second of audio (0.06 s).',
    'of 98 s, on two slow cores, no turn had come after 5 s, and all had after 37 s.',
    'Before the graphs were made leaner, while little else ran, a second of audio took 0.06 to 0.07 s.',
    'A stream takes 0.3 % of a core.',
  ])('would be found: %s', (sentence) => {
    expect(isBareSpeed(sentence)).toBe(true)
  })
})

describe('a figure stands in one place', () => {
  it('as do sizes of what is installed', () => {
    const places = new Map<string, Set<string>>()
    // The package with the models is one of its own, and another test holds it against the page on the engine.
    for (const page of pages.filter((name) => !name.startsWith('packages/'))) {
      for (const [, size, state] of read(page).matchAll(/(\d[\d.]*) MB,? (installed|fetched|packed|unpacked)/g)) {
        const figure = `${size} MB ${state}`
        places.set(figure, new Set([...(places.get(figure) ?? []), page]))
      }
    }
    expect(places.size).toBeGreaterThan(3)
    expect([...places].filter(([, found]) => found.size > 1)).toEqual([])
  })

  it.each([
    ['words that were wrong', /^(?=.*\bwords?\b)(?=.*\bwrong\b)(?=.*\d ?%)/i, 'docs/engines.md'],
    ['speakers in meetings', /\bAMI\b.*\d\d\.\d/, 'docs/engines.md'],
    ['processor time of the engine', /\d .*times the processor time/i, 'docs/engines.md'],
    ['what npm packs', /`npm pack` makes .*\d MB/, 'CONTRIBUTING.md'],
  ])('as do those of %s', (_what, kind, place) => {
    const saying = pages.filter((page) => {
      if (page.startsWith('packages/')) return false
      // What others publish of their own systems is theirs.
      const text = read(page).split('## What others publish')[0]!
      return sentences(text).some((sentence) => kind.test(sentence))
    })
    expect(saying).toEqual([place])
  })
})
