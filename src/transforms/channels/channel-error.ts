import { DiarizeStreamError } from '../../errors.ts'

/** An error of one channel, with the channel's name in its message and as its field `channel`; else the same. */
export function channelError(channel: string, error: Error): Error {
  if (!(error instanceof DiarizeStreamError)) return error
  const { name: _, code, retryable, ...facts } = error
  const Same = error.constructor as typeof DiarizeStreamError
  const named = { ...facts, retryable, channel, cause: error.cause ?? error }
  return new Same(code, `channel ${channel}: ${error.message}`, named)
}
