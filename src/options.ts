import { ConfigurationError } from './errors.ts'

/** How a rejected value is shown: short, and never a function's source or an object's secrets. */
function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 57)}...` : value}'`
  if (value === null || ['number', 'boolean', 'bigint', 'undefined'].includes(typeof value)) return String(value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** An option that is refused in words of its own. */
export function refusedOption(option: string, message: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError('INVALID_OPTION', message, { option, cause })
}

/** The one sentence with which every other option is refused. */
export function invalidOption(name: string, rule: string, value: unknown): ConfigurationError {
  return refusedOption(name, `${name}, when given, must be ${rule}; got ${show(value)}`)
}

/** Refuses anything but an integer within `[min, max]`; `undefined` passes. `unit` is e.g. `milliseconds`. */
export function checkInteger(
  name: string,
  value: unknown,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
  unit = '',
): void {
  if (value === undefined) return
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  throw invalidOption(name, `an integer ${range}${unit && ` ${unit}`}`, value)
}

/** Refuses anything but a finite number within `[min, max]`; `undefined` passes. */
export function checkNumber(name: string, value: unknown, min: number, max: number, unit = ''): void {
  if (value === undefined) return
  if (typeof value === 'number' && value >= min && value <= max) return
  throw invalidOption(name, `a number from ${min} to ${max}${unit && ` ${unit}`}`, value)
}

/** Refuses a number above that of another option; where one of them is `undefined`, it passes. */
export function checkAtMost(
  name: string,
  value: number | undefined,
  other: string,
  most: number | undefined,
  unit = '',
): void {
  if (value === undefined || most === undefined || value <= most) return
  throw invalidOption(name, `at most ${other} (${most}${unit && ` ${unit}`})`, value)
}

/** Refuses two options of which only one may be given. */
export function exclusive(name: string, value: unknown, other: string, otherValue: unknown): void {
  if (value === undefined || otherValue === undefined) return
  throw refusedOption(name, `${name} and ${other} exclude each other; give one of them`)
}

/** Refuses an option that says nothing without another. */
export function checkBeside(name: string, value: unknown, other: string, otherValue: unknown): void {
  if (value === undefined || otherValue !== undefined) return
  throw refusedOption(name, `${name} needs ${other} beside it`)
}

/** Refuses anything but `true` or `false`; `undefined` passes. */
export function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalidOption(name, 'true or false', value)
}

/** Refuses anything but a string of `min` to `max` characters; `undefined` passes. */
export function checkString(name: string, value: unknown, min = 1, max = 65_536): void {
  if (value === undefined) return
  if (typeof value === 'string' && value.length >= min && value.length <= max) return
  throw invalidOption(name, `a string of ${min} to ${max} characters`, value)
}

/** Refuses anything that is not one of `allowed`; `undefined` passes. */
export function checkOneOf(name: string, value: unknown, allowed: readonly (string | number)[]): void {
  if (value === undefined || allowed.includes(value as string | number)) return
  const shown = allowed.map((item) => (typeof item === 'string' ? `'${item}'` : String(item)))
  throw invalidOption(
    name,
    shown.length > 1 ? `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}` : shown.join(''),
    value,
  )
}

/** Bounds of a list of strings, each of which has `1` to `maxLength` characters and is one of `values`, where given. */
export interface ListBounds {
  /** @defaultValue `0` */
  min?: number
  max: number
  maxLength?: number | undefined
  values?: readonly string[] | undefined
}

/** Refuses anything but an array of strings within its bounds; `undefined` passes. */
export function checkList(name: string, value: unknown, { min = 0, max, maxLength, values }: ListBounds): void {
  if (value === undefined) return
  if (!Array.isArray(value) || value.length < min || value.length > max) {
    throw invalidOption(name, `an array of ${min > 0 ? `${min} to` : 'at most'} ${max} strings`, value)
  }
  for (const [index, item] of value.entries()) {
    const itemName = `${name}[${index}]`
    if (typeof item !== 'string') throw invalidOption(itemName, 'a string', item)
    if (values) checkOneOf(itemName, item, values)
    checkString(itemName, item, 1, maxLength)
  }
}

/** Refuses what is no object of options. */
export function checkObject(where: string, options: unknown, rule = 'an object'): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidOption(where.endsWith('()') ? `options of ${where}` : where, rule, options)
  }
}

