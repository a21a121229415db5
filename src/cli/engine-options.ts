import { languageCodes } from '../assemblyai/parameter-table.ts'
import { embeddedEngine } from '../engine/embedded.ts'
import { ConfigurationError } from '../errors.ts'
import type { DiarizeOptions } from '../transforms/diarize-options.ts'
import { type Command, usage } from './arguments.ts'

type EngineCommand = Pick<
  Command,
  | 'engine'
  | 'apiKey'
  | 'url'
  | 'region'
  | 'model'
  | 'keyterms'
  | 'maxSpeakers'
  | 'channels'
  | 'language'
  | 'serverNames'
>

/**
 * The options of `diarize()` that a command asks for.
 *
 * @param environmentKey - the key in the environment; it goes to AssemblyAI only.
 * @throws {@link ConfigurationError} `INVALID_OPTION` where options exclude each other, `MISSING_API_KEY` where AssemblyAI
 * is asked for without a key.
 */
export function engineOptions(command: EngineCommand, environmentKey: string | undefined): DiarizeOptions {
  const { engine, url, region, model, keyterms, maxSpeakers, channels, language, serverNames } = command
  const key = command.apiKey ?? (url === undefined && engine !== 'embedded' ? environmentKey : undefined)
  const common = {
    ...(maxSpeakers !== undefined && { maxSpeakers }),
    ...(channels !== undefined && { channels }),
    ...(serverNames && { serverLabels: 'asGiven' as const }),
  }
  if (url !== undefined && engine !== undefined) throw usage('--url and --engine exclude each other; give one of them')
  if (url !== undefined && region !== undefined) throw usage('--url and --region exclude each other; give one of them')
  if (isLocal(command, environmentKey)) {
    refuse('--api-key-file', command.apiKey)
    refuse('--region', region)
    const terms = keyterms.length > 0 ? { keytermsPrompt: keyterms } : {}
    if (model !== undefined || language !== undefined) {
      const chosen = { ...(model !== undefined && { model }), ...(language !== undefined && { language }) }
      return { ...common, ...terms, engine: embeddedEngine(chosen) }
    }
    // Where nobody chose it, a warning says that it runs.
    return { ...common, ...terms, ...(engine !== undefined && { engine }) }
  }
  if (url === undefined && key === undefined) {
    const message = 'AssemblyAI needs a key: set ASSEMBLYAI_API_KEY, or give --api-key-file; --engine local needs none'
    throw new ConfigurationError('MISSING_API_KEY', message)
  }
  const code = language?.toLowerCase().split('-')[0]
  return {
    ...common,
    ...(url === undefined ? { engine: 'assemblyai' } : { url }),
    ...(key !== undefined && { apiKey: key }),
    ...(region !== undefined && { region }),
    ...(model !== undefined && { speechModel: model }),
    ...(keyterms.length > 0 && { keytermsPrompt: keyterms }),
    ...(code !== undefined && languageCodes.includes(code) && { languageCodes: [code] }),
  }
}

/** Whether a command is for the engine on this machine. */
export function isLocal(
  { engine, apiKey, url, region, model }: Pick<Command, 'engine' | 'apiKey' | 'url' | 'region' | 'model'>,
  environmentKey: string | undefined,
): boolean {
  if (engine !== undefined) return engine === 'embedded'
  return [apiKey ?? environmentKey, url, region, model].every((item) => item === undefined)
}

function refuse(option: string, value: string | undefined): void {
  if (value !== undefined) throw usage(`${option} is of no use with --engine local; leave one of them out`)
}
