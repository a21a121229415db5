import type { ConfigurationError } from '../../errors.ts'
import { refusedOption } from '../../options.ts'
import { catalogue, isListed } from './catalogue.ts'
import type { RecogniserModel } from './model.ts'

/** Languages are named in a message while there are not more of them. */
const maxNamed = 30

/** Names of languages in English, by code; a code that it has no name for stays. */
const english = new Intl.DisplayNames(['en'], { type: 'language' })

/**
 * The code under which a model knows a language; `''` where it is to find out. @throws ConfigurationError, which says
 * what the model knows, and which models know the other.
 */
export function checkLanguage(
  language: string | undefined,
  model: Pick<RecogniserModel, 'name' | 'languages' | 'detectsLanguage'>,
): string {
  const { name, languages, detectsLanguage } = model
  if (language === undefined) return ''
  if (language.toLowerCase() === 'auto') {
    if (detectsLanguage || languages.length < 2) return ''
    throw invalid(language, `the model ${name} cannot tell which language is spoken; name one of ${list(languages)}`)
  }
  const wanted = codeOf(language)
  if (wanted === undefined) throw noCode(language)
  // A model of which nobody says what it knows takes what comes.
  if (languages.length === 0) return ''
  const known = languages.find((code) => codeOf(code) === wanted)
  if (known !== undefined) return known
  // A name may look like a code: 'german' is one of six letters that nobody has given out.
  if (englishName(wanted) === undefined) throw noCode(language)
  const others = catalogue
    .filter(
      (entry) =>
        entry.role === 'recogniser' && isListed(entry) && entry.languages.some((code) => codeOf(code) === wanted),
    )
    .map((entry) => entry.name)
  const next =
    others.length === 0
      ? 'no model of the catalogue knows it'
      : `models that do: ${others.join(', ')}; get one: diarize-stream models pull ${others[0]}`
  throw invalid(language, `the model ${name} knows ${list(languages)}, and not ${describe(wanted)}; ${next}`)
}

/** The canonical code of the language of a tag; `undefined` where it is no tag. */
function codeOf(tag: string): string | undefined {
  try {
    const { language } = new Intl.Locale(tag.replaceAll('_', '-'))
    // Whisper knows Norwegian as such, and Nynorsk; people write Bokmål.
    return language === 'nb' ? 'no' : language
  } catch {
    return undefined
  }
}

function englishName(code: string): string | undefined {
  const name = english.of(code)
  return name === undefined || name === code ? undefined : name
}

function describe(code: string): string {
  const name = englishName(code)
  return name === undefined ? code : `${name} (${code})`
}

function list(codes: readonly string[]): string {
  const sorted = codes.toSorted()
  if (sorted.length > maxNamed) return `${sorted.length} languages: ${sorted.join(' ')}`
  return sorted.map(describe).join(', ')
}

function noCode(language: string): ConfigurationError {
  const meant = codeOfName(language)
  const next = meant === undefined ? 'give an ISO 639-1 code, e.g. en, or auto' : `did you mean ${meant}?`
  return invalid(language, `'${language.slice(0, 40)}' is no code of a language; ${next}`)
}

/** The code of a language that is called by its English name or its own, among those that any model knows. */
function codeOfName(name: string): string | undefined {
  const wanted = name.trim().toLowerCase()
  const codes = new Set(catalogue.flatMap((entry) => (entry.role === 'recogniser' ? entry.languages : [])))
  return [...codes].find((code) => {
    const own = new Intl.DisplayNames([code], { type: 'language', fallback: 'none' })
    return [english, own].some((names) => names.of(code)?.toLowerCase() === wanted)
  })
}

function invalid(language: string, message: string): ConfigurationError {
  return refusedOption('language', message)
}
