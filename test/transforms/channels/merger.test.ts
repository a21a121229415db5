import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Turn } from '../../../src/model.ts'
import { TurnMerger } from '../../../src/transforms/channels/merger.ts'
import { runs } from '../../helpers/runs.ts'

const turn = (order: number, start: number, end: number, more: Partial<Turn> = {}): Turn => ({
  sessionId: 's',
  order,
  revision: 0,
  endOfTurn: true,
  formatted: true,
  transcript: 'x',
  words: [],
  start,
  end,
  ...more,
})

const partial = (order: number, start: number): Turn => turn(order, start, start, { endOfTurn: false })

/** Starts and orders of what comes out. */
const taken = (merger: TurnMerger): [channel: number, start: number, order: number][] =>
  merger.take().map(({ channel, turn: { start, order } }) => [channel, start, order])

const merger = (more: Partial<ConstructorParameters<typeof TurnMerger>[0]> = {}): TurnMerger =>
  new TurnMerger({ channels: 2, mergeDelay: 5000, partials: true, ...more })

describe('TurnMerger', () => {
  it('holds a turn until the other channel has nothing earlier', () => {
    const merge = merger()
    merge.add(0, turn(0, 1000, 2000))
    expect(taken(merge)).toEqual([])
    merge.answered(1, 1500)
    expect(taken(merge)).toEqual([])
    merge.answered(1, 2000)
    expect(taken(merge)).toEqual([[0, 1000, 0]])
    expect(merge.holding).toBe(false)
  })

  it('waits for an open turn that began before, and puts it first', () => {
    const merge = merger()
    expect(merge.add(1, partial(0, 500))?.order).toBe(0)
    merge.add(0, turn(0, 1000, 2000))
    merge.answered(1, 4000)
    merge.answered(0, 6999)
    expect(taken(merge)).toEqual([])
    merge.add(1, turn(0, 500, 4000))
    expect(taken(merge)).toEqual([
      [1, 500, 0],
      [0, 1000, 1],
    ])
  })

  it('puts turns that start together in the order of the channels, whichever comes first', () => {
    const merge = merger()
    merge.add(0, partial(0, 1000))
    merge.add(1, turn(0, 1000, 2000))
    expect(taken(merge)).toEqual([])
    merge.add(0, turn(0, 1000, 2500))
    expect(taken(merge).map(([channel]) => channel)).toEqual([0, 1])
  })

  it('waits no longer than mergeDelay, and gives what comes late an order after what is out', () => {
    const merge = merger()
    expect(merge.add(1, partial(0, 500))?.order).toBe(0)
    expect(merge.add(1, partial(0, 500))?.order).toBe(0)
    merge.add(0, turn(0, 1000, 2000))
    merge.answered(0, 7000)
    expect(taken(merge)).toEqual([[0, 1000, 1]])
    merge.add(1, turn(0, 500, 9000))
    merge.end(0)
    expect(taken(merge)).toEqual([[1, 500, 2]])
    // The revision of it keeps that order.
    expect(merge.add(1, turn(0, 500, 9000, { revision: 1 }))).toMatchObject({ order: 2, revision: 1 })
  })

  it('counts the clock, too, where audio goes faster than it plays', () => {
    const merge = merger()
    merge.add(1, partial(0, 500))
    merge.add(0, turn(0, 1000, 2000), 70_000)
    merge.answered(0, 100_000)
    expect(merge.take(74_999)).toEqual([])
    expect(merge.take(75_000)).toHaveLength(1)
  })

  it('lets what is late take along what starts before it', () => {
    const merge = merger({ channels: 3 })
    merge.add(2, partial(0, 0))
    merge.add(1, turn(0, 100, 9000))
    merge.add(0, turn(0, 1000, 2000))
    merge.answered(0, 7000)
    expect(taken(merge).map(([channel]) => channel)).toEqual([1, 0])
  })

  it('puts a revision in the place of a turn that nobody has seen', () => {
    const merge = merger()
    merge.add(0, turn(0, 1000, 2000))
    expect(merge.add(0, turn(0, 1000, 2000, { revision: 2, speaker: 'B' }))).toBeUndefined()
    merge.end(1)
    expect(merge.take()).toMatchObject([{ turn: { revision: 0, speaker: 'B' } }])
  })

  it('holds nothing with a delay of 0', () => {
    const merge = merger({ mergeDelay: 0 })
    merge.add(1, partial(0, 500))
    merge.add(0, turn(0, 1000, 2000))
    expect(taken(merge)).toEqual([[0, 1000, 1]])
  })

  it('trusts only finals where there are no partials', () => {
    const merge = merger({ partials: false })
    merge.add(0, turn(0, 1000, 2000))
    merge.answered(1, 6000)
    expect(taken(merge)).toEqual([])
    merge.add(1, turn(0, 1500, 1800))
    expect(taken(merge).map(([, start]) => start)).toEqual([1000, 1500])
  })

  it('waits beyond the end where it is told to', () => {
    const merge = merger({ beyondEnd: 300 })
    merge.add(0, turn(0, 1000, 2000))
    merge.answered(1, 3200)
    expect(taken(merge)).toEqual([])
    merge.answered(1, 3300)
    expect(taken(merge)).toHaveLength(1)
  })

  it('puts what is left of a turn in the place where it begins', () => {
    const trim = (channel: number, whole: Turn): Turn => (channel === 1 ? { ...whole, start: 800 } : whole)
    const merge = merger({ beyondEnd: 300, trim })
    merge.add(1, turn(0, 300, 1000))
    merge.add(0, turn(0, 500, 700))
    merge.end(0)
    merge.end(1)
    expect(taken(merge)).toEqual([
      [0, 500, 0],
      [1, 800, 1],
    ])
  })

  it('gives no order to a turn of which nothing is left, and none to its revision', () => {
    const merge = merger({ beyondEnd: 300, trim: (channel, whole) => (channel === 1 ? undefined : whole) })
    merge.add(1, turn(0, 300, 1000))
    merge.add(0, turn(0, 500, 700))
    merge.end(0)
    merge.end(1)
    expect(taken(merge)).toEqual([[0, 500, 0]])
    expect(merge.add(1, turn(0, 300, 1000, { revision: 1 }))).toBeUndefined()
  })
})

