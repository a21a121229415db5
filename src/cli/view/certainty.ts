import { type CertaintyFigures, UNCERTAIN_BELOW, USUAL_PACE } from '../../certainty.ts'
import type { Warning } from '../../errors.ts'
import { count } from './text.ts'

/** Less of uncertain words, or of speech that is doubtful, is usual in good recordings, and not worth a line. */
const WORTH_SAYING = 0.15
/** Words that a model repeated without end, beside those that it found: usual are none. */
const WORTH_SAYING_REPEATED = 0.05
/** Less speech without words is coughs and laughter, ms. */
const LEAST_UNRECOGNIZED_MS = 3000

/** The warning that many words are probably wrong; `isLocal` where the engine on this machine heard them. */
export function certaintyWarning(figures: CertaintyFigures, isLocal: boolean): Warning | undefined {
  const doubt = doubtOf(figures)
  if (doubt === undefined) return undefined
  const advice = isLocal
    ? 'a better model (diarize-stream models list) or a key of AssemblyAI may hear more'
    : '--keyterms for names, --language, or a better recording may help'
  return { code: 'WORDS_UNCERTAIN', message: `${doubt}; ${advice}`, ...figures }
}

function doubtOf(figures: CertaintyFigures): string | undefined {
  const { rated, uncertain } = figures
  if (rated > 0) {
    if (uncertain / rated < WORTH_SAYING) return undefined
    return `about ${Math.round((10 * uncertain) / rated)} of 10 words are uncertain`
  }
  const signs = signsOf(figures).filter(({ isMuch }) => isMuch)
  if (signs.length === 0) return undefined
  return `many words are probably wrong or missing: ${signs.map(({ what }) => what).join('; ')}`
}

/** What tells of words that nobody rated. */
function signsOf(figures: CertaintyFigures): { what: string; isMuch: boolean }[] {
  const { words, spokenMs, pacedMs, denseMs, sparseMs, unrecognizedMs, repeatedWords } = figures
  const signs: { what: string; isMuch: boolean }[] = []
  const oddMs = denseMs + sparseMs
  if (oddMs > 0) {
    const what = `${oddPace(figures)}, where people say 2 or 3 a second`
    signs.push({ what, isMuch: oddMs / pacedMs >= WORTH_SAYING })
  }
  if (unrecognizedMs > 0) {
    const speechMs = spokenMs + unrecognizedMs
    const isMuch = unrecognizedMs >= LEAST_UNRECOGNIZED_MS && unrecognizedMs / speechMs >= WORTH_SAYING
    signs.push({ what: `no words for ${seconds(unrecognizedMs)} s of ${seconds(speechMs)} s of speech`, isMuch })
  }
  if (repeatedWords > 0) {
    const what = `${count(repeatedWords, 'word')} repeated without end, and left out`
    signs.push({ what, isMuch: repeatedWords / (words + repeatedWords) >= WORTH_SAYING_REPEATED })
  }
  return signs
}

function oddPace({ pacedMs, denseMs, sparseMs }: CertaintyFigures): string {
  const odd = [
    ...(denseMs > 0 ? [`more than ${USUAL_PACE.most} words a second in ${seconds(denseMs)} s`] : []),
    ...(sparseMs > 0 ? [`less than one in ${1 / USUAL_PACE.least} seconds in ${seconds(sparseMs)} s`] : []),
  ]
  return `${odd.join(' and ')} of ${seconds(pacedMs)} s of speech`
}

/** A line of the report on captions, which measures their form. */
export function certaintyLine(figures: CertaintyFigures): string {
  const { words, rated, uncertain } = figures
  if (words === 0)
    return 'words       captions do not say how sure anybody was of them, so how many are right is not known'
  if (rated > 0) return `words       ${words}, ${uncertain} of them uncertain (confidence below ${UNCERTAIN_BELOW})`
  const unrated = `words       ${words}, the engine does not say how sure it is of them, so how many are right is not known`
  return [unrated, ...signsOf(figures).map(({ what }) => what)].join('; ')
}

function seconds(ms: number): number {
  return Math.round(ms / 1000)
}
