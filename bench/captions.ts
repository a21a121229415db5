import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import {
  compareCuts,
  type CutQuality,
  judgeCut,
  OURS,
  readHumanCaptions,
  showComparison,
  STRONGEST,
} from './captions/cuts.ts'
import { allAsItMust, type BenchOptions, type Finding } from './report.ts'
import {
  type LayoutSpeed,
  measureCaptioning,
  measureLayout,
  measureRewriting,
  measureWriting,
} from './captions/measure.ts'
import { inventedSpeech } from './captions/speech.ts'

const LEAST_WORDS_PER_SECOND = 50_000
/** Share of the best speed at fewer words that is left at the most. */
const LEAST_LINEARITY = 0.5
const MOST_STALL_MS = 15

/** What speech is invented by. */
const seed = 1

/**
 * `npm run bench -- captions [file.srt ...]`: how fast captions are laid out and written, and how well they are cut,
 * compared with the files, which people made.
 */
export async function benchCaptions(options: BenchOptions): Promise<Finding[]> {
  const faults: string[] = []
  const findings: Finding[] = []
  const check = (good: boolean, what: string): void => {
    console.log(`  ${good ? 'pass' : 'FAIL'}: ${what}`)
    if (!good) faults.push(what)
  }
  const find = (finding: Finding): void => {
    findings.push(finding)
  }

  console.log('layout, one core:')
  const speeds = (options.quick ? [10_000, 100_000] : [10_000, 100_000, 1_000_000]).map((words): LayoutSpeed => {
    const speed = measureLayout(words, words > 100_000 ? 1 : 5, seed)
    console.log(`  ${words} words, ${speed.cues} cues: ${speed.wordsPerSecond} words/s`)
    return speed
  })
  const slowest = Math.min(...speeds.map(({ wordsPerSecond }) => wordsPerSecond))
  check(slowest >= LEAST_WORDS_PER_SECOND, `${slowest} words/s, at least ${LEAST_WORDS_PER_SECOND} are asked for`)
  find({
    measure: 'layout, slowest of all lengths',
    ours: `${slowest.toLocaleString('en-US')} words/s`,
    target: `at least ${LEAST_WORDS_PER_SECOND.toLocaleString('en-US')} words/s`,
    good: slowest >= LEAST_WORDS_PER_SECOND,
  })
  const most = speeds.at(-1)!
  const linearity = most.wordsPerSecond / Math.max(...speeds.slice(0, -1).map(({ wordsPerSecond }) => wordsPerSecond))
  check(
    linearity >= LEAST_LINEARITY,
    `${most.words} words at ${linearity.toFixed(2)} times the speed of fewer, at least ${LEAST_LINEARITY} is linear`,
  )

  console.log("writing, against stringifySync of the npm package 'subtitle':")
  const writing = measureWriting(options.quick ? 100_000 : 300_000, options.quick ? 7 : 15, seed)
  for (const { format, cues, ours, theirs, ratio } of writing) {
    check(ratio >= 1, `${format}, ${cues} cues: ${ours} cues/s against ${theirs}, ratio ${ratio.toFixed(2)}`)
    find({
      measure: `writing cues as ${format}`,
      ours: `${ours.toLocaleString('en-US')} cues/s`,
      against: `subtitle: ${theirs.toLocaleString('en-US')} cues/s`,
      ratio,
      target: 'ratio at least 1',
      good: ratio >= 1,
    })
  }
  const captioning = measureCaptioning(options.quick ? 20_000 : 100_000, options.quick ? 3 : 7, seed)
  find({
    measure: 'words to SRT, layout included',
    ours: `${captioning.ours.toLocaleString('en-US')} words/s`,
    against: `@deepgram/captions, cut after 8 words: ${captioning.theirs.toLocaleString('en-US')} words/s`,
    ratio: captioning.ratio,
  })

  console.log('correcting a file of 10,000 turns:')
  for (const revised of [1, 2000]) {
    // The first round warms up.
    await measureRewriting(10_000, revised)
    const { stallMs, cpuMs } = await measureRewriting(10_000, revised)
    const shown = `${stallMs.toFixed(1)} ms, ${cpuMs.toFixed(0)} ms of processor time`
    const measure = `longest stall of the event loop, ${revised} of 10,000 turns revised`
    check(stallMs <= MOST_STALL_MS, `${measure}: ${shown}, at most ${MOST_STALL_MS} ms are asked for`)
    find({ measure, ours: shown, target: `at most ${MOST_STALL_MS} ms`, good: stallMs <= MOST_STALL_MS })
  }

  for (const file of options.files) {
    const { words, ends } = readHumanCaptions(await readFile(file, 'utf8'))
    if (ends.length === 0) throw new Error(`${file} holds no captions`)
    const results = compareCuts(words, ends)
    console.log(`cuts of ${basename(file)}, ${words.length} words:\n${indent(showComparison(results))}`)
    for (const name of OURS) {
      const wrong = judgeCut(name, results) ?? []
      check(wrong.length === 0, `${name}: ${wrong.length === 0 ? 'as good as asked for' : wrong.join(', ')}`)
      find({
        measure: `cuts of ${basename(file)}, ${name}`,
        ours: shownQuality(results[name]),
        against: `${STRONGEST}: ${shownQuality(results[STRONGEST])}`,
        target: 'F1 at most 0.03 lower, half as many flashes',
        good: wrong.length === 0,
      })
    }
  }
  if (options.files.length === 0) {
    const words = [...inventedSpeech({ seed, words: 10_000 })].flatMap((turn) =>
      turn.flatMap((segment) => segment.words),
    )
    const results = compareCuts(words)
    console.log(`cuts of invented speech, ${words.length} words:\n${indent(showComparison(results))}`)
    console.log('  no figure of quality: nobody has captioned it. Give caption files that people made, as file.srt …')
  }

  if (faults.length > 0 && findings.every(({ good }) => good !== false)) {
    find(allAsItMust(faults))
  }
  return findings
}

function shownQuality(quality: CutQuality | undefined): string {
  return `F1 ${quality?.boundaryF1?.toFixed(3) ?? '-'}, ${((quality?.flashes ?? NaN) * 100).toFixed(1)} % flashes`
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}
