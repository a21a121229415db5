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
  'STYLE',
]

/** Any text, with much of what breaks caption files in it. */
export const nastyText = fc
  .array(fc.oneof(fc.constantFrom(...NASTY), fc.constantFrom(' ', 'word'), fc.string({ unit: 'binary', maxLength: 6 })))
  .map((pieces) => pieces.join(''))
