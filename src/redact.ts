const HIDDEN = '***'

/** Removes credentials of URLs, queries and headers, and the `secrets`, from text that people will read. */
export function redact(text: string, secrets: readonly string[] = []): string {
  let clean = text
  for (const secret of secrets) if (secret !== '') clean = clean.replaceAll(secret, HIDDEN)
  return (
    clean
      .replaceAll(/(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, `$1${HIDDEN}@`)
      .replaceAll(
        /([?&](?:token|api_?key|key|access_token|auth|password|secret|signature|webhook_auth_header_value)=)[^&\s'"]*/gi,
        `$1${HIDDEN}`,
      )
      // Cameras take passwords by many names, and in the path: /user=admin_password=secret_channel=1.sdp
      .replaceAll(/([?&_/;,](?:password|passwd|passwort|pass|pwd|psw)=)[^&\s'"/]*/gi, `$1${HIDDEN}`)
      .replaceAll(/(authorization["']?\s*[:=]\s*["']?)(?:bearer\s+|basic\s+)?[^\s"',]+/gi, `$1${HIDDEN}`)
  )
}

/** Marks that nobody sees, or that turn the direction of what follows. */
const UNSEEN = /[\p{Cf}\p{Noncharacter_Code_Point}]/gu
/** What moves the cursor, ends a line, or has no form of its own. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}\p{Surrogate}\s]+/gu

/**
 * Text that a server, a device, a file or a function of the user's wrote, as it may stand in an error or a warning: one
 * line, of bounded length, that does nothing on a terminal and cannot pass for a line of this library's.
 *
 * @param most - characters; of a longer one the end is left out, with the word that it would cut.
 */
export function oneLine(text: string, most = 500): string {
  const clean = text
    .slice(0, 2 * most)
    .replaceAll(UNSEEN, '')
    .replaceAll(BREAKS, ' ')
    .trim()
  if (clean.length <= most && text.length <= 2 * most) return clean
  const cut = clean.slice(0, most).replace(/\p{Surrogate}$/u, '')
  // Half of a key would not be known as one.
  return `${cut.replace(/ \S{0,99}$/, '')}…`
}

/** Variables that hold a key of the user's, in upper case. */
const secretVariables = new Set(['ASSEMBLYAI_API_KEY', 'HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'])

/** The environment for a process of ours, without keys. */
export function childEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  // Windows finds a variable in whatever case it is spelt.
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secretVariables.has(name.toUpperCase())))
}
