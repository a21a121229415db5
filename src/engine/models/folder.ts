import { homedir } from 'node:os'
import path from 'node:path'

/**
 * The folder of all pulled models: `DIARIZE_STREAM_MODELS`, else `diarize-stream/models` in `XDG_CACHE_HOME`, else in
 * `~/.cache`.
 */
export function modelsFolder(env: NodeJS.ProcessEnv = process.env): string {
  const own = env['DIARIZE_STREAM_MODELS']
  if (own !== undefined && own !== '') return path.resolve(own)
  // The standard wants relative paths to be ignored.
  const cache = env['XDG_CACHE_HOME']
  const base = cache !== undefined && path.isAbsolute(cache) ? cache : path.join(homedir(), '.cache')
  return path.join(base, 'diarize-stream', 'models')
}
