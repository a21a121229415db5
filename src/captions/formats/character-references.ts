/*
 * What stands for a character in WebVTT, as in HTML: of the more than two thousand names those of HTML 4 for Latin letters,
 * punctuation and spaces, and some signs.
 */

/** A reference between `&` and `;`, as part of a regular expression. */
export const REFERENCE = String.raw`#\d{1,7}|#x[\da-f]{1,6}|[a-z]{2,6}\d{0,2}`

/** Known in any case of letters. */
const BASIC: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00A0',
  lrm: '\u200E',
  rlm: '\u200F',
}

/** Of the characters from U+00A0 to U+00FF. */
const LATIN_1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para ' +
  'middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave ' +
  'Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc ' +
  'Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc ' +
  'iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml'

/** Each with its character, of which none is a plain space. */
const OTHERS =
  'OElig\u0152 oelig\u0153 Scaron\u0160 scaron\u0161 Yuml\u0178 fnof\u0192 circ\u02C6 tilde\u02DC ensp\u2002 emsp\u2003 ' +
  'thinsp\u2009 zwnj\u200C zwj\u200D ndash\u2013 mdash\u2014 lsquo\u2018 rsquo\u2019 sbquo\u201A ldquo\u201C rdquo\u201D ' +
  'bdquo\u201E dagger\u2020 Dagger\u2021 bull\u2022 hellip\u2026 permil\u2030 prime\u2032 Prime\u2033 lsaquo\u2039 ' +
  'rsaquo\u203A euro\u20AC trade\u2122 larr\u2190 uarr\u2191 rarr\u2192 darr\u2193 minus\u2212 infin\u221E asymp\u2248 ' +
  'ne\u2260 le\u2264 ge\u2265'

const NAMED = new Map([
  ...LATIN_1.split(' ').map((name, i) => [name, String.fromCodePoint(0xa0 + i)] as const),
  ...OTHERS.split(' ').map((one) => [one.slice(0, -1), one.slice(-1)] as const),
])

/** The character that a reference stands for; `undefined` where it is none that is known. */
export function characterOf(reference: string): string | undefined {
  if (!reference.startsWith('#')) return NAMED.get(reference) ?? BASIC[reference.toLowerCase()]
  const code = Number(reference.replace(/^#x/i, '0x').replace('#', ''))
  return code > 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : undefined
}
