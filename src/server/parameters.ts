import { encodings, parameterTable, speechModels } from '../assemblyai/parameter-table.ts'
import type { Parameter, ParameterName, ParameterRule } from '../assemblyai/parameter-table.ts'
import { invalidMessage, invalidParameter, quote } from './refusal.ts'

/** The value of a parameter, as its rule types it. */
type ValueOf<Rule> = Rule extends { kind: 'boolean' }
  ? boolean
  : Rule extends { kind: 'integer' | 'number' }
    ? number
    : Rule extends { kind: 'string' }
      ? string
      : Rule extends { kind: 'list' }
        ? string[]
        : Record<string, unknown>

/** What a client asked for, checked; what it did not name is absent. */
export type ConnectionParameters = { [Name in ParameterName]?: ValueOf<(typeof parameterTable)[Name]> }

/** Encodings the server can decode, of those the protocol knows. */
export const decodableEncodings = ['pcm_s16le', 'pcm_mulaw'] as const satisfies (typeof encodings)[number][]

const table: readonly [string, Parameter][] = Object.entries(parameterTable)

/**
 * Reads the query of a connection. Unknown names are ignored, as the service does; of a name given twice the last value
 * counts, except that lists must be one JSON array.
 *
 * @param ownModels - model ids accepted beside those of the service.
 * @throws Refusal (3006) for a value that is not allowed.
 */
export function parseQuery(query: URLSearchParams, ownModels: readonly string[] = []): ConnectionParameters {
  const parameters: Record<string, unknown> & ConnectionParameters = {}
  for (const [name, parameter] of table) {
    const texts = query.getAll(parameter.wire)
    if (texts.length > 0) parameters[name] = checkBounds(parameter, readQueryValue(parameter, texts))
  }
  checkModel(parameters.speechModel, [...speechModels, ...ownModels])
  checkCombinations(parameters)
  return parameters
}

/**
 * Reads an `UpdateConfiguration` message. Names that are unknown or cannot change in mid-session are ignored, and so is
 * `null`.
 *
 * @throws Refusal (3006) for a value of the wrong type or out of its bounds.
 */
export function parseUpdate(message: Record<string, unknown>): ConnectionParameters {
  const values: Record<string, unknown> & ConnectionParameters = {}
  for (const [name, parameter] of table) {
    if (!parameter.updatable || !Object.hasOwn(message, parameter.wire)) continue
    const value = message[parameter.wire]
    if (value === null) continue
    if (!isOfKind[parameter.kind](value)) throw invalidMessage(`'${parameter.wire}' ${shouldBe[parameter.kind]}`)
    values[name] = checkBounds(parameter, value)
  }
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
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
  return value
}

/** Returns `value`, less list items that are silently ignored; throws where it is out of the rule's bounds. */
function checkBounds(parameter: Parameter, value: unknown): unknown {
  const { kind } = parameter
  if ((kind === 'integer' || kind === 'number') && typeof value === 'number') checkRange(parameter, value)
  if (kind === 'string' && typeof value === 'string') checkText(parameter, value)
  return kind === 'list' && isStringList(value) ? checkList(parameter, value) : value
}

function checkRange(parameter: Parameter & { kind: 'integer' | 'number' }, value: number): void {
  const { wire, min, max, unit } = parameter
  if (value >= min && value <= max) return
  const [least, bound] = value < min ? [true, min] : [false, max]
  if (unit === undefined) {
    throw invalidParameter(wire, `Input should be ${least ? 'greater' : 'less'} than or equal to ${bound}`)
  }
  const shown = `${bound.toLocaleString('en-US')} ${unit}`
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

function checkList(parameter: Parameter & { kind: 'list' }, items: string[]): string[] {
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
  if ((decodableEncodings as readonly string[]).includes(value)) return
  if (!(encodings as readonly string[]).includes(value)) {
    throw invalidParameter('encoding', `'${quote(value)}' is not a valid Encoding`)
  }
  throw invalidParameter(
    'encoding',
    `Value error, this server decodes ${decodableEncodings.join(' and ')}, not ${value}`,
  )
}

function checkModel(model: string | undefined, models: readonly string[]): void {
  if (model !== undefined) checkChoice('speech_model', model, models)
}

function checkCombinations(parameters: ConnectionParameters): void {
  if (parameters.voiceFocusThreshold !== undefined && parameters.voiceFocus === undefined) {
    throw invalidParameter('voice_focus_threshold', 'Value error, voice_focus_threshold needs voice_focus')
  }
  if (parameters.prompt && parameters.speechModel?.startsWith('universal-streaming-')) {
    throw invalidParameter('prompt', "Value error, prompt is only supported with the 'u3-rt-pro' speech_model")
  }
}
