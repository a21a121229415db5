const HIDDEN = '***'

/**
 * Removes credentials from text that people will read: user and password of URLs, and the values of query parameters
 * and headers that carry keys. FFmpeg prints URLs with their passwords in stderr, so stderr tails pass here too.
 *
 * @param secrets - strings known to be secret (an API key, a token); each is hidden wherever it stands.
 */
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
