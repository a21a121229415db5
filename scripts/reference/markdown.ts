import type { Member, PublicName, Tag } from './public-names.ts'

/** Writes public names as Markdown. */
export class ReferenceWriter {
  /** Where things are told of, by name. */
  readonly #anchors: ReadonlyMap<string, string>

  /** @param anchors - where everything is told of, by name. */
  constructor(anchors: ReadonlyMap<string, string>) {
    this.#anchors = anchors
  }

  /** A function: what it is for, what goes in and out, its options, its events. */
  function(entry: PublicName, options: PublicName | undefined): string {
    const parameters = entry.parameters.map(
      ({ name, isOptional, isRest }) => `${isRest ? '...' : ''}${name.replace(/^_/, '')}${isOptional ? '?' : ''}`,
    )
    const returns = tagTexts(entry.tags, 'returns')[0]
    const given = tagTexts(entry.tags, 'param').map((text) => text.replace(/^(\S+) - /, '`$1`: '))
    const facts = [
      ...given,
      `returns ${returns ?? this.#type(entry.type)}`,
      ...tagTexts(entry.tags, 'throws').map((text) => `throws ${text}`),
      ...this.#eventsOf(entry.type),
    ]
    return [
      `### ${entry.name}`,
      code(`${entry.name}(${parameters.join(', ')})`),
      this.#prose(entry.text),
      list(facts.map((fact) => this.#prose(fact))),
      this.#examples(entry.tags),
      options ? this.options(options) : '',
      this.#events(entry.tags),
    ]
      .filter((part) => part !== '')
      .join('\n\n')
  }

  /** The options of an interface, those that it takes over from another in a table of their own. */
  options(entry: PublicName): string {
    const names = [...new Set(entry.members.map(({ declaredBy }) => declaredBy))]
    const tables = names.map((name) => {
      const members = entry.members.filter(({ declaredBy }) => declaredBy === name)
      const isOwn = name === entry.name || names.length === 1
      const title = isOwn ? 'Options:' : `Options of ${this.#reference(name)}:`
      return `${title}\n\n${this.#optionTable(members)}`
    })
    return tables.join('\n\n')
  }

  /** A type: its fields, its values, or what it stands for. */
  type(entry: PublicName): string {
    const head = `### ${entry.name}\n\n${this.#prose(entry.text)}`
    if (entry.kind === 'constant') return `${head}\n\nValue: ${code(entry.type)}`
    // An alias of an object has fields of its own; all others say what they stand for.
    if (entry.kind === 'alias' && !entry.type.includes('{ /**')) return `${head}\n\n${this.#type(entry.type)}`
    const members = entry.kind === 'class' ? entry.members.filter(isOwn(entry)) : entry.members
    if (members.length === 0) return head
    if (entry.name.endsWith('Options') || entry.name.endsWith('Parameters') || entry.name.endsWith('Weights')) {
      return `${head}\n\n${this.#optionTable(entry.members)}`
    }
    if (entry.name.endsWith('Events')) return `${head}\n\n${this.#eventTable(entry.members)}`
    const rows = members.map((member) => [this.#name(member), this.#type(member.type), this.#cell(member.text)])
    return `${head}\n\n${table(['field', 'type', 'what it is'], rows)}`
  }

  #optionTable(members: readonly Member[]): string {
    const rows = members.map((member) => [
      this.#name(member, false),
      this.#type(member.type),
      unitOf(member),
      this.#cell(member.defaultValue === undefined ? 'none' : codeIfValue(member.defaultValue)),
      this.#cell(member.text),
    ])
    return table(['option', 'type', 'unit', 'default', 'what it does'], rows)
  }

  #eventTable(members: readonly Member[]): string {
    const rows = members.map(({ name, type, text }) => [
      code(name),
      this.#type(type.replace(/^\[(.*)\]$/, '$1').replaceAll(/(^|, )\w+: /g, '$1')),
      this.#cell(text),
    ])
    return table(['event', 'given with', 'when'], rows)
  }

  /** Where the events of a function's result are listed. */
  #eventsOf(type: string): string[] {
    const name = `${/^(?:Promise<)?(\w+)/.exec(type)?.[1]}Events`
    return this.#anchors.has(name) ? [`its events: ${this.#reference(name)}`] : []
  }

  /** The tags `@event name Type - when`. */
  #events(tags: readonly Tag[]): string {
    const rows = tagTexts(tags, 'event').map((text) => {
      const [, name = '', type = '', when = ''] = /^(\w+) (\w+) - (.*)$/s.exec(text) ?? []
      return [code(name), this.#type(type), this.#cell(when)]
    })
    return rows.length === 0 ? '' : `Events:\n\n${table(['event', 'given with', 'when'], rows)}`
  }

  #examples(tags: readonly Tag[]): string {
    return tagTexts(tags, 'example').join('\n\n')
  }

