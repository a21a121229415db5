/** Marks that are not text: byte-order mark, soft hyphen, and everything of C0 and C1 that is not white space. */
// oxlint-disable-next-line no-control-regex
const DELETED = /[\u0000-\u0008\u000E-\u001B\u007F-\u0084\u0086-\u009F\u00AD\uFEFF]/g

/** White space that some caption reader takes for the end of a line: each becomes a plain space. */
// oxlint-disable-next-line no-control-regex
const SPACES = /[\t\n\v\f\r\u001C-\u001F \u0085\u2028\u2029]+/g

/** Half of a surrogate pair: it has no UTF-8 form. */
const LONE_SURROGATE = /\p{Surrogate}/gu

/** Anything a reader can see. */
const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]/u

/**
 * One line of text that every caption reader takes as it stands: composed (NFC), no control characters, no line
 * breaks of any kind, white space collapsed, halves of surrogate pairs replaced by U+FFFD. Text with nothing visible
 * in it becomes `''`. No-break spaces, emoji, joiners and marks of writing direction stay.
 */
export function cleanText(text: string): string {
  const clean = text.replace(LONE_SURROGATE, '\uFFFD').replace(DELETED, '').replace(SPACES, ' ').normalize('NFC').trim()
  return VISIBLE.test(clean) ? clean : ''
}