/** Refuses what is no object of options, and names that do not exist, so that a misspelling is not silently the default. */
export function checkKnown(where: string, options: object, known: readonly string[]): void {
  checkObject(where, options)
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw refusedOption(name, `${where} has no option ${name}; it has ${known.join(', ')}`)
    }
  }
}

/** Refuses what is no object of options within those of `stage`, and names that it has not; `undefined` passes. */
export function checkGroup(stage: string, name: string, group: unknown, known: readonly string[]): void {
  if (group === undefined) return
  checkObject(name, group, 'an object of options')
  checkKnown(`${name} of ${stage}`, group as object, known)
}

/** The least and the most of each integer in a group of options: numbers of attempts, and for the rest ms. */
export type GroupBounds = Readonly<Record<string, readonly [least: number, most: number, ...rest: unknown[]]>>

/** Refuses anything that is not an `AbortSignal`; `undefined` passes. */
export function checkSignal(name: string, value: unknown): void {
  if (value !== undefined && !(value instanceof AbortSignal)) throw invalidOption(name, 'an AbortSignal', value)
}

/** Refuses anything but a function; `undefined` passes. */
export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw invalidOption(name, 'a function', value)
}

/** Refuses anything but certificates in PEM; `undefined` passes. */
export function checkCertificates(name: string, value: unknown): void {
  if (!Buffer.isBuffer(value)) checkString(name, value, 1, 10_000_000)
}

/** Refuses certificates to trust where none is checked. */
export function checkTrust({ ca, verifyCertificate }: { ca?: unknown; verifyCertificate?: unknown }): void {
  if (verifyCertificate === false) exclusive('ca', ca, 'verifyCertificate: false', verifyCertificate)
}

/**
 * The fields that are not `undefined`, to be spread: `{ start, ...defined({ speaker }) }` has no key `speaker` where there is
 * no speaker. Not for what is made for each frame, word or segment: it takes several times as long, and what begins with it takes
 * three times the memory, as V8 then lays the whole object out like it.
 */
export function defined<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields
}

/** What refuses a wrong value of the option `name`. */
export type Check = (name: string, value: unknown) => void

/** A check of each option that there is. */
export type Checks = Readonly<Record<string, Check>>

/** Refuses options that are not in the table, and values that their checks refuse; `path` is put before the names, e.g. `layout.`. */
export function checkOptions(where: string, options: object, checks: Checks, path = ''): void {
  checkKnown(where, options, Object.keys(checks))
  for (const [name, check] of Object.entries(checks)) check(path + name, (options as Record<string, unknown>)[name])
}

export const integer =
  (min: number, max?: number, unit?: string): Check =>
  (name, value) =>
    checkInteger(name, value, min, max, unit)

/** Lets what has no bound pass, too. */
export const orInfinity =
  (check: Check): Check =>
  (name, value) => {
    if (value !== Infinity) check(name, value)
  }

/** Of a group of options of `stage`, all of which are integers. */
export const integers =
  (stage: string, bounds: GroupBounds): Check =>
  (name, group) => {
    checkGroup(stage, name, group, Object.keys(bounds))
    for (const [key, value] of Object.entries(group ?? {})) {
      const [least, most] = bounds[key]!
      checkInteger(`${name}.${key}`, value, least, most, key === 'attempts' ? '' : 'ms')
    }
  }

export const number =
  (min: number, max: number, unit?: string): Check =>
  (name, value) =>
    checkNumber(name, value, min, max, unit)

export const string =
  (min?: number, max?: number): Check =>
  (name, value) =>
    checkString(name, value, min, max)

export const oneOf =
  (...allowed: readonly (string | number)[]): Check =>
  (name, value) =>
    checkOneOf(name, value, allowed)

export const list =
  (bounds: ListBounds): Check =>
  (name, value) =>
    checkList(name, value, bounds)

/** The host of an address as name servers and sockets take it: an IPv6 address without brackets. */
export function bareHost({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

/** A proxy's address as a URL; its user and password are in no message. @throws ConfigurationError `INVALID_OPTION` */
export function checkProxy(option: string, address: string): URL {
  const text = address.includes('://') ? address : `http://${address}`
  const proxy = URL.canParse(text) ? new URL(text) : undefined
  if (proxy === undefined || !/^https?:$/.test(proxy.protocol) || proxy.hostname === '') {
    throw refusedOption(option, `${option}, when set, must be an http: or https: address of a proxy`)
  }
  return proxy
}
