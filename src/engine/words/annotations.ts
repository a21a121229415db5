/**
 * What a model writes of sounds that are no speech: `(wind howling)`, `[Silence]`, `*sighs*`, `♪ music ♪`. None of it was
 * said.
 */

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '（': '）', '［': '］', '【': '】' }
/** Signs that open and close alike. */
const marks = /[*♪♫♬🎵🎶]/u
/** An annotation that is not closed goes on to the end of the text, unless more letters than this follow. */
const longestOpen = 40

/** Which characters of a text belong to annotations, by UTF-16 code unit. */
export function annotated(text: string): boolean[] {
  const inside = Array.from({ length: text.length }, () => false)
  let at = 0
  while (at < text.length) {
    const sign = String.fromCodePoint(text.codePointAt(at)!)
    const close = closing[sign]
    if (close === undefined && !marks.test(sign)) {
      at += sign.length
      continue
    }
    const end = close === undefined ? nextMark(text, at + sign.length) : closes(text, at, sign, close)
    if (end !== undefined) {
      inside.fill(true, at, end)
      at = end
    } else if (text.length - at <= longestOpen || isMonotonous(text.slice(at))) {
      inside.fill(true, at)
      break
    } else {
      inside.fill(true, at, at + sign.length)
      at += sign.length
    }
  }
  return inside
}

function nextMark(text: string, from: number): number | undefined {
  const found = marks.exec(text.slice(from))
  return found === null ? undefined : from + found.index + found[0].length
}

/** Where the bracket at `from` is closed, others like it within it. */
function closes(text: string, from: number, open: string, close: string): number | undefined {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    if (text[at] === open) depth++
    if (text[at] === close && --depth === 0) return at + 1
  }
  return undefined
}

/** Whether a text is one sign or word over and over. */
function isMonotonous(text: string): boolean {
  return new Set(text.slice(1).trim().toLowerCase().split(/\s+/)).size <= 2
}
