import { existsSync } from 'node:fs'
import { firstInstalled } from '../src/engine/models/installed.ts'
import type { Clip } from './engine/clip.ts'
import { listenToGivenSpeech } from './engine/given-speech.ts'
import { judgeClip, summarise, type ClipResult, type Summary } from './engine/judge.ts'
import { listen } from './engine/listen.ts'
import {
  gluedByOthers,
  katieAndSteve,
  libriConversations,
  meetings,
  readings,
  speechFolder,
  synthesised,
  synthesisedConversations,
} from './engine/recordings.ts'
import { holdAgainstTargets, type Verdict } from './engine/targets.ts'
import type { BenchOptions } from './options.ts'
import { saveResults } from './results.ts'

const percent = (share: number | undefined): string => (share === undefined ? '' : (100 * share).toFixed(1))

function row(name: string, { clips, live, revised, wordErrorRate, realTimeFactor, speakersFactor }: Summary): string {
  const labels = (figures: Summary['live']): string[] => [
    percent(figures?.strict),
    percent(figures?.collared),
    percent(figures?.wordsRight),
    percent(figures?.counted),
  ]
  const cells = [String(clips), ...labels(live), ...labels(revised), percent(live?.unlabelled), percent(wordErrorRate)]
  const times = [realTimeFactor.toFixed(3), speakersFactor.toFixed(4)]
  return name.padEnd(24) + [...cells, ...times].map((cell) => cell.padStart(7)).join('')
}

const heading = [
  `${''.padEnd(31)}${'labels as they come'.padStart(28)}${'after revision'.padStart(28)}`,
  ''.padEnd(24) +
    [
      'clips',
      'DER 0',
      'DER .25',
      'words',
      'count',
      'DER 0',
      'DER .25',
      'words',
      'count',
      'unlab.',
      'WER',
      'RTF',
      'of it',
    ]
      .map((cell) => cell.padStart(7))
      .join(''),
].join('\n')

/** All material, or one clip of it for a look, or that by which settings were chosen. */
function material(quick: boolean, tuning: boolean): Clip[] {
  if (tuning) return [...libriConversations(6, true), ...synthesisedConversations(4)]
  if (quick) return [katieAndSteve()]
  return [
    ...libriConversations(6, false),
    ...synthesised(),
    ...gluedByOthers(),
    ...meetings(),
    katieAndSteve(),
    ...readings(),
  ]
}

/** By group, those that settings were chosen by apart from those that only report. */
function groupsOf(results: readonly ClipResult[]): Map<string, ClipResult[]> {
  const groups = new Map<string, ClipResult[]>()
  for (const result of results) {
    const name = `${result.clip.group}${result.clip.tuning ? ' (tuned)' : ''}`
    groups.set(name, [...(groups.get(name) ?? []), result])
  }
  return groups
}

async function runBackEnd(backend: 'pocketsphinx' | 'sherpa', clips: readonly Clip[]): Promise<ClipResult[]> {
  const results: ClipResult[] = []
  for (const clip of clips) {
    const result = judgeClip(clip, await listen(clip.samples, { backend }, false))
    results.push(result)
    console.log(row(`  ${clip.name}`, summarise([result])))
  }
  return results
}

/** Tells the speakers of meetings apart where the reference says when somebody speaks, but not who. */
async function runGivenSpeech(clips: readonly Clip[]): Promise<ClipResult[]> {
  const results: ClipResult[] = []
  for (const clip of clips) {
    if (clip.group !== 'AMI' || clip.spans === undefined) continue
    const group = `speech given: ${clip.group}`
    results.push(judgeClip({ ...clip, group }, await listenToGivenSpeech(clip.samples, clip.spans)))
  }
  return results
}

/** Prints how late finals come on audio in real time. */
async function tellLateness(backend: 'pocketsphinx' | 'sherpa'): Promise<number[]> {
  const { lateness } = await listen(katieAndSteve().samples, { backend }, true)
  const sorted = lateness.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  console.log(
    `finals on audio in real time: ${median} ms after the end of their last word (median), ${sorted.at(-1)} at most`,
  )
  return sorted
}

/**
 * The embedded engine on labelled speech: diarization error rate (DER), words with the right speaker, right number of
 * speakers, word error rate (WER), processor time per second of audio (RTF) and lateness of finals, in percent where
 * nothing else is said, for each back end that is here. Resolves to whether all targets are met by the clips that no
 * setting was chosen by.
 */
export async function benchEngine({ quick, save, tuning = false }: BenchOptions): Promise<boolean> {
  if (!existsSync(speechFolder)) {
    console.log(`skipped: there is no labelled speech in ${speechFolder}; set DIARIZE_SPEECH to its folder`)
    return true
  }
  const backEnds = ['pocketsphinx', ...(firstInstalled('recogniser') ? ['sherpa'] : [])] as (
    'pocketsphinx' | 'sherpa'
  )[]
  const clips = material(quick, tuning)
  const saved: Record<string, unknown> = {}
  let good = true
  const given = await runGivenSpeech(clips)
  if (given.length > 0) {
    console.log(`\nspeakers alone, told when somebody speaks by the reference\n${heading}`)
    for (const result of given) console.log(row(`  ${result.clip.name}`, summarise([result])))
    for (const [name, members] of groupsOf(given)) console.log(row(name, summarise(members)))
    saved['given speech'] = { results: given }
  }
  for (const backend of backEnds) {
    console.log(`\n${backend}\n${heading}`)
    const results = await runBackEnd(backend, clips)
    console.log(`\n${backend}, by kind of material\n${heading}`)
    const groups = groupsOf(results)
    for (const [name, members] of groups) console.log(row(name, summarise(members)))
    const reported = results.filter(({ clip }) => !clip.tuning)
    console.log(row('all that only report', summarise(reported)))
    const verdicts: Verdict[] = [...groups]
      .filter(([name]) => !name.endsWith('(tuned)'))
      .flatMap(([name, members]) => holdAgainstTargets(name, summarise(members)))
      .concat(holdAgainstTargets('', summarise(reported)))
    console.log('\ntargets')
    for (const { what, measured, most, met } of verdicts) {
      console.log(`${met ? 'met   ' : 'MISSED'} ${what}: ${percent(measured)} %, at most ${percent(most)} %`)
    }
    const lateness = quick ? [] : await tellLateness(backend)
    saved[backend] = { results, lateness, verdicts }
    good &&= verdicts.every(({ met }) => met)
  }
  if (save) saveResults('engine', saved)
  return good
}
