import { certificateAdvice, InputError } from '../../errors.ts'
import { ProxyError } from '../../network.ts'
import { defined } from '../../options.ts'
import { oneLine } from '../../redact.ts'

/** An address that is not opened, and why. */
export function refused(address: string, why: string, cause?: unknown): InputError {
  return new InputError('ADDRESS_REFUSED', `${address} is not opened: ${why}`, { cause })
}

/** An answer other than the content that was asked for. */
export function badStatus(address: string, status: number): InputError {
  const facts = { status }
  if (status === 404 || status === 410) {
    return new InputError('INPUT_NOT_FOUND', `${address} does not exist (HTTP ${status}); check the address`, facts)
  }
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const message = `the server of ${address} cannot answer now (HTTP ${status}); try again later`
    return new InputError('INPUT_UNREACHABLE', message, { ...facts, retryable: true })
  }
  const hint =
    status === 401 || status === 403 ? 'check the credentials in headers or in the address' : 'check the address'
  return new InputError('INPUT_REFUSED', `${address} is not given (HTTP ${status}); ${hint}`, facts)
}

/** An answer that is of no use. */
export function unreadable(address: string, why: string, cause?: unknown): InputError {
  return new InputError('INPUT_UNREADABLE', `${address} cannot be read: ${why}`, { cause })
}

/** What a request, by way of `proxy` where there is one, failed with before there was an answer. */
export function noAnswer(address: string, cause: unknown, proxy?: URL): InputError {
  const { name, code, message = String(cause) } = cause as { name?: string; code?: unknown; message?: string }
  // What undici calls a socket that failed says nothing.
  const reason = oneLine(typeof code === 'string' && code !== '' && code !== 'UND_ERR_SOCKET' ? code : message)
  if (cause instanceof ProxyError && cause.status < 500) {
    const text = `${address} is not given: ${reason}; check the proxy's address, its user and password, and its rules`
    return new InputError('INPUT_REFUSED', text, { cause, status: cause.status })
  }
  const advice = certificateAdvice(reason)
  if (advice !== undefined) {
    const text = `the certificate of ${address} is not trusted (${reason}); ${advice}`
    return new InputError('INPUT_UNREADABLE', text, { cause })
  }
  if (name === 'HTTPParserError' || name === 'HeadersOverflowError') {
    const text = `the server of ${address} does not answer in HTTP (${reason}); check the address`
    return new InputError('INPUT_UNREADABLE', text, { cause })
  }
  const checks = proxy === undefined ? 'the address' : `the address, the proxy ${proxy.host}`
  const text = `the server of ${address} cannot be reached (${reason}); check ${checks} and the network`
  return new InputError('INPUT_UNREACHABLE', text, { cause, retryable: reason !== 'ENOTFOUND' })
}

/** No answer, or no further byte of one, within its time. */
export function stalled(address: string, limit: number, what: string): InputError {
  const message = `the server of ${address} sent no ${what} for ${limit} ms; try again`
  return new InputError('INPUT_STALLED', message, { retryable: true })
}

/** Content that ended before its end. */
export function truncated(address: string, received: number, total: number | undefined, cause?: unknown): InputError {
  const of = total === undefined ? 'an unknown number of' : String(total)
  const message = `${address} broke off after ${received} of ${of} bytes; try again`
  return new InputError('INPUT_TRUNCATED', message, {
    retryable: true,
    received,
    ...defined({ total }),
    cause,
  })
}

/** An endless stream that ended. */
export function lost(address: string): InputError {
  return new InputError('INPUT_LOST', `${address} ended; check whether it is on the air`, { retryable: true })
}

/** Content that has changed between two requests for its parts. */
export function changed(address: string): InputError {
  const message = `${address} has changed on its server while it was read; start again`
  return new InputError('INPUT_TRUNCATED', message, { retryable: true })
}

/** Content beyond a limit. */
export function tooLarge(address: string, limit: string): InputError {
  return new InputError('INPUT_TOO_LARGE', `${address} is larger than ${limit}; raise the limit if you trust it`, {})
}

/** A playlist that cannot be read. */
export function notPlaylist(why: string): InputError {
  return new InputError('INPUT_NOT_MEDIA', `the playlist cannot be read: ${why}`)
}

/** A list of addresses that does not say that it is one. */
export function notAudio(address: string): InputError {
  return new InputError('INPUT_NOT_MEDIA', `${address} is a list of addresses, not audio; give one of those in it`)
}

/** HTML or XML, which may lead people to audio. */
export function webPage(address: string): InputError {
  const what = 'a web page or a document in XML (DASH, XSPF, ASX, a feed), not audio'
  return new InputError(
    'INPUT_NOT_MEDIA',
    `${address} is ${what}; give the address of a file or stream that it leads to`,
  )
}
