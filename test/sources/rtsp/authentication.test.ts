import { describe, expect, it } from 'vitest'
import { RtspAuthentication } from '../../../src/sources/rtsp/authentication.ts'

const nonce = 'dcd98b7102dd2f0e8b11d0f600bfb0c093'
const mufasa = (password: string, own = '0a4f113b'): RtspAuthentication =>
  new RtspAuthentication(`Mufasa:${encodeURIComponent(password)}`, () => own)

describe('RtspAuthentication', () => {
  it('proves nothing before it is asked, nor where there is nothing to prove', () => {
    expect(mufasa('x').authorize('DESCRIBE', 'rtsp://a')).toBeUndefined()
    expect(new RtspAuthentication('').accept(['Basic realm="a"'], 0, undefined)).toBe(false)
  })

  // The examples of RFC 2617 and RFC 7616.
  it.each([
    [
      'MD5',
      mufasa('Circle Of Life'),
      `Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="${nonce}", opaque="5ccc"`,
      '6629fae49393a05397450978507c4ef1',
    ],
    [
      'SHA-256',
      mufasa('Circle of Life', 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ'),
      'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQ"',
      '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    ],
  ])('answers a challenge by %s', (_name, authentication, offer, response) => {
    expect(authentication.accept([offer], 0, undefined)).toBe(true)
    const proof = authentication.authorize('GET', '/dir/index.html')
    expect(proof).toContain(`response="${response}"`)
    expect(proof).toContain('qop=auth, nc=00000001, cnonce="')
    expect(proof).toMatch(/opaque="(5ccc|FQ)"/)
    expect(authentication.authorize('GET', '/dir/index.html')).toContain('nc=00000002')
  })

  it('answers as RFC 2069 does where no quality is asked for', () => {
    const authentication = mufasa('CircleOfLife')
    authentication.accept([`Digest realm="testrealm@host.com", nonce="${nonce}"`], 0, undefined)
    const proof = authentication.authorize('GET', '/dir/index.html')
    expect(proof).toContain('response="1949323746fe6a43ef61f9606e7febea"')
    expect(proof).not.toMatch(/qop|cnonce|algorithm/)
  })

  it('takes the strongest way that it knows, in one header or in several', () => {
    const [md5, sha] = ['Digest realm="a", nonce="n"', 'Digest realm="a", nonce="n", algorithm=SHA-256']
    for (const offers of [
      ['Basic realm="a"', md5, sha],
      [`Basic realm="a", ${md5}, ${sha}`],
      [`${sha}, Basic realm="a"`],
    ]) {
      const authentication = mufasa('x')
      expect(authentication.accept(offers, 0, undefined)).toBe(true)
      expect(authentication.authorize('GET', '/')).toMatch(/^Digest .*algorithm=SHA-256/)
    }
  })

  it.each([
    'Digest realm="a", nonce="n", algorithm=WHIRLPOOL',
    'Digest realm="a", nonce="n", qop="auth-int"',
    'Negotiate',
    '',
    '=,="',
  ])('does not answer %j', (offer) => expect(mufasa('x').accept([offer], 0, undefined)).toBe(false))

  it('gives user and password of any characters', () => {
    const authentication = new RtspAuthentication('us%22er:p%40%C3%A4:x%')
    authentication.accept(['Basic realm="a"'], 0, undefined)
    const [, base64 = ''] = /^Basic (.*)$/.exec(authentication.authorize('GET', '/') ?? '') ?? []
    // What is not percent-encoded throughout is taken as it is.
    expect(Buffer.from(base64, 'base64').toString()).toBe('us"er:p%40%C3%A4:x%')
    authentication.accept([String.raw`Digest realm="a \"b\"", nonce="n"`], 0, undefined)
    expect(authentication.authorize('GET', '/')).toContain(String.raw`username="us\"er", realm="a \"b\""`)
  })

  it('tries a refused password no second time, but a nonce that is too old', () => {
    const authentication = mufasa('x')
    const offer = (name: string, more = ''): string[] => [`Digest realm="a", nonce="${name}"${more}`]
    expect(authentication.accept(offer('1'), 0, undefined)).toBe(true)
    expect(authentication.accept(offer('2'), 1, 'proof')).toBe(false)
    expect(authentication.accept(offer('3', ', stale=TRUE'), 1, 'proof')).toBe(true)
    expect(authentication.accept(offer('4', ', stale=true'), 3, 'proof')).toBe(false)
    // The proof of a later request was for the nonce of an earlier one.
    expect(authentication.accept(offer('5'), 0, 'proof')).toBe(true)
    expect(authentication.accept(offer('5'), 0, 'proof')).toBe(false)
    expect(authentication.accept(['Basic realm="a"'], 1, 'proof')).toBe(false)
  })

  it('takes no new nonce for the reason of a third refusal, until it was right', () => {
    const offer = (nonce: string): string[] => [`Digest realm="a", nonce="${nonce}"`]
    const authentication = mufasa('x')
    const tries = (...nonces: string[]): boolean[] =>
      nonces.map((nonce) => authentication.accept(offer(nonce), 0, 'proof'))
    expect(authentication.accept(offer('0'), 0, undefined)).toBe(true)
    // A camera that has been heard is not given up: it may only have begun again.
    expect(tries('1', '2', '3', '4')).toEqual([true, true, false, true])
    authentication.confirm()
    expect(tries('5', '6', '7')).toEqual([true, true, false])
  })
})
