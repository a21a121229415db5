import type { Cue } from '../../model.ts'
import { startsRightToLeft } from '../../scripts.ts'
import { cleanName, ofVisibleLines, visibleLines } from '../text.ts'
import { SPEAKER_COLOURS } from './speaker-styles.ts'
import { captionTimes, vttTimestamp } from './timestamps.ts'

const NAMESPACES = {
  '': 'http://www.w3.org/ns/ttml',
  ':tts': 'http://www.w3.org/ns/ttml#styling',
  ':ttp': 'http://www.w3.org/ns/ttml#parameter',
  ':ttm': 'http://www.w3.org/ns/ttml#metadata',
}

const ROOT = Object.entries(NAMESPACES)
  .map(([prefix, name]) => `xmlns${prefix}="${name}"`)
  .join(' ')

function style(id: string, colour: string): string {
  return `<style xml:id="${id}" tts:color="#${colour}"/>\n`
}

/**
 * What every TTML file begins with, in the text profile of IMSC 1.1, with the styles that {@link SpeakerStyles} hands out. Cues
 * that are shown at the same time stand above each other.
 */
export const ttmlHeader =
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  `<tt ${ROOT} ttp:contentProfiles="http://www.w3.org/ns/ttml/profile/imsc1.1/text" ttp:timeBase="media" ` +
  'ttp:cellResolution="32 15" xml:lang="">\n<head>\n<styling>\n' +
  '<style xml:id="captions" tts:fontFamily="proportionalSansSerif" tts:fontSize="80%" tts:lineHeight="125%" ' +
  'tts:textAlign="center"/>\n' +
  style('default', 'FFFFFF') +
  SPEAKER_COLOURS.map((colour, i) => style(`speaker${i + 1}`, colour)).join('') +
  '<style xml:id="text" tts:backgroundColor="#000000"/>\n</styling>\n<layout>\n' +
  '<region xml:id="bottom" tts:origin="10% 50%" tts:extent="80% 45%" tts:displayAlign="after"/>\n</layout>\n</head>\n' +
  '<body region="bottom" style="captions">\n<div>\n'

/** What every TTML file ends with. */
export const ttmlFooter = '</div>\n</body>\n</tt>\n'

/** Who speaks in a cue of TTML, and how it is shown. */
export interface TtmlSpeech {
  /** Who speaks, written as description of the cue, which players do not display. */
  name?: string | undefined
  /** One of the styles of {@link ttmlHeader}. @defaultValue `'default'` */
  style?: string
  /** Styles of single lines, in their order, for a cue of two speakers; `undefined` for that of the cue. */
  lineStyles?: readonly (string | undefined)[] | undefined
  /** Visible text before the first line, ready made, e.g. `'Alice: '`. @defaultValue `''` */
  label?: string
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** One cue as a paragraph of TTML; `''` where nothing is visible. */
export function formatTtmlCue(cue: Pick<Cue, 'start' | 'end' | 'lines'>, speech: TtmlSpeech = {}): string {
  const { name = '', style: own = 'default', lineStyles = [], label = '' } = speech
  const lines = visibleLines(cue.lines, label)
  if (lines.length === 0) return ''
  const { start, end } = captionTimes(cue)
  const styles = ofVisibleLines(cue.lines, lineStyles)
  const spans = lines.map((line, i) => {
    const lineStyle = styles[i]
    return `<span style="${lineStyle === undefined ? '' : `${lineStyle} `}text">${escapeXml(line)}</span>`
  })
  const known = cleanName(name)
  const who = known === '' ? '' : `<metadata><ttm:desc>${escapeXml(known)}</ttm:desc></metadata>`
  const times = `begin="${vttTimestamp(start)}" end="${vttTimestamp(end)}"`
  const direction = startsRightToLeft(cue.lines[0] ?? '') ? ' tts:direction="rtl"' : ''
  return `<p ${times} style="${own}"${direction}>${who}${spans.join('<br/>')}</p>\n`
}
