import { expect, it } from 'vitest'
import { SessionError } from '../../../src/errors.ts'
import { channelError } from '../../../src/transforms/channels/channel-error.ts'

it('names the channel and keeps every fact', () => {
  const cause = new Error('lower')
  const error = new SessionError('SERVER_ERROR', 'it broke', { retryable: true, closeCode: 3005, cause })
  const named = channelError('Agent', error)
  expect(named).toBeInstanceOf(SessionError)
  expect(named).toMatchObject({
    name: 'SessionError',
    code: 'SERVER_ERROR',
    retryable: true,
    message: 'channel Agent: it broke',
    closeCode: 3005,
    channel: 'Agent',
    cause,
  })
})

it('leaves the error of an abort as it is', () => {
  const abort = new DOMException('stop', 'AbortError')
  expect(channelError('Agent', abort)).toBe(abort)
})
