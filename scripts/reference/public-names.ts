import { resolve } from 'node:path'
import type { Node } from 'typescript/unstable/ast'
import { API, type Checker, type Project, type Symbol, SymbolFlags } from 'typescript/unstable/sync'

/** A name that the package exports, as its source describes it. */
export interface PublicName {
  name: string
  kind: 'function' | 'class' | 'interface' | 'alias' | 'constant'
  /** Source file, relative to `src/`. */
  file: string
  /** Doc comment without its tags. */
  text: string
  tags: readonly Tag[]
  /** What is in the brackets of a function. */
  parameters: readonly Parameter[]
  /** Type of a function's result, or what an alias stands for. */
  type: string
  /** Fields of an interface, an alias of one, or a class; inherited ones come last. */
  members: readonly Member[]
}

/** A tag of a doc comment, e.g. `throws`. */
export interface Tag {
  name: string
  text: string
}

/** A parameter of a function. */
export interface Parameter {
  name: string
  type: string
  isOptional: boolean
  isRest: boolean
}

/** A field, method or event. */
export interface Member {
  name: string
  type: string
  isOptional: boolean
  text: string
  defaultValue: string | undefined
  /** Name of the interface or class that declares it. */
  declaredBy: string
  /** Where it stands in its file. */
  position: number
}

/** Reads what `entries` (paths below `src/`) export, from the TypeScript sources below `root`. */
export function readPublicNames(root: string, entries: readonly string[]): PublicName[][] {
  const api = new API({ cwd: root })
  try {
    const snapshot = api.updateSnapshot({ openProject: resolve(root, 'tsconfig.build.json') })
    const [project] = snapshot.getProjects()
    if (project === undefined) throw new Error('tsconfig.build.json could not be opened')
    return entries.map((entry) => new Reader(project, resolve(root, 'src')).namesOf(entry))
  } finally {
    api.close()
  }
}

/** The nodes whose texts are looked at: all that has a type, a name, or parameters. */
type Declaration = Node & {
  type?: Node
  name?: Node
  questionToken?: Node
  postfixToken?: Node
  dotDotDotToken?: Node
  initializer?: Node
  parameters?: readonly Declaration[]
  modifiers?: readonly Node[]
}

const kinds = [
  [SymbolFlags.Function, 'function'],
  [SymbolFlags.Class, 'class'],
  [SymbolFlags.Interface, 'interface'],
  [SymbolFlags.TypeAlias, 'alias'],
] as const

const ofEveryEmitter = ['on', 'once', 'off', 'addListener', 'removeListener', 'prependListener', 'prependOnceListener']

class Reader {
  readonly #project: Project
  readonly #checker: Checker
  readonly #folder: string

  constructor(project: Project, folder: string) {
    this.#project = project
    this.#checker = project.checker
    this.#folder = folder
  }

  namesOf(entry: string): PublicName[] {
    const file = this.#project.program.getSourceFile(resolve(this.#folder, entry))
    const module = file && this.#checker.getSymbolAtLocation(file)
    if (module === undefined) throw new Error(`${entry} could not be read`)
    return this.#checker.getExportsOfModule(module).map((symbol) => {
      const isAlias = (symbol.flags & SymbolFlags.Alias) !== 0
      return this.#describe(symbol.name, isAlias ? this.#checker.getAliasedSymbol(symbol) : symbol)
    })
  }

  #describe(name: string, symbol: Symbol): PublicName {
    const declaration = this.#declaration(symbol)
    const kind = kinds.find(([flag]) => (symbol.flags & flag) !== 0)?.[1] ?? 'constant'
    return {
      name,
      kind,
      file: declaration.getSourceFile().fileName.slice(this.#folder.length + 1),
      text: this.#checker.getDocumentationCommentOfSymbol(symbol),
      tags: joinLinks(this.#checker.getJsDocTagsOfSymbol(symbol)),
      parameters: (declaration.parameters ?? []).map((parameter) => ({
        name: textOf(parameter.name),
        type: textOf(parameter.type),
        isOptional: parameter.questionToken !== undefined || parameter.initializer !== undefined,
        isRest: parameter.dotDotDotToken !== undefined,
      })),
      type: kind === 'constant' ? textOf(declaration.type ?? declaration.initializer) : textOf(declaration.type),
      members: kind === 'function' || kind === 'constant' ? [] : this.#members(symbol),
    }
  }

  #members(symbol: Symbol): Member[] {
    const type = this.#checker.getDeclaredTypeOfSymbol(symbol)
    const found = this.#checker.getPropertiesOfType(type).flatMap((property): Member[] => {
      const declaration: Declaration | undefined = property.declarations[0]?.resolve(this.#project)
      // What comes from Node and from the language is described there.
      if (declaration?.getSourceFile().fileName.startsWith(this.#folder) !== true) return []
      if (ofEveryEmitter.includes(property.name)) return []
      const tags = this.#checker.getJsDocTagsOfSymbol(property)
      if (tags.some((tag) => tag.name === 'internal') || property.name.startsWith('__')) return []
      return [
        {
          name: property.name,
          type: typeOf(declaration),
          isOptional: declaration.postfixToken !== undefined,
          text: this.#checker.getDocumentationCommentOfSymbol(property),
          defaultValue: tags.find((tag) => tag.name === 'defaultValue')?.text,
          declaredBy: textOf((declaration.parent as Declaration).name) || symbol.name,
          position: declaration.getStart(),
        },
      ]
    })
    // Own ones first, then those of each interface that it extends; each as they stand in the source.
    const rank = ({ declaredBy }: Member): string => (declaredBy === symbol.name ? '' : declaredBy)
    return found.toSorted((a, b) => rank(a).localeCompare(rank(b)) || a.position - b.position)
  }

  #declaration(symbol: Symbol): Declaration {
    const node = symbol.declarations[0]?.resolve(this.#project)
    if (node === undefined) throw new Error(`${symbol.name} has no source`)
    return node
  }
}

/** A member's type; of a method its signature. */
function typeOf(declaration: Declaration): string {
  if (declaration.parameters === undefined || declaration.kind === declaration.type?.kind)
    return textOf(declaration.type)
  const isAccessor = /^(?:\w+ )*get /.test(declaration.getText())
  const parameters = declaration.parameters.map((parameter) => parameter.getText()).join(', ')
  return isAccessor ? textOf(declaration.type) : `(${parameters}) => ${textOf(declaration.type) || 'void'}`
}

function textOf(node: Node | undefined): string {
  return node?.getText().replaceAll(/\s+/g, ' ') ?? ''
}

/** A `{@link}` at the beginning of a tag comes as a tag of its own: puts the two together. */
function joinLinks(tags: readonly { name: string; text?: string | undefined }[]): Tag[] {
  const joined: Tag[] = []
  for (const { name, text = '' } of tags) {
    const last = joined.at(-1)
    if (name === 'link' && last?.text.endsWith('{') === true) last.text = `${last.text}@link ${text}`
    else joined.push({ name, text })
  }
  return joined
}
