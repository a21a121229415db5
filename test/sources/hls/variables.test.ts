import { describe, expect, it } from 'vitest'
import { type MediaPlaylist, type MultivariantPlaylist, parsePlaylist } from '../../../src/sources/hls/playlist.ts'
import { withVariables } from '../../../src/sources/hls/variables.ts'

const base = new URL('https://example.org/live/main.m3u8?token=a%2Fb')

function replaced(...lines: string[]): string[] {
  return withVariables(lines, base, new Map([['host', 'cdn.example.org']])).lines
}

describe('variables of a playlist', () => {
  it.each([
    ['a name with a value', '#EXT-X-DEFINE:NAME="v",VALUE="x=1,y"', 'x=1,y'],
    ['a name without one', '#EXT-X-DEFINE:NAME="v",VALUE=""', ''],
    ['the query of its address', '#EXT-X-DEFINE:QUERYPARAM="token"', undefined],
  ])('are put in: %s', (_what, line, value) => {
    const name = value === undefined ? 'token' : 'v'
    const [, tag, uri] = replaced(line, `#EXT-X-MAP:URI="{$${name}}.mp4"`, `{$${name}}/{$${name}}.ts`)
    expect([tag, uri]).toEqual([`#EXT-X-MAP:URI="${value ?? 'a/b'}.mp4"`, `${value ?? 'a/b'}/${value ?? 'a/b'}.ts`])
  })

  it('may be made of others, and come from the playlist before', () => {
    const lines = ['#EXT-X-DEFINE:IMPORT="host"', '#EXT-X-DEFINE:NAME="base",VALUE="https://{$host}/x"', '{$base}/1.ts']
    expect(replaced(...lines)[2]).toBe('https://cdn.example.org/x/1.ts')
  })

  it('are left as they stand where nothing has defined them before, and in comments', () => {
    const lines = ['{$v}.ts', '#EXT-X-DEFINE:NAME="v",VALUE="x"', '# {$v}', '#EXTINF:1,{$v}', '{$w}.ts', '{$v}.ts']
    expect(replaced(...lines)).toEqual([...lines.slice(0, -1), 'x.ts'])
  })

  it.each([
    ['#EXT-X-DEFINE:IMPORT="other"', /needs a value for other.*give the address of that one/],
    ['#EXT-X-DEFINE:QUERYPARAM="key"', /needs a value for key.*no such parameter/],
  ])('without a value are an error: %s', (line, message) => {
    expect(() => replaced(line)).toThrow(message)
    expect(() => replaced(line)).toThrow(expect.objectContaining({ code: 'INPUT_NOT_MEDIA' }))
  })

  it('cannot make a playlist larger without end', () => {
    const doubled = Array.from({ length: 60 }, () => '#EXT-X-DEFINE:NAME="v",VALUE="{$v}{$v}"')
    expect(() => replaced('#EXT-X-DEFINE:NAME="v",VALUE="xx"', ...doubled)).toThrow(
      expect.objectContaining({ code: 'INPUT_TOO_LARGE' }),
    )
  })

  it('lead to variants, and from there to segments', () => {
    const main = [
      '#EXTM3U',
      '#EXT-X-DEFINE:QUERYPARAM="token"',
      '#EXT-X-DEFINE:NAME="cdn",VALUE="https://cdn.example.org"',
    ]
    const text = [...main, '#EXT-X-STREAM-INF:BANDWIDTH=1', '{$cdn}/low.m3u8?t={$token}'].join('\n')
    const { variants, variables } = parsePlaylist(text, base) as MultivariantPlaylist
    expect(variants[0]?.url.href).toBe('https://cdn.example.org/low.m3u8?t=a/b')
    const low = ['#EXTM3U', '#EXT-X-DEFINE:IMPORT="token"', '#EXTINF:1,', '1.ts?t={$token}', '#EXT-X-ENDLIST'].join(
      '\n',
    )
    const { segments } = parsePlaylist(low, new URL('https://cdn.example.org/low.m3u8'), variables) as MediaPlaylist
    expect(segments[0]?.url.href).toBe('https://cdn.example.org/1.ts?t=a/b')
  })
})