/** What servers of several channels do, as steps in an order that each channel allows. */
interface Step {
  channel: number
  kind: 'partial' | 'final' | 'answered'
  order: number
  start: number
  end: number
}

const channelSteps = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 1, max: 4000 }),
      length: fc.integer({ min: 100, max: 12_000 }),
      lag: fc.integer({ min: 0, max: 900 }),
      sign: fc.boolean(),
    }),
    { maxLength: 8 },
  )
  .map((turns) => {
    const steps: (Omit<Step, 'channel'> & { at: number })[] = []
    let at = 0
    // A channel finishes one turn before it tells of the next.
    let told = 0
    for (const [order, { gap, length, lag, sign }] of turns.entries()) {
      const start = at + gap
      const end = start + length
      told = Math.max(told, start + Math.min(lag, length))
      if (sign) steps.push({ at: told, kind: 'partial', order, start, end })
      told = Math.max(told, end + lag)
      steps.push({ at: told, kind: 'final', order, start, end })
      at = end
    }
    for (let ms = 0; ms < at + 2000; ms += 500) steps.push({ at: ms, kind: 'answered', order: 0, start: ms, end: ms })
    return steps.toSorted((a, b) => a.at - b.at)
  })

/** Channels in step, but for those that lag behind by `delays` ms. */
const scenes = fc
  .tuple(
    fc.array(channelSteps, { minLength: 1, maxLength: 4 }),
    fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 4, maxLength: 4 }),
    fc.constantFrom(0, 500, 5000, 1_000_000),
  )
  .map(([channels, delays, mergeDelay]) => {
    const steps = channels.flatMap((own, channel) =>
      own.map(({ at, ...step }) => ({ ...step, channel, at: at + delays[channel]! })),
    )
    return { channels: channels.length, mergeDelay, steps: steps.toSorted((a, b) => a.at - b.at) }
  })

describe('whatever the channels do', () => {
  it('every turn comes out once, orders rise, nothing overtakes an open turn in time, and nothing waits too long', () => {
    fc.assert(
      fc.property(scenes, ({ channels, mergeDelay, steps }) => {
        const merge = new TurnMerger({ channels, mergeDelay, partials: true })
        const out: { channel: number; turn: Turn }[] = []
        const answered = Array<number>(channels).fill(0)
        const open = new Map<number, Step>()
        const held = new Set<Step>()
        const take = (): void => {
          const now = Math.max(...answered)
          const late = [...held].filter(({ end }) => end + mergeDelay <= now)
          const latest = Math.max(-1, ...late.map(({ start }) => start))
          for (const item of merge.take()) {
            out.push(item)
            const { start } = item.turn
            // Nothing goes past a turn that is known to be open and earlier, but for one that has waited its time.
            const passed = [...open].filter(([channel, step]) => channel !== item.channel && step.start < start)
            expect(passed.length === 0 || start <= latest || mergeDelay === 0).toBe(true)
            for (const step of held) if (step.channel === item.channel && step.start === start) held.delete(step)
          }
          for (const { end } of held) expect(end + mergeDelay).toBeGreaterThan(now)
        }
        for (const step of steps) {
          const { channel, kind, order, start, end } = step
          if (kind === 'answered') {
            merge.answered(channel, start)
            answered[channel] = start
          } else if (kind === 'partial') {
            open.set(channel, step)
            merge.add(channel, partial(order, start))
          } else {
            open.delete(channel)
            held.add(step)
            merge.add(channel, turn(order, start, end))
          }
          take()
        }
        for (let channel = 0; channel < channels; channel++) merge.end(channel)
        for (const item of merge.take()) out.push(item)
        expect(merge.holding).toBe(false)

        const orders = out.map(({ turn: { order } }) => order)
        expect(orders).toEqual([...new Set(orders)].toSorted((a, b) => a - b))
        for (let channel = 0; channel < channels; channel++) {
          const said = steps.filter((step) => step.channel === channel && step.kind === 'final')
          const came = out.filter((item) => item.channel === channel)
          expect(came.map((item) => item.turn.start)).toEqual(said.map(({ start }) => start))
        }
      }),
      { numRuns: runs(500) },
    )
  })

  it('turns are in the order of their starts where every channel shows in time that somebody speaks', () => {
    const prompt = scenes.filter(({ steps }) =>
      steps.every(({ kind, channel, order }) =>
        kind !== 'final' ? true : steps.some((s) => s.kind === 'partial' && s.channel === channel && s.order === order),
      ),
    )
    fc.assert(
      fc.property(prompt, ({ channels, steps }) => {
        const merge = new TurnMerger({ channels, mergeDelay: 10_000_000, partials: true })
        const out: number[] = []
        for (const { channel, kind, order, start, end } of steps) {
          if (kind === 'answered') merge.answered(channel, start)
          else merge.add(channel, kind === 'partial' ? partial(order, start) : turn(order, start, end))
          out.push(...merge.take().map((item) => item.turn.start))
        }
        for (let channel = 0; channel < channels; channel++) merge.end(channel)
        out.push(...merge.take().map((item) => item.turn.start))
        expect(out).toEqual(out.toSorted((a, b) => a - b))
      }),
      { numRuns: runs(300) },
    )
  })
})
