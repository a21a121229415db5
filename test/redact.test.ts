import { describe, expect, it } from 'vitest'
import { childEnvironment, redact } from '../src/redact.ts'

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

  it('leaves other text alone', () => {
    const text = 'file:///tmp/a@b.wav: 3 errors at 12:30, see https://example.org/?page=2'
    expect(redact(text)).toBe(text)
  })
})

it('takes no longer for a long word than for a short one, letter for letter', () => {
  // A backtracking pattern would need minutes here.
  expect(redact('a'.repeat(1_000_000))).toHaveLength(1_000_000)
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
