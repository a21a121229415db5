import fc from 'fast-check'

/** Pieces of text that break caption files where they are written as they stand. */
export const NASTY = [
  '-->',
  '--->',
  '<b>bold</b>',
  '<v Bob>',
  '3 < 4',
  'a<b',
  '&amp;',
  'AT&T;',
  'R&D -> fine',
  '{\\an8}',
  '{y:i}',
  '\\N',
  '\\h',
  '42',
  '1\n00:00:01,000 --> 00:00:02,000\nsecond cue',
  '00:00:01.000 --> 00:00:02.000',
  '\n',
  '\r\n\r\n',
  '\u0000',
  '\u0085',
  '\u2028',
  '\u2029',
  '\u000B',
  '\f',
  '\u001C',
  '\uD800',
  '\uDC00',
  '\uFEFF',
  '\u200B',
  '\u00A0',
  'שלום עולם',
  '\u202Eabc',
  'e\u0301',
  '👩‍👩‍👧',
  '🇩🇪',
  '日本語字幕',
  'WEBVTT',
  'NOTE',
  '\nNOTE that',
  'STYLE',
  'REGION',
  'line:3',
  'position: 10%',
  '00:00:01,000 --> 00:00:02,000',
  '</v>',
  '<c.red>',
  '<00:00:01.500>',
  '&lt;',
  '&nbsp;',
  '&#39;',
  '>> BOB: ',
  '{b}bold{/b}',
  '\\',
  '->',
  '--',
  '<',
  '>',
  '-',
  ':',
  '\t',
  '\r',
  '\u3000',
  '\u0338',
  '\uFFFE',
  '\u2068\u2069',
  '\u202Aa\u202C',
  '\u202Dx',
  '\u202C',
  '\u2066b \u2067',
  '\u2069',
  '\u061Cc\u200E',
  '\u206A',
]

/** What markup is made of. */
const markup = fc.string({ unit: fc.constantFrom(...'<>&-{}\\;:./!nNhvbcy1 \n'.split('')), maxLength: 10 })

/** Any text, with much of what breaks caption files in it. */
export const nastyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(...NASTY),
      fc.constantFrom(' ', 'word'),
      markup,
      fc.string({ unit: 'binary', maxLength: 6 }),
    ),
  )
  .map((pieces) => pieces.join(''))

/** The marks in a line that turn the direction of writing beyond it, or end what was not begun. */
export function openMarks(line: string): string[] {
  const open: string[] = []
  const stray: string[] = []
  for (const mark of line.match(/[\u202A-\u202E\u2066-\u206F]/g) ?? []) {
    const isEnd = mark === '\u202C' || mark === '\u2069'
    if (!isEnd) open.push(mark)
    else if ((open.at(-1) ?? '') >= '\u2066' === (mark === '\u2069') && open.length > 0) open.pop()
    else stray.push(mark)
  }
  return [...open, ...stray]
}
