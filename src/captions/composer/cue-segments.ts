import type { Cue, Segment } from '../../model.ts'
import { joinedTexts } from '../../scripts.ts'
import { cleanLine } from '../text.ts'
import { wordPlaces } from '../word-places.ts'

/** What cues say, one after the other, for texts that have no cues. */
export class CueSegments {
  /** The rest of a long word that goes on in the next cue: what was written of it is the whole word. */
  #rest = ''

  /** The segment of a cue; of two speakers, what each of them says, which stands on a line of its own, with a dash. */
  of(cue: Cue): Segment[] {
    const { index, speaker, start, end, lineSpeakers, words } = cue
    const turn = { order: index, revision: 0 }
    if (lineSpeakers !== undefined) return this.#ofLines(cue, lineSpeakers)
    const text = this.#textOf(cue)
    return text === undefined ? [] : [{ ...(speaker !== undefined && { speaker }), start, end, text, words, turn }]
  }

  /** Its words where they are what its lines show, since a line may begin inside one; `undefined` where it only ends one. */
  #textOf({ lines, words }: Cue): string | undefined {
    const clean = lines.map(cleanLine)
    const shown = letters(clean.join(''))
    const texts = words.map((word) => cleanLine(word.text))
    const due = this.#rest + letters(texts.join(''))
    const isDue = shown !== '' && due.startsWith(shown)
    const isRest = isDue && this.#rest !== '' && words.length === 0
    this.#rest = isDue ? due.slice(shown.length) : ''
    if (isRest) return undefined
    return isDue && words.length > 0 ? joinedTexts(texts) : joinedTexts(clean)
  }

  #ofLines({ index, start, end, lines, words }: Cue, lineSpeakers: readonly string[]): Segment[] {
    this.#rest = ''
    const turn = { order: index, revision: 0 }
    const places = wordPlaces(lines.map(cleanLine), words, true)
    let next = 0
    return lines.map((line, i) => {
      const said = words.slice(next, (next += places?.[i]?.length ?? 0))
      const times = { start: said[0]?.start ?? start, end: said.at(-1)?.end ?? end }
      const own = lineSpeakers[i]
      return {
        ...(own !== undefined && { speaker: own }),
        ...times,
        text: line.replace(/^[-–—]\s*/, ''),
        words: said,
        turn,
      }
    })
  }
}

function letters(text: string): string {
  return text.replaceAll(/\s/g, '')
}
