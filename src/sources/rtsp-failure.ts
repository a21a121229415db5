import { DiarizeStreamError, InputError } from '../errors.ts'
import { oneLine } from '../redact.ts'

/** What is known of an attempt to hear a camera that is over. */
export interface RtspFailure {
  /** Address without credentials. */
  shown: string
  /** The error of FFmpeg; absent where it ended in order. */
  error: Error | undefined
  /** Status of the camera's last answer. */
  status: number | undefined
  /** Why there was no connection. */
  trouble: Error | undefined
  /** Whether the camera has said that it has no audio. */
  silent: boolean
  /** Whether the camera has given audio, now or before. */
  heard: boolean
}

/** Statuses that say that nothing is wrong but what was asked for, and what to do about each. */
const refusals: Readonly<Record<number, string>> = {
  401: 'it refused the user or the password; give them in the address, percent-encoded',
  403: 'it forbids access; check the user and its rights',
  404: 'it has no such stream; check the path of the address',
  453: 'it has not enough bandwidth for one more client',
}

/** The error behind the end of an attempt, and whether a further one is in vain: before the camera has ever been heard. */
export function explainRtsp(failure: RtspFailure): { error: Error; final: boolean } {
  const { shown, error, trouble, heard } = failure
  const status = failure.status ?? statusIn(error)
  const facts = { ...(status !== undefined && { status }), ...(error && { cause: error }) }
  const code = error instanceof DiarizeStreamError ? error.code : undefined
  if (failure.silent && !heard) {
    return {
      error: new InputError('NO_AUDIO', `${shown} has no audio; give a camera with a microphone`, facts),
      final: true,
    }
  }
  if (error && (code === 'FFMPEG_NOT_FOUND' || code === 'ADDRESS_REFUSED' || (code === 'NO_AUDIO' && !heard)))
    return { error, final: true }
  if (trouble instanceof DiarizeStreamError) return { error: trouble, final: !heard }
  const reason =
    trouble === undefined ? refusalIn(error) : 'code' in trouble ? String(trouble.code) : oneLine(trouble.message)
  if (reason !== undefined) {
    // A certificate is not better the next time.
    const final = !heard && /CERT|SIGNED|ALTNAME|ISSUER|SSL|PROTO/.test(reason)
    const message = `${shown} could not be reached (${reason}); check the address and the network`
    return {
      error: new InputError('INPUT_UNREACHABLE', message, { retryable: !final, cause: trouble ?? error }),
      final,
    }
  }
  if (status !== undefined && status >= 300) {
    const known = status < 400 ? 'it sends clients to another address; give that' : refusals[status]
    const final = known !== undefined && status !== 453 && !heard
    const message = `${shown} gives no stream (status ${status}): ${known ?? 'it cannot serve it now'}`
    return { error: new InputError('INPUT_REFUSED', message, { ...facts, retryable: !final }), final }
  }
  const message = `${shown} broke off; check the network and the camera`
  return { error: new InputError('INPUT_LOST', message, { ...facts, retryable: true }), final: false }
}

function stderrOf(error: Error | undefined): string {
  return error instanceof DiarizeStreamError && typeof error['stderr'] === 'string' ? error['stderr'] : ''
}

/** The status that FFmpeg tells of. */
function statusIn(error: Error | undefined): number | undefined {
  const status = /method [A-Z]+ failed: (\d{3})/.exec(stderrOf(error))?.[1]
  return status === undefined ? undefined : Number(status)
}

/** Why FFmpeg had no connection, in its words. */
function refusalIn(error: Error | undefined): string | undefined {
  return /Connection refused|No route to host|Network is unreachable|Failed to resolve hostname/.exec(
    stderrOf(error),
  )?.[0]
}
