import { ReferenceWriter } from './markdown.ts'
import { type PublicName, readPublicNames } from './public-names.ts'

/** What can be imported, and the heading under which it stands. */
const entries = [
  ['index.ts', 'diarize-stream'],
  ['captions/index.ts', 'diarize-stream/captions'],
  ['server/index.ts', 'diarize-stream/server'],
  ['testing/index.ts', 'diarize-stream/testing'],
  ['fleet/index.ts', 'diarize-stream/fleet'],
] as const

/** Headings of the functions of the first entry, by the folder of their source. */
const headings: readonly (readonly [folder: string, heading: string])[] = [
  ['sources/', 'Sources'],
  ['transforms/', 'Transforms'],
  ['sinks/', 'Sinks'],
  ['run.ts', 'Running a chain'],
  ['batch/', 'Many recordings'],
  ['', 'Functions on plain values'],
]

const introduction = `# Reference

Every public function with all of its options and events, then the types. It is made from the comments of the source by
\`npx tsx scripts/make-reference.ts\`; a test says when it has to be made again. Times are milliseconds where nothing else
is said. An option that does not exist, or has a wrong value, is the error \`INVALID_OPTION\` when the stage is made.
Every stage is a plain Node stream and has Node's events too. Codes of errors and warnings: [errors.md](errors.md).
`

/** The reference of what is public in the sources below `root`, as Markdown that no formatter has seen yet. */
export function reference(root: string): string {
  const modules = readPublicNames(
    root,
    entries.map(([entry]) => entry),
  )
  const sections = modules.flatMap((names, index) => sectionsOf(names, index === 0 ? undefined : entries[index]?.[1]))
  const functions = sections.flatMap(([, group]) => group)
  // Of a name that two entries have, the first counts: the server's ConnectionParameters are those of diarize(), checked.
  const all = new Map(
    modules
      .flat()
      .toReversed()
      .map((entry) => [entry.name, entry]),
  )
  const optionsOf = new Map(functions.map((entry) => [entry.name, optionsName(entry)]))
  const told = new Set(functions.map(({ name }) => ownOptions(name)))
  const types = [...all.values()]
    .filter(({ kind, name }) => kind !== 'function' && !told.has(name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))

  const headings = [...sections.flatMap(([heading, group]) => [heading, ...group.map(({ name }) => name)]), 'Types']
  const anchors = anchorsOf([...headings, ...types.map(({ name }) => name)])
  for (const { name } of functions) anchors.set(ownOptions(name), anchors.get(name) ?? '')
  const writer = new ReferenceWriter(anchors)
  const links = (group: readonly PublicName[]): string =>
    group.map(({ name }) => `[${name}](#${anchors.get(name)})`).join(', ')
  const written = sections.map(([heading, group]) => {
    const texts = group.map((entry) => writer.function(entry, all.get(optionsOf.get(entry.name) ?? '')))
    return `## ${heading}\n\n${texts.join('\n\n')}`
  })
  return [
    introduction,
    [...sections, ['Types', types] as const].map(([heading, group]) => `- ${heading}: ${links(group)}`).join('\n'),
    ...written,
    `## Types\n\n${types.map((entry) => writer.type(entry)).join('\n\n')}`,
    '',
  ].join('\n\n')
}

type Section = readonly [heading: string, functions: readonly PublicName[]]

/** The functions of an entry under their headings; `specifier` is one for all. */
function sectionsOf(names: readonly PublicName[], specifier: string | undefined): Section[] {
  const functions = names.filter(({ kind }) => kind === 'function')
  if (specifier !== undefined) return [[specifier, functions]]
  const headingOf = ({ file }: PublicName): string => headings.find(([folder]) => file.startsWith(folder))?.[1] ?? file
  return headings.map(([, heading]) => [heading, functions.filter((entry) => headingOf(entry) === heading)])
}

/** The options that are told of beside the function `name`, and nowhere else. */
function ownOptions(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}Options`
}

/** Name of the type of a function's options. */
function optionsName({ name, parameters }: PublicName): string {
  return parameters.find(({ type }) => /^\w+Options$/.test(type))?.type ?? ownOptions(name)
}

/** Where each heading is found: in small letters, with a number where there are several such. */
function anchorsOf(names: readonly string[]): Map<string, string> {
  const counts = new Map<string, number>()
  return new Map(
    names.map((name) => {
      const slug = name
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-')
      const count = counts.get(slug) ?? 0
      counts.set(slug, count + 1)
      return [name, count === 0 ? slug : `${slug}-${count}`]
    }),
  )
}
