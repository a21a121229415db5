import { textWidth } from '../../src/captions/width.ts'

/** Size of a character cell, and the space around, in pixels. */
const CELL = { width: 8.4, height: 19 }
const MARGIN = 16
const BACKGROUND = '#10141f'
const FOREGROUND = '#dbe2ee'
/** The eight colours of a terminal, in the order of their codes, from 30 on. */
const COLOURS = ['#4b5468', '#ef6b73', '#8fce7d', '#f2c063', '#6ea8fe', '#d48bea', '#5cc8c4', '#dbe2ee']

interface Look {
  colour: string
  dim: boolean
  bold: boolean
}

const PLAIN: Look = { colour: FOREGROUND, dim: false, bold: false }

/** A picture of a terminal: `lines` as it shows them, with their codes for colours. */
export function terminalSvg(lines: readonly string[], columns: number, description: string): string {
  const width = Math.ceil(columns * CELL.width + 2 * MARGIN)
  const height = Math.ceil(lines.length * CELL.height + 2 * MARGIN)
  let look = PLAIN
  const rows = lines.map((line, row) => {
    const y = MARGIN + row * CELL.height + 14
    let column = 0
    const texts: string[] = []
    for (const [, codes, text] of line.matchAll(CODES_OR_TEXT)) {
      if (codes !== undefined) look = codes.split(';').map(Number).reduce(changed, look)
      else if (text !== undefined) {
        const cells = textWidth(text)
        if (text.trim() !== '') texts.push(textElement(text, look, MARGIN + column * CELL.width, y, cells))
        column += cells
      }
    }
    return texts.join('')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(description)}</title>
<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">
${rows.filter((row) => row !== '').join('\n')}
</g>
</svg>
`
}

// oxlint-disable-next-line no-control-regex
const CODES_OR_TEXT = /\u001B\[([\d;]*)m|([^\u001B]+)/g

function changed(look: Look, code: number): Look {
  if (code === 0) return PLAIN
  if (code === 1) return { ...look, bold: true }
  if (code === 2) return { ...look, dim: true }
  if (code === 22) return { ...look, bold: false, dim: false }
  if (code === 39) return { ...look, colour: FOREGROUND }
  const colour = COLOURS[code >= 90 ? code - 90 : code - 30]
  return colour === undefined ? look : { ...look, colour }
}

/** The length is given, since no font is sure to be there; spaces that do not break are kept by every viewer. */
function textElement(text: string, { colour, dim, bold }: Look, x: number, y: number, cells: number): string {
  const looks = `${dim ? ' fill-opacity="0.6"' : ''}${bold ? ' font-weight="bold"' : ''}`
  const length = (cells * CELL.width).toFixed(1)
  return `<text x="${x.toFixed(1)}" y="${y}" fill="${colour}"${looks} textLength="${length}">${escaped(text).replaceAll(' ', '\u00A0')}</text>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
