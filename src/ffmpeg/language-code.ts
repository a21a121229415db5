/** ISO 639-1 codes and the ISO 639-2 codes that containers want. */
const CODES =
  'af:afr ar:ara be:bel bg:bul bn:ben bs:bos ca:cat cs:ces cy:cym da:dan de:deu el:ell en:eng es:spa et:est eu:eus ' +
  'fa:fas fi:fin fr:fra ga:gle gl:glg gu:guj he:heb hi:hin hr:hrv hu:hun hy:hye id:ind is:isl it:ita ja:jpn ka:kat ' +
  'kk:kaz kn:kan ko:kor lt:lit lv:lav mk:mkd ml:mal mr:mar ms:msa nb:nob nl:nld nn:nno no:nor pa:pan pl:pol pt:por ' +
  'ro:ron ru:rus sk:slk sl:slv sq:sqi sr:srp sv:swe sw:swa ta:tam te:tel th:tha tl:tgl tr:tur uk:ukr ur:urd uz:uzb ' +
  'vi:vie xh:xho yue:yue zh:zho zu:zul'

const THREE_LETTERS: ReadonlyMap<string, string> = new Map(
  CODES.split(' ').map((pair) => pair.split(':') as [string, string]),
)

/**
 * The code of three letters under which players list a text track.
 *
 * @param language - BCP 47, e.g. `de` or `pt-BR`.
 * @returns `und`, undetermined, where there is none or it is not known.
 */
export function trackLanguage(language: string | undefined): string {
  const code = language?.toLowerCase().split('-')[0] ?? ''
  return THREE_LETTERS.get(code) ?? (/^[a-z]{3}$/.test(code) ? code : 'und')
}
