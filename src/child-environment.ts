/** Variables that hold a key of the user's, in upper case. */
const secrets = new Set(['ASSEMBLYAI_API_KEY', 'HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'])

/**
 * The environment for a process that this library starts: without keys, which none of them needs, and which whatever runs
 * or reads there could give away.
 */
export function childEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  // Windows finds a variable in whatever case it is spelt.
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secrets.has(name.toUpperCase())))
}
