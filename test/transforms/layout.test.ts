import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { Cue } from '../../src/model.ts'
import { layout } from '../../src/transforms/layout.ts'
import { segment } from '../../src/transforms/segment.ts'
import { exampleTurn, makeSegment, makeTurn } from '../captions/example-turn.ts'

const of = (order: number, revision = 0) => ({ turn: { order, revision } })

async function cues(items: unknown[]): Promise<Cue[]> {
  return Readable.from(items)
    .pipe(layout({ labels: 'none' }))
    .toArray()
}

describe('layout', () => {
  it('numbers the cues of all turns from 1', async () => {
    const source = Readable.from([exampleTurn(), makeTurn(1, 'B:Yes. A:No.', { start: 20_000 })])
    const out: Cue[] = await source.pipe(segment()).pipe(layout()).toArray()
    expect(out.map((cue) => cue.index)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(out.flatMap((cue) => cue.words)).toHaveLength(38)
  })

  it('gives the cues of a turn at once where the segments come from segment()', async () => {
    const first = segment()
    const second = first.pipe(layout())
    const seen: Cue[] = []
    const done = new Promise<void>((resolve) => {
      second.on('data', (cue: Cue) => {
        seen.push(cue)
        if (seen.length === 3) resolve()
      })
    })
    // Nothing follows the turn, and the end does not come.
    first.write(makeTurn(0, 'A:One. B:Two. A:Three.'))
    await done
    expect(seen.map((cue) => cue.lines)).toEqual([['One.'], ['Two.'], ['Three.']])
    first.destroy()
    second.destroy()
  })

  it('gathers segments made by hand until the next turn or the end', async () => {
    const out = await cues([
      makeSegment('One.', 0, { speaker: 'A', ...of(0) }),
      makeSegment('Two.', 400, { speaker: 'B', ...of(0) }),
      makeSegment('Three.', 1000, of(1)),
    ])
    expect(out.map(({ start, end, lines }) => [start, end, ...lines])).toEqual([
      [0, 317, 'One.'],
      [400, 917, 'Two.'],
      [1000, 1833, 'Three.'],
    ])
  })

  it('does not gather segments for ever where all claim to be of one turn', async () => {
    const stage = layout()
    const seen: Cue[] = []
    stage.on('data', (cue: Cue) => seen.push(cue))
    for (let i = 0; i < 2500; i++) {
      if (!stage.write(makeSegment(`Number ${i}.`, i * 2000)))
        await new Promise((resolve) => stage.once('drain', resolve))
    }
    await new Promise((resolve) => setImmediate(resolve))
    // But for the last one, which waits for what follows.
    expect(seen).toHaveLength(1999)
    const end = new Promise((resolve) => stage.once('end', resolve))
    stage.end()
    await end
    expect(seen.map((cue) => cue.lines[0])).toEqual(Array.from({ length: 2500 }, (_, i) => `Number ${i}.`))
  })

  it('takes turns as they are, and renumbers cues', async () => {
    const ready = { index: 9, start: 30_000, end: 31_000, lines: ['Ready.'], words: [] }
    const out = await cues([makeTurn(0, 'A:Hello.'), ready])
    expect(out.map(({ index, lines }) => [index, ...lines])).toEqual([
      [1, 'Hello.'],
      [2, 'Ready.'],
    ])
  })

  it('leaves revisions out and says so at the end', async () => {
    const stage = layout()
    const warnings: unknown[] = []
    stage.on('warning', (warning) => warnings.push(warning))
    const out: Cue[] = await Readable.from([makeTurn(0, 'A:hello'), makeTurn(0, 'A:Hello.', { revision: 1 })])
      .pipe(stage)
      .toArray()
    expect(out.map((cue) => cue.lines)).toEqual([['hello']])
    expect(warnings).toMatchObject([{ code: 'REVISION_NOT_APPLIED', count: 1 }])
  })

  it.each(['clip', 'stack'] as const)(
    'shows what comes late as long as it needs to be read, and counts it: %s',
    async (overlap) => {
      const stage = layout({ overlap })
      const warnings: unknown[] = []
      stage.on('warning', (warning) => warnings.push(warning))
      const turns = [
        makeTurn(0, 'I see.', { channel: 'Customer', start: 20_000 }),
        makeTurn(1, 'Hm.', { channel: 'Customer', start: 30_000 }),
        makeTurn(2, 'So I called you last week about the bill.', { channel: 'Agent', start: 300 }),
      ]
      const out: Cue[] = await Readable.from(turns).pipe(stage).toArray()
      const late = out.find((cue) => cue.speaker === 'Agent')
      expect((late?.end ?? 0) - (late?.start ?? 0)).toBeGreaterThanOrEqual(2000)
      expect(out.map((cue) => cue.start)).toEqual(out.map((cue) => cue.start).toSorted((one, other) => one - other))
      expect(out.at(-1)).toMatchObject({ start: 30_000, lines: ['Hm.'] })
      expect(warnings).toMatchObject([{ code: 'REVISION_NOT_APPLIED', count: 1 }])
    },
  )

  it('lays out segments of one turn that come interleaved with those of another', async () => {
    const out = await cues([makeSegment('a', 0, of(0)), makeSegment('b', 1000, of(1)), makeSegment('c', 2000, of(0))])
    expect(out.map((cue) => cue.lines)).toEqual([['a'], ['b'], ['c']])
  })

  it('refuses wrong options and wrong items', async () => {
    expect(() => layout({ maxLines: 4 })).toThrow('maxLines, when given')
    for (const options of [null, 5]) {
      expect(() => layout(options as never)).toThrow('options of layout(), when given, must be an object')
    }
    await expect(cues(['text'])).rejects.toMatchObject({ code: 'INVALID_PIPELINE' })
  })
})