  #name({ name, isOptional }: Member, mark = true): string {
    return code(`${name}${mark && isOptional ? '?' : ''}`)
  }

  /** A type, its parts linked where the reference holds them. */
  #type(type: string): string {
    const parts = splitUnion(type.replace(/^\| /, ''))
    return parts
      .map((part) => {
        const [, name = part, suffix = ''] = /^(\w+)((?:\[\])*)$/.exec(part) ?? []
        const anchor = this.#anchors.get(name)
        return anchor === undefined ? code(part) : `[${code(`${name}${suffix}`)}](#${anchor})`
      })
      .join(' \\| ')
  }

  #cell(text: string): string {
    return this.#prose(text)
      .replaceAll(/\s*\n\s*/g, ' ')
      .replaceAll(/(?<!\\)\|/g, '\\|')
  }

  #prose(text: string): string {
    return text
      .replaceAll(/\{@link (\w+)(?:\.\w+)?\}/g, (_, name: string) => this.#reference(name))
      .replaceAll(/docs\/(\w[\w-]*\.md)/g, '[$1]($1)')
      .replaceAll(/`\[(\S+)\]\(\S+\)`/g, '[$1]($1)')
      .replaceAll(/<(?=[a-z])/gi, '&lt;')
      .replaceAll(/`[^`\n]*`/g, (span) => span.replaceAll('&lt;', '<'))
  }

  #reference(name: string): string {
    const anchor = this.#anchors.get(name)
    return anchor === undefined ? code(name) : `[${code(name)}](#${anchor})`
  }
}

function isOwn(entry: PublicName): (member: Member) => boolean {
  return ({ declaredBy }) => declaredBy === entry.name
}

/** Units as the comments say them; the first that is found counts. */
const units: readonly (readonly [pattern: RegExp, unit: string])[] = [
  [/\bcolumns a second\b/i, 'columns/s'],
  [/\bbytes a second\b/i, 'bytes/s'],
  [/\bms of audio per ms\b/, 'ms/ms'],
  [/\b(?:ms|milliseconds)\b/i, 'ms'],
  [/\bhz\b/i, 'Hz'],
  [/(?<!\d )\bseconds\b/i, 's'],
  [/\bbytes\b/i, 'bytes'],
  [/\bcolumns\b/i, 'columns'],
  [/\bwords\b/i, 'words'],
]

/** The unit of an option that may be a number, as its comment says. */
function unitOf({ type, text, declaredBy }: Member): string {
  // Weights are plain numbers, of which some comments tell what they are multiplied with.
  if (!/\bnumber\b/.test(type) || declaredBy === 'LayoutWeights') return ''
  return units.find(([pattern]) => pattern.test(text))?.[1] ?? ''
}

function tagTexts(tags: readonly Tag[], name: string): string[] {
  return tags.filter((tag) => tag.name === name).map(({ text }) => text)
}

/** Splits a union at its outermost bars. */
function splitUnion(type: string): string[] {
  const parts: string[] = []
  let depth = 0
  let part = ''
  for (let at = 0; at < type.length; at += 1) {
    const character = type.charAt(at)
    if ('([{<'.includes(character)) depth += 1
    // The arrow of a function closes nothing, and all that follows is its result.
    else if (character === '>' && type[at - 1] === '=') depth = Infinity
    else if (')]}>'.includes(character)) depth -= 1
    if (character === '|' && depth === 0) {
      parts.push(part.trim())
      part = ''
    } else {
      part += character
    }
  }
  return [...parts, part.trim()]
}

/** Defaults are code where they are single values. */
function codeIfValue(text: string): string {
  return /^[\w.{}[\]'-]+$/.test(text) && !/^[a-z]+$/.test(text) ? code(text) : text
}

function code(text: string): string {
  return text === '' ? '' : `\`${text.replaceAll('|', '\\|')}\``
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item.replaceAll(/\s*\n\s*/g, ' ')}`).join('\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
