import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import type { Segment } from '../../src/model.ts'
import { segment } from '../../src/transforms/segment.ts'
import { exampleTurn, makeSegment, makeTurn } from '../captions/example-turn.ts'

async function segments(items: unknown[], options = {}): Promise<Segment[]> {
  return Readable.from(items).pipe(segment(options)).toArray()
}

describe('segment', () => {
  it('gives the runs of final turns and drops partial and empty ones', async () => {
    const out = await segments([
      makeTurn(0, 'A:not A:yet', { endOfTurn: false }),
      exampleTurn(),
      makeTurn(1, '', { transcript: '' }),
      makeTurn(2, 'B:Yes.'),
    ])
    expect(out.map(({ turn, speaker, words }) => [turn.order, speaker, words.length])).toEqual([
      [0, 'A', 22],
      [0, 'B', 5],
      [0, 'A', 9],
      [2, 'B', 1],
    ])
  })

  it('gives a revised turn again with the higher revision', async () => {
    const out = await segments([makeTurn(0, 'A:hello'), makeTurn(0, 'A:Hello.', { revision: 1 })])
    expect(out.map(({ text, turn }) => [text, turn.revision])).toEqual([
      ['hello', 0],
      ['Hello.', 1],
    ])
  })

  it('passes the options of word runs on', async () => {
    const out = await segments([makeTurn(0, 'A:one two A:three')], { absorbUnknown: true })
    expect(out.map(({ text }) => text)).toEqual(['one two three'])
  })

  it('lets segments through, and refuses bytes with advice', async () => {
    const ready = makeSegment('Hi')
    expect(await segments([ready])).toEqual([ready])
    await expect(pipeline(Readable.from([Buffer.alloc(4)]), segment(), new Writable())).rejects.toMatchObject({
      code: 'INVALID_PIPELINE',
      message: 'segment() takes turns, segments or cues, and was given bytes; put diarize() before it',
    })
  })

  it('passes session and gap events on', () => {
    const source = new Readable({ objectMode: true, read() {} })
    const stage = source.pipe(segment())
    const seen: unknown[] = []
    stage.on('session', (record) => seen.push(['session', record]))
    stage.on('gap', (record) => seen.push(['gap', record]))
    source.emit('session', { sessionId: 's' })
    source.emit('gap', { start: 1, end: 2 })
    expect(seen).toEqual([
      ['session', { sessionId: 's' }],
      ['gap', { start: 1, end: 2 }],
    ])
    source.destroy()
    stage.destroy()
  })

  it('states its limits, obeys back-pressure and takes a signal', async () => {
    const controller = new AbortController()
    const stage = segment({ signal: controller.signal })
    expect([stage.readableHighWaterMark, stage.writableHighWaterMark]).toEqual([16, 16])
    let made = 0
    const source = Readable.from(
      (function* () {
        for (;;) yield makeTurn(made++, 'A:word')
      })(),
    )
    source.pipe(stage)
    await new Promise((resolve) => stage.once('readable', resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(made).toBeLessThan(100)
    const failed = new Promise((resolve) => stage.once('error', resolve))
    controller.abort()
    expect(await failed).toMatchObject({ name: 'AbortError' })
    source.destroy()
  })

  it('refuses wrong options', () => {
    expect(() => segment({ minRun: -1 })).toThrow('minRun, when given, must be an integer')
    expect(() => segment({ absorb: true } as object)).toThrow('segment() has no option absorb')
  })
})
