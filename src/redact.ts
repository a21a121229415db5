const HIDDEN = '***'
/** A secret that is shorter is found in many words; it is hidden only where it stands alone. */
const SHORT = 4
/** So much of the beginning of a secret gives it away, where somebody has cut it. */
const TELLING = 16

/** Parameters of an address that hold credentials. */
const PARAMETERS = 'token|api_?key|key|access_token|auth|password|secret|signature|webhook_auth_header_value'
const inQuery = new RegExp(`([?&](?:${PARAMETERS})=)[^&\\s'"]*`, 'gi')
const isSecretParameter = new RegExp(`^(?:${PARAMETERS})$`, 'i')

/** Removes credentials of URLs, queries and headers, and the `secrets`, from text that people will read. */
export function redact(text: string, secrets: readonly string[] = []): string {
  return (
    withoutSecrets(text, secrets)
      .replaceAll(/(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, `$1${HIDDEN}@`)
      .replaceAll(inQuery, `$1${HIDDEN}`)
      // Cameras take passwords by many names, and in the path: /user=admin_password=secret_channel=1.sdp
      .replaceAll(/([?&_/;,](?:password|passwd|passwort|pass|pwd|psw)=)[^&\s'"/]*/gi, `$1${HIDDEN}`)
      .replaceAll(/(authorization["']?\s*[:=]\s*["']?)(?:bearer\s+|basic\s+)?[^\s"',]+/gi, `$1${HIDDEN}`)
  )
}

/** Text in which nothing is left of the `secrets`, nor of what others have cut off of them. */
function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text
  // The longest first: one may be the beginning of another.
  for (const secret of secrets.toSorted((a, b) => b.length - a.length)) {
    if (secret.length >= SHORT) clean = clean.replaceAll(secret, HIDDEN)
    else if (secret !== '') clean = withoutWord(clean, secret)
  }
  const long = secrets.filter(({ length }) => length > TELLING)
  for (const beginning of new Set(long.map((secret) => secret.slice(0, TELLING)))) {
    const rests = long.filter((secret) => secret.startsWith(beginning)).map((secret) => secret.slice(TELLING))
    const [first = '', ...others] = clean.split(beginning)
    const hidden = others.map((after) => HIDDEN + after.slice(Math.max(...rests.map((rest) => common(after, rest)))))
    clean = first + hidden.join('')
  }
  return clean
}

/** How many characters two texts have in common at their beginning. */
function common(one: string, other: string): number {
  let length = 0
  while (length < one.length && one[length] === other[length]) length += 1
  return length
}

function withoutWord(text: string, word: string): string {
  return text.replaceAll(/[^\s'"`=,;()]+/g, (found) =>
    found === word || found.replace(/[.:!?]$/, '') === word ? HIDDEN : found,
  )
}

/** Credentials in the query of an address, and in an address that is a value of it; each as it may be quoted. */
export function secretsOfQuery(address: string): string[] {
  if (!URL.canParse(address)) return []
  const found: string[] = []
  const look = (url: URL): void => {
    if (url.password !== '') found.push(url.password)
    for (const [name, value] of url.searchParams) {
      if (value !== '' && isSecretParameter.test(name)) found.push(value)
      else if (/^[a-z]+:\/\//i.test(value) && URL.canParse(value)) look(new URL(value))
    }
  }
  look(new URL(address))
  return [...new Set(found.flatMap((value) => [value, encodeURIComponent(value), decoded(value)]))]
}

/** A part of an address as it is meant; as it stands where it cannot be decoded: a lone % stands for itself. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
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
 * @param secrets - are hidden in it, before they could be cut and not be known any more.
 */
export function oneLine(text: string, most = 500, secrets: readonly string[] = []): string {
  const shown = secrets.length === 0 ? text : withoutSecrets(text.replaceAll(UNSEEN, ''), secrets)
  const clean = shown
    .slice(0, 2 * most)
    .replaceAll(UNSEEN, '')
    .replaceAll(BREAKS, ' ')
    .trim()
  if (clean.length <= most && shown.length <= 2 * most) return clean
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
