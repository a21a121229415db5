import { describe, expect, it } from 'vitest'
import { childEnvironment, oneLine, redact, secretsOfQuery } from '../src/redact.ts'

describe('redact', () => {
  it.each([
    ['rtsp://admin:hunter2@10.0.0.5/stream failed', 'rtsp://***@10.0.0.5/stream failed'],
    ['rtsp://admin:p@ss@camera/live', 'rtsp://***@camera/live'],
    ['https://example.org/a?x=1&token=abc&y=2', 'https://example.org/a?x=1&token=***&y=2'],
    ['wss://host/v3/ws?api_key=abc', 'wss://host/v3/ws?api_key=***'],
    ['rtsp://cam/user=admin_password=hunter2_channel=1.sdp?x', 'rtsp://cam/user=admin_password=***'],
    ['http://cam/video?user=a&pwd=hunter2&x=1', 'http://cam/video?user=a&pwd=***&x=1'],
    ['Authorization: Bearer abc.def', 'Authorization: ***'],
    ['"authorization":"abc"', '"authorization":"***"'],
  ])('cleans %s', (text, clean) => {
    expect(redact(text)).toBe(clean)
  })

  it('hides known secrets wherever they stand', () => {
    expect(redact('the server said: key k-123 is not valid', ['k-123', ''])).toBe(
      'the server said: key *** is not valid',
    )
  })

  it.each([
    ['at its end', 'bad token eyJhbGciOiJIUzI1NiIs', 'bad token ***'],
    ['and marks it', 'bad token eyJhbGciOiJIUzI1NiIsInR5...', 'bad token ***...'],
    ['in the middle', '"eyJhbGciOiJIUzI1NiIs" is bad', '"***" is bad'],
    ['encoded', 'bad token=eyJhbGciOiJIUzI1NiIsInR5%2B', 'bad token=***'],
    ['after one that is whole', 'eyJhbGciOiJIUzI1NiIsInR5+/z eyJhbGciOiJIUzI1N', '*** ***'],
  ])('hides the beginning of a long secret that others have cut %s', (_where, text, clean) => {
    const secret = 'eyJhbGciOiJIUzI1NiIsInR5+/z'
    expect(redact(text, [secret, encodeURIComponent(secret)])).toBe(clean)
  })

  it.each([
    ['x', 'ws://127.0.0.1:4: max 100 items in the text', 'ws://127.0.0.1:4: max 100 items in the text'],
    ['1', 'ws://127.0.0.1:4: key 1 may open 10', 'ws://127.0.0.1:4: key *** may open 10'],
    ['AQ', "key 'AQ': not known, AQ.", "key '***': not known, ***"],
  ])('hides a secret as short as %j only where it stands alone', (secret, text, clean) => {
    expect(redact(text, [secret])).toBe(clean)
  })

  it('leaves other text alone', () => {
    const text = 'file:///tmp/a@b.wav: 3 errors at 12:30, see https://example.org/?page=2'
    expect(redact(text)).toBe(text)
  })
})

it('takes no longer for a long word than for a short one, letter for letter', () => {
  // A backtracking pattern would need minutes here.
  expect(redact('a'.repeat(1_000_000))).toHaveLength(1_000_000)
})

describe('oneLine', () => {
  it('hides a secret that is longer than what it shows', () => {
    const secret = Array.from({ length: 400 }, (_, index) => index.toString(36)).join('-')
    expect(oneLine(`token ${secret} is bad`, 300, [secret])).toBe('token *** is bad')
    expect(oneLine(`token ${secret.slice(0, 110)}`, 300, [secret])).toBe('token ***')
  })
})

describe('secretsOfQuery', () => {
  it('finds what no text may show, as it may be quoted', () => {
    const query = new URLSearchParams({
      speech_model: 'universal',
      webhook_url: 'https://user:pass%40word@example.org/hook?token=hook-token&page=2',
      webhook_auth_header_value: 'Bearer hook',
    })
    const secrets = secretsOfQuery(`wss://example.org/v3/ws?${query.toString()}`)
    expect(secrets).toEqual(
      expect.arrayContaining(['pass%40word', 'pass@word', 'hook-token', 'Bearer hook', 'Bearer%20hook']),
    )
    expect(secrets).not.toContain('2')
    expect(secrets).not.toContain('universal')
  })

  it('finds none where there is no query, or no address', () => {
    expect([secretsOfQuery('wss://example.org/v3/ws'), secretsOfQuery('embedded engine')]).toEqual([[], []])
  })
})

describe('childEnvironment()', () => {
  it('leaves keys out, in whatever case they are spelt, and all else as it is', () => {
    const kept = { PATH: '/bin', ASSEMBLYAI_API_KEY_FILE: 'a', TOKEN: 'b' }
    const env = {
      ...kept,
      ASSEMBLYAI_API_KEY: 'c',
      Assemblyai_Api_Key: 'd',
      HF_TOKEN: 'e',
      HUGGING_FACE_HUB_TOKEN: 'f',
    }
    expect(childEnvironment(env)).toEqual(kept)
    expect(env.HF_TOKEN).toBe('e')
  })
})
