import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AudioInput, type SampleTaker } from '../../src/server/audio-input.ts'
import { parseClientMessage } from '../../src/protocol/messages.ts'
import { Refusal } from '../../src/protocol/close-codes.ts'

/** What an action throws. */
function attempt(action: () => unknown): Error | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Audio of one byte a sample at 8 kHz: 8 bytes a millisecond. */
const telephone = (maxAheadMs = Infinity) =>
  new AudioInput({ encoding: 'pcm_mulaw', sampleRate: 8000 }, 8000, maxAheadMs)
const audio = (ms: number) => Buffer.alloc(ms * 8)

describe('the length of audio messages', () => {
  it('may be 50 to 1000 ms without end', () => {
    const taken = telephone()
    expect(() => {
      for (let count = 0; count < 1000; count++) for (const ms of [50, 51.5, 1000]) taken.accept(audio(ms), 0)
    }).not.toThrow()
  })

  it('may not be more', () => {
    expect(() => telephone().accept(audio(1000.125), 0)).toThrow(
      /Violation: 1000\.1 ms\. Expected between 50 and 1000 ms/,
    )
  })

  it('may be less until that adds up to a second, whatever is between', () => {
    const taken = telephone()
    for (let count = 0; count < 24; count++) {
      taken.accept(audio(40), 0)
      taken.accept(audio(100), 0)
    }
    expect(() => taken.accept(audio(40), 0)).toThrow(Refusal)
  })

  it('may not be nothing without end', () => {
    const taken = telephone()
    expect(() => {
      for (let count = 0; count < 2000; count++) taken.accept(audio(0), 0)
    }).toThrow(/Violation: 0\.0 ms/)
  })
})

describe('the pace of audio messages', () => {
  it('may be ahead as far as allowed, on a clock that starts with the first message', () => {
    const taken = telephone(300_000)
    for (let second = 0; second < 300; second++) taken.accept(audio(1000), 5000)
    taken.accept(audio(1000), 6000)
    taken.accept(audio(312), 6312.326)
    expect(() => taken.accept(audio(588), 6312.326)).toThrow(
      new Refusal(3007, 'Audio Transmission Rate Exceeded: Received 301.9 sec. audio in 1.312326 sec'),
    )
  })

  it('may always be that of time, and any without a limit', () => {
    const strict = telephone(0)
    const free = telephone()
    expect(() => {
      for (let ms = 0; ms < 100_000; ms += 50) strict.accept(audio(ms === 0 ? 0 : 50), ms)
      for (let count = 0; count < 10_000; count++) free.accept(audio(1000), 0)
    }).not.toThrow()
  })
})

describe('parseClientMessage', () => {
  it('reads the four messages', () => {
    for (const type of ['UpdateConfiguration', 'ForceEndpoint', 'KeepAlive', 'Terminate']) {
      expect(parseClientMessage(JSON.stringify({ type, more: 1 }))).toEqual({ type, more: 1 })
    }
  })

  it('answers any text with a message or a short refusal', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const outcome = attempt(() => parseClientMessage(text))
        expect(outcome === undefined || outcome instanceof Refusal).toBe(true)
        expect(outcome?.message.length ?? 0).toBeLessThan(200)
      }),
    )
  })

  it('quotes no more than the beginning of a long type', () => {
    expect(() => parseClientMessage(JSON.stringify({ type: 'x'.repeat(100_000) }))).toThrow(
      `Invalid Message Type: ${'x'.repeat(97)}...`,
    )
  })

  it('survives nesting without end', () => {
    expect(() => parseClientMessage('['.repeat(100_000))).toThrow(Refusal)
    expect(() => parseClientMessage('['.repeat(50_000) + ']'.repeat(50_000))).toThrow(Refusal)
  })
})

/** The samples that come of messages, and where they go. */
function samplesOf(input: AudioInput, messages: readonly Buffer[]): { samples: number[]; taker: SampleTaker } {
  const samples: number[] = []
  const taker = { write: (more: Int16Array) => void samples.push(...more) }
  for (const message of messages) void input.accept(message, 0)(taker)
  return { samples, taker }
}

describe('AudioInput', () => {
  it('gives the same samples however the bytes are cut', () => {
    const bytes = Buffer.from(Array.from({ length: 999 }, (_, index) => (index * 37) % 256))
    const plain = () => new AudioInput({ encoding: 'pcm_s16le', sampleRate: 16_000 }, 16_000, Infinity)
    const whole = samplesOf(plain(), [bytes]).samples
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 999 }), { maxLength: 10 }), (cuts) => {
        const input = plain()
        const edges = [0, ...cuts.toSorted((a, b) => a - b), 999]
        const parts = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge))
        expect(samplesOf(input, parts).samples).toEqual(whole)
        expect(input.receivedMs).toBe(999 / 32)
      }),
    )
  })

  it('passes samples at the engine’s rate through unchanged', async () => {
    const samples = Int16Array.from([0, 1, -1, 32_767, -32_768, 12_345])
    const input = new AudioInput({ encoding: 'pcm_s16le', sampleRate: 16_000 }, 16_000, Infinity)
    const heard = samplesOf(input, [Buffer.from(samples.buffer)])
    await input.finish(heard.taker)
    expect(heard.samples).toEqual([...samples])
  })

  it('counts µ-law as one byte a sample', () => {
    const input = telephone()
    expect(samplesOf(input, [Buffer.from([0xff, 0x00, 0x80])]).samples).toEqual([0, -32_124, 32_124])
    expect(input.receivedMs).toBe(3 / 8)
  })
})
