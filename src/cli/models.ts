import { catalogue, findEntry, fromMirror, type ModelEntry } from '../engine/models/catalogue.ts'
import { modelsFolder } from '../engine/models/folder.ts'
import { isInstalled } from '../engine/models/installed.ts'
import { pullModel } from '../engine/models/pull.ts'
import { ConfigurationError } from '../errors.ts'
import { EXIT } from './exit-codes.ts'
import { ModelProgress, megabytes } from './models-progress.ts'

/** What `diarize-stream models --help` prints. */
export const MODELS_USAGE = `diarize-stream models list
diarize-stream models pull <name>
diarize-stream models path

Models for the engine on this machine. A pulled recogniser runs instead of PocketSphinx wherever that engine runs; --engine
local --model <name> takes a certain one.

  list                    what there is, with its licence, and what has been pulled
  pull <name>             download a model, check it, and put it in its place; one that broke off goes on where it was
  path                    print the folder of all models

DIARIZE_STREAM_MODELS names another folder, DIARIZE_STREAM_MODELS_URL a mirror to download from.
`

/** Where the command writes. */
export interface ModelsOutput {
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
}

/**
 * Obeys `diarize-stream models …`.
 *
 * @param args - what follows `models`.
 * @returns the exit code.
 * @throws ConfigurationError `INVALID_OPTION`, or EngineError `DOWNLOAD_FAILED`.
 */
export async function obeyModels(args: readonly string[], output: ModelsOutput, signal: AbortSignal): Promise<number> {
  const [action, name, ...more] = args
  if (args.includes('--help')) {
    output.stdout.write(MODELS_USAGE)
    return EXIT.complete
  }
  if (action === 'pull') {
    if (name === undefined) throw wrong('models pull needs the name of a model')
    if (more.length > 0) throw wrong(`one model at a time; got also ${more.join(', ')}`)
    const entry = findEntry(name)
    if (entry === undefined) {
      throw wrong(`there is no model called ${name}; it is one of ${catalogue.map((item) => item.name).join(', ')}`)
    }
    return await pull(entry, output, signal)
  }
  if (action !== 'list' && action !== 'path') {
    throw wrong(`models ${action === undefined ? 'needs to know what to do' : `cannot ${action}`}: list, pull or path`)
  }
  if (name !== undefined) throw wrong(`models ${action} takes nothing more; got ${[name, ...more].join(' ')}`)
  output.stdout.write(action === 'path' ? `${modelsFolder()}\n` : list())
  return EXIT.complete
}

function list(): string {
  const widest = Math.max(...catalogue.map(({ name }) => name.length))
  const show = (entry: ModelEntry): string => {
    const pulled = isInstalled(entry) ? ' [pulled]' : ''
    return `  ${entry.name.padEnd(widest)}  ${entry.about}; ${entry.licence}, ${megabytes(entry.size)}${pulled}\n`
  }
  const of = (role: ModelEntry['role']): string =>
    catalogue
      .filter((entry) => entry.role === role)
      .map(show)
      .join('')
  return `For words\n${of('recogniser')}\nFor telling voices apart\n${of('speakers')}`
}

async function pull(entry: ModelEntry, { stderr }: ModelsOutput, signal: AbortSignal): Promise<number> {
  const say = (line: string): void => void stderr.write(`${line}\n`)
  if (!isInstalled(entry)) {
    say(`${entry.name}: ${entry.about}`)
    say(`licence: ${entry.licence}, ${entry.licenceUrl}`)
    say(`from ${fromMirror(entry).url}, ${megabytes(entry.size)}`)
  }
  const progress = new ModelProgress(stderr)
  try {
    const pulled = await pullModel(entry, { signal, onProgress: (step) => progress.show(step) })
    progress.clear()
    if (pulled.wasThere) say(`${entry.name} is there already: ${pulled.folder}`)
    else {
      const known =
        pulled.hashFrom === 'table' ? 'as it should be' : 'no other was known; kept to compare with from now on'
      say(`SHA-256 ${pulled.sha256} (${known})`)
      say(`${entry.name} is in ${pulled.folder}`)
    }
    return EXIT.complete
  } finally {
    progress.clear()
  }
}

function wrong(message: string): ConfigurationError {
  return new ConfigurationError('INVALID_OPTION', `${message}; see diarize-stream models --help`)
}
