import type { Cue, Segment } from '../../model.ts'
import { joinedTexts } from '../../scripts.ts'
import { joinedLines, letters, spacedWords } from '../joined-lines.ts'
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

  /** What its lines show, a word that goes on in the next cue whole; `undefined` where it only ends one. */
  #textOf({ lines, words }: Cue): string | undefined {
    const clean = lines.map(cleanLine)
    const shown = letters(clean.join('')).length
    const before = this.#rest
    const said = words.length === 0 ? before : `${before} ${spacedWords(words)}`
    const rest = afterLetters(said, shown)
    // More than the end of one word is nothing that a layout has put off.
    const last = words.findLast(({ text }) => cleanLine(text) !== '')?.text ?? before
    const isCut = letters(rest).length < letters(last).length
    const isSaid = shown > 0 && isCut && letters(said).startsWith(letters(clean.join('')))
    this.#rest = isSaid ? rest : ''
    if (!isSaid) return joinedTexts(clean)
    if (before !== '' && words.length === 0) return undefined
    return afterLetters(joinedLines(clean, said), letters(before).length).trimStart() + rest
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

/** A text behind its first letters. */
function afterLetters(text: string, count: number): string {
  let at = 0
  for (let left = count; left > 0 && at < text.length; at += 1) if (/\S/.test(text.charAt(at))) left -= 1
  return text.slice(at)
}
