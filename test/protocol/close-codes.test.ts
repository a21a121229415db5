import { describe, expect, it } from 'vitest'
import { closeError, closeMeaning, connectionError, refusalError } from '../../src/protocol/close-codes.ts'

describe('closeMeaning', () => {
  it.each([
    [1000, '', 'CONNECTION_LOST', true],
    [1001, '', 'CONNECTION_LOST', true],
    [1005, '', 'CONNECTION_LOST', true],
    [1006, '', 'CONNECTION_LOST', true],
    [1008, 'Unauthorized Connection: Missing Authorization header', 'UNAUTHORIZED', false],
    [1008, 'Unauthorized Connection: Signature has expired', 'UNAUTHORIZED', false],
    [1008, 'Incorrect padding', 'UNAUTHORIZED', true],
    [1008, 'Too many concurrent sessions', 'TOO_MANY_SESSIONS', true],
    [1008, 'Concurrency limit reached', 'TOO_MANY_SESSIONS', true],
    [1008, 'Rate limit exceeded', 'TOO_MANY_SESSIONS', true],
    [1008, 'Insufficient account balance', 'UNAUTHORIZED', false],
    [1009, '', 'MESSAGE_TOO_BIG', false],
    [1011, '', 'SERVER_ERROR', true],
    [1012, '', 'SERVER_ERROR', true],
    [1013, '', 'SERVER_ERROR', true],
    [3005, 'Session Cancelled: An error occurred', 'SERVER_ERROR', true],
    [3006, "Invalid 'sample_rate': Value error", 'INVALID_REQUEST', false],
    [3006, 'Session terminated due to inactivity: No messages received for 5 seconds', 'SESSION_INACTIVE', true],
    [3007, 'Audio Transmission Rate Exceeded: Received 314.9 sec. audio in 1.312326 sec', 'AUDIO_REJECTED', false],
    [3008, 'Session Expired: Maximum session duration exceeded', 'SESSION_EXPIRED', true],
    [3009, 'Unauthorized Connection: Too many concurrent sessions', 'TOO_MANY_SESSIONS', true],
    [4242, '', 'CONNECTION_LOST', true],
  ])('%i "%s" is %s, retryable: %s', (closeCode, text, code, retryable) => {
    expect(closeMeaning(closeCode, text)).toMatchObject({ code, retryable })
  })
})

describe('what a server says of a long token', () => {
  const token = Array.from({ length: 400 }, (_, index) => index.toString(36)).join('-')
  const server = { url: 'wss://example.org/v3/ws', secrets: [token] }

  it.each([
    ['in an Error', closeError(server, 1008, `Invalid token ${token}`, false)],
    ['in a close reason, cut by itself', closeError(server, 1008, `Invalid token ${token}`.slice(0, 120), false)],
    ['in the answer to the handshake', refusalError(server, 401, `{"error":"Invalid token ${token}"}`)],
    ['in an error of the connection', connectionError(server, new Error(`Invalid token ${token}`), false)],
  ])('shows nothing of it %s', (_where, error) => {
    expect(error.message).toContain('Invalid token ***')
    expect(`${error.message} ${error.serverMessage}`).not.toContain(token.slice(0, 16))
  })
})

describe('a certificate that is not taken', () => {
  const server = { url: 'wss://example.org/v3/ws', secrets: [] }

  it.each([
    ['CERT_HAS_EXPIRED', /: not taken\. Have it renewed, or set this machine's clock\.$/],
    ['CERT_NOT_YET_VALID', /: not taken\. Have it renewed, or set this machine's clock\.$/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /: not taken\. Give the address by the name that it is for\.$/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /: not taken\. Name the one to trust in NODE_EXTRA_CA_CERTS, or give it as ca\.$/],
    [
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      /: not taken\. Name the one to trust in NODE_EXTRA_CA_CERTS, or give it as ca\.$/,
    ],
  ])('for %s gets the advice that helps, and is not tried again', (code, advice) => {
    const error = connectionError(server, Object.assign(new Error('not taken'), { code }), false)
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', retryable: false, message: expect.stringMatching(advice) })
  })
})
