import { invalidMessage, invalidParameter, quote } from './close-codes.ts'
import { isRecord } from './messages.ts'
import { modes, speechModels, type UnknownModels } from './models.ts'
import {
  type ConnectionParameters,
  encodings,
  isInSeconds,
  type Parameter,
  type ParameterRule,
  table,
} from './parameters.ts'

/** What a server makes of the parameters it is sent, in a query or in a message. */

/** What a server knows, and what it makes of what it does not know. */
export interface QueryRules {
  /** Model ids known beside those of the service. */
  ownModels?: readonly string[]
  /** What becomes of models and modes that are not known; `open` if absent. */
  models?: UnknownModels
}

/**
 * Reads the query of a connection. Unknown names are ignored, as the service does; of a name given twice the last value
 * counts, except that lists must be one JSON array.
 *
 * @throws Refusal (3006) for a value that is not allowed.
 */
export function parseQuery(query: URLSearchParams, rules: QueryRules = {}): ConnectionParameters {
  const parameters: Record<string, unknown> & ConnectionParameters = {}
  for (const [name, parameter] of Object.entries(table)) {
    const texts = query.getAll(parameter.wire)
    if (texts.length > 0) parameters[name] = checkBounds(parameter, readQueryValue(parameter, texts))
  }
  judgeNames(parameters, rules)
  checkCombinations(parameters)
  return parameters
}

/**
 * Reads an `UpdateConfiguration` message. Names that are unknown or cannot change in mid-session are ignored, and so is
 * `null`.
 *
 * @throws Refusal (3006) for a value of the wrong type or out of its bounds.
 */
export function parseUpdate(message: Record<string, unknown>, rules: QueryRules = {}): ConnectionParameters {
  const values: Record<string, unknown> & ConnectionParameters = {}
  for (const [name, parameter] of Object.entries(table)) {
    if (!parameter.updatable || !Object.hasOwn(message, parameter.wire)) continue
    const value = message[parameter.wire]
    if (value === null) continue
    if (!isOfKind[parameter.kind](value)) throw invalidMessage(`'${parameter.wire}' ${shouldBe[parameter.kind]}`)
    values[name] = checkBounds(parameter, value)
  }
  judgeNames(values, rules)
  return values
}

const shouldBe: Record<ParameterRule['kind'], string> = {
  boolean: 'should be a valid boolean',
  integer: 'should be a valid integer',
  number: 'should be a valid number',
  string: 'should be a valid string',
  list: 'should be a list of strings',
  object: 'should be a JSON object',
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

const isOfKind: Record<ParameterRule['kind'], (value: unknown) => boolean> = {
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => Number.isInteger(value),
  number: (value) => Number.isFinite(value),
  string: (value) => typeof value === 'string',
  list: isStringList,
  object: isRecord,
}

/** How the text of a query value becomes a value; `undefined` where it cannot. */
const readText: Record<ParameterRule['kind'], (text: string) => unknown> = {
  boolean: (text) => (/^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : undefined),
  integer: (text) => (/^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined),
  number: (text) => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined),
  string: (text) => text,
  list: readJson,
  object: readJson,
}

const unreadable: Record<ParameterRule['kind'], string> = {
  boolean: 'Input should be a valid boolean, unable to interpret input',
  integer: 'Input should be a valid integer, unable to parse string as an integer',
  number: 'Input should be a valid number, unable to parse string as a number',
  string: 'Input should be a valid string',
  list: 'Invalid JSON array',
  object: 'Invalid JSON object',
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The value of a parameter that the query names once or more. */
function readQueryValue(parameter: Parameter, texts: readonly string[]): unknown {
  const { kind, wire } = parameter
  const text = texts.at(-1) ?? ''
  // The service documents a list of comma-separated names for this one parameter, beside the JSON form.
  if (wire === 'redact_pii_policies' && texts.length === 1 && !text.startsWith('[')) return text.split(',')
  const repeatedList = kind === 'list' && texts.length > 1
  const value = repeatedList ? undefined : readText[kind](text)
  if (!isOfKind[kind](value)) throw invalidParameter(wire, unreadable[kind])
  return isInSeconds(parameter) ? Number(value) * 1000 : value
}

/** Returns `value`, less list items that are silently ignored; throws where it is out of the rule's bounds. */
function checkBounds(parameter: Parameter, value: unknown): unknown {
  const { kind } = parameter
  if ((kind === 'integer' || kind === 'number') && typeof value === 'number') checkRange(parameter, value)
  if (kind === 'string' && typeof value === 'string') checkText(parameter, value)
  return kind === 'list' && isStringList(value) ? boundList(parameter, value) : value
}

function checkRange(parameter: Parameter & { kind: 'integer' | 'number' }, value: number): void {
  const { wire, min, max, unit } = parameter
  if (value >= min && value <= max) return
  const [least, limit] = value < min ? [true, min] : [false, max]
  const bound = isInSeconds(parameter) ? limit / 1000 : limit
  if (unit === undefined) {
    throw invalidParameter(wire, `Input should be ${least ? 'greater' : 'less'} than or equal to ${bound}`)
  }
  const shown = `${bound.toLocaleString('en-US')} ${isInSeconds(parameter) ? 'seconds' : unit}`
  throw invalidParameter(wire, `Value error, ${wire} must be at ${least ? 'least' : 'most'} ${shown}`)
}

function checkText(parameter: Parameter & { kind: 'string' }, value: string): void {
  const { wire, maxLength, values } = parameter
  if (wire === 'encoding') return checkEncoding(value)
  if (values !== undefined) return checkChoice(wire, value, values)
  if (value.length <= maxLength) return
  throw invalidParameter(
    wire,
    `Value error, ${wire} exceeds maximum length of ${maxLength} characters (got ${value.length})`,
  )
}

function boundList(parameter: Parameter & { kind: 'list' }, items: string[]): string[] {
  const { wire, maxItems, maxItemLength, values } = parameter
  if (items.length > maxItems) throw invalidParameter(wire, `Value error, Max ${maxItems} items`)
  if (values !== undefined) for (const item of items) checkChoice(wire, item, values)
  return maxItemLength === undefined ? items : items.filter((item) => item.length <= maxItemLength)
}

function checkChoice(wire: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return
  const shown = allowed.map((item) => `'${item}'`)
  const list = shown.length > 1 ? `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}` : shown.join('')
  throw invalidParameter(wire, `Input should be ${list}`)
}

function checkEncoding(value: string): void {
  if ((encodings as readonly string[]).includes(value)) return
  throw invalidParameter('encoding', `'${quote(value)}' is not a valid Encoding`)
}

/** No name is empty, and where the server is strict, each is one that is known. */
function judgeNames(
  { speechModel, mode }: ConnectionParameters,
  { ownModels = [], models = 'open' }: QueryRules,
): void {
  const refused = (value: string | undefined): value is string =>
    value === '' || (models === 'strict' && value !== undefined)
  if (refused(speechModel)) checkChoice('speech_model', speechModel, [...speechModels, ...ownModels])
  if (refused(mode)) checkChoice('mode', mode, modes)
}

function checkCombinations(parameters: ConnectionParameters): void {
  if (parameters.voiceFocusThreshold !== undefined && parameters.voiceFocus === undefined) {
    throw invalidParameter('voice_focus_threshold', 'Value error, voice_focus_threshold needs voice_focus')
  }
  if (parameters.prompt && parameters.speechModel?.startsWith('universal-streaming-')) {
    throw invalidParameter('prompt', "Value error, prompt is only supported with the 'u3-rt-pro' speech_model")
  }
}
