import { once } from 'node:events'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { writeWavHeader } from '../../../src/audio/wav.ts'
import { InputError } from '../../../src/errors.ts'
import { reconnectSettings } from '../../../src/sources/live/options.ts'
import { JoinedSource } from '../../../src/sources/live/parts.ts'
import { ReconnectingSource } from '../../../src/sources/live/reconnecting.ts'
import { endEarly } from '../../../src/stage.ts'

const format = { sampleRate: 16_000, channels: 1, encoding: 's16le' } as const

/** A part that has given a second, and is away since; by the clock `now`. */
function lostPart(now: () => number): ReconnectingSource {
  let opened = 0
  return new ReconnectingSource({
    ...reconnectSettings({ retryDelay: 1 }),
    inputName: 'the input',
    now,
    explain: () => ({ error: new InputError('INPUT_LOST', 'gone'), final: false }),
    open: () => {
      opened += 1
      const input = new Readable({ read: () => {} })
      if (opened > 1) return input
      input.push(Buffer.concat([writeWavHeader(format), Buffer.alloc(32_000, 1)]))
      input.push(null)
      return input
    },
  })
}

describe('a joined stream that is ended early', () => {
  it.each(['stop', 'run'] as const)('says by %s what its live part lacks', async (by) => {
    let time = 0
    const stop = new AbortController()
    const source = new JoinedSource({
      // eslint-disable-next-line @typescript-eslint/require-await -- as those that wait for something
      async *parts() {
        yield { stream: lostPart(() => time) }
      },
      close: () => {},
      maxDuration: Infinity,
      tooLong: () => undefined,
      isLive: () => true,
      stop: stop.signal,
      signal: undefined,
    })
    const gaps: unknown[] = []
    let length = -44
    source.on('gap', (gap) => gaps.push(gap))
    source.on('data', (chunk: Buffer) => (length += chunk.length))
    await once(source, 'reconnecting')
    time = 6000
    // Silence flows by now.
    while (length <= 32_000) await once(source, 'data')
    if (by === 'stop') stop.abort()
    else source[endEarly]()
    await once(source, 'close')
    expect(gaps).toEqual([{ start: 1000, end: length / 32, missing: length / 32 - 1000 }])
  })

  it('ends without a part where it was ended before it began', async () => {
    let asked = 0
    const source = new JoinedSource({
      // eslint-disable-next-line @typescript-eslint/require-await -- as those that wait for something
      async *parts() {
        if (asked++ < 0) yield { silentUntil: 1 }
      },
      close: () => (asked += 10),
      maxDuration: Infinity,
      tooLong: () => undefined,
      isLive: () => false,
      stop: undefined,
      signal: undefined,
    })
    source[endEarly]()
    source.resume()
    await once(source, 'close')
    expect(asked).toBeGreaterThan(9)
  })
})
