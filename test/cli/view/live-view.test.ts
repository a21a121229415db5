import { textWidth } from '../../../src/captions/width.ts'
import { clock, count, painter, wantsColours } from '../../../src/cli/view/text.ts'
import {
  bar,
  finalLines,
  LiveView,
  partialLine,
  progressLine,
  span,
  turnStyle,
} from '../../../src/cli/view/live-view.ts'
import type { Turn } from '../../../src/model.ts'
import { makeTurn } from '../../captions/example-turn.ts'
import { FakeTerminal } from '../fake-terminal.ts'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'

const style = turnStyle({ names: { A: 'Alice' }, colours: false })
const hostile = 'evil\u001B[2J\u001B]0;title\u0007\u009B31m'

async function shown(view: LiveView, ...turns: Turn[]): Promise<void> {
  for (const turn of turns) await new Promise((resolve) => view.write(turn, resolve))
}

describe('LiveView', () => {
  it('lets finals scroll, and keeps open turns and the progress below them', async () => {
    const terminal = new FakeTerminal(62)
    const view = new LiveView(terminal, { names: { A: 'Alice' }, colours: false })
    view.duration = 60_000
    view.partial({ ...makeTurn(0, 'A:hello'), endOfTurn: false })
    view.progress({ audioMs: 40_000, doneMs: 30_000, turns: 0, speakers: ['A'], speed: 10, elapsedMs: 3000 })
    view.print(['note: something'])
    expect(terminal.screen).toEqual([
      'note: something',
      'Alice: hello',
      '█████████░░░░░░░░░  50 %  0:30 of 1:00  3 s left  1 speaker',
    ])
    await shown(view, makeTurn(0, 'A:hello A:there'))
    expect(terminal.screen.slice(0, 2)).toEqual(['note: something', '00:00:00 Alice: hello there'])
    expect(terminal.screen).toHaveLength(3)
    view.close()
    view.print(['done'])
    expect(terminal.screen).toEqual(['note: something', '00:00:00 Alice: hello there', 'done'])
  })

  it('counts corrections, and shows them once more as what they are', async () => {
    const terminal = new FakeTerminal(60)
    const view = new LiveView(terminal, { names: { B: 'Bob' }, colours: false })
    await shown(view, makeTurn(0, 'A:one'), { ...makeTurn(0, 'B:one'), revision: 1 }, makeTurn(1, 'A:two'))
    view.close()
    expect(terminal.screen).toEqual([
      '00:00:00 Speaker A: one',
      'corrected: 00:00:00 Bob: one',
      expect.stringMatching(/^00:00:\d\d Speaker A: two$/),
    ])
    expect(view.corrections).toBe(1)
  })

  it('shows the newest of the first of many corrections, and counts the rest', async () => {
    const terminal = new FakeTerminal(60)
    const view = new LiveView(terminal, { names: {}, colours: false })
    await shown(view, { ...makeTurn(0, 'A:old'), revision: 1 })
    for (let order = 0; order < 8; order++) await shown(view, { ...makeTurn(order, 'B:new'), revision: 2 })
    view.close()
    expect(terminal.screen).toHaveLength(6)
    expect(terminal.screen.join()).not.toContain('old')
    expect(terminal.screen.at(-1)).toBe('corrected: 3 more')
    expect(view.corrections).toBe(9)
  })

  it('lets no control character of a transcript or a name through', async () => {
    const terminal = new FakeTerminal(60)
    const view = new LiveView(terminal, { names: { A: hostile }, colours: false })
    view.partial({ ...makeTurn(0, `A:${hostile}`), endOfTurn: false })
    view.print([])
    await shown(view, makeTurn(0, `A:${hostile}`))
    view.close()
    // What is left are the commands of the view itself.
    const rest = terminal.written.replaceAll('\r\u001B[J', '').replaceAll('\r\u001B[1A\u001B[J', '')
    expect(rest).toContain('evil')
    expect(rest).not.toMatch(/[^\P{Cc}\n]/u)
  })

  it('erases what a terminal that was made narrower has broken into more lines', () => {
    const terminal = new FakeTerminal(60)
    const view = new LiveView(terminal, { names: {}, colours: true })
    view.print([])
    terminal.columns = 8
    view.close()
    // 29 columns, whatever commands for colours are among them.
    expect(terminal.written.endsWith('\r\u001B[2A\u001B[J')).toBe(true)
  })

  it.each([0, 1, 2, 19, -5, NaN, Infinity, 1e9, undefined])(
    'erases nothing of what stands above it on a terminal that says it has %s columns',
    async (columns) => {
      // One that is made narrower breaks the lines that stand there, as the test above has it.
      for (const isAtFirst of columns === 19 ? [true] : [true, false]) {
        const terminal = new FakeTerminal(isAtFirst ? (columns as number) : 60)
        terminal.write('of somebody else\n'.repeat(3))
        const view = new LiveView(terminal, { names: {}, colours: false })
        view.partial({
          ...makeTurn(0, `A:${'long-word '.repeat(200).trim().replaceAll(' ', ' A:')}`),
          endOfTurn: false,
        })
        view.print(['note'])
        terminal.columns = columns as number
        view.print(['another'])
        await shown(view, makeTurn(0, 'A:hello'))
        view.close()
        expect(terminal.screen).toEqual([
          ...Array.from({ length: 3 }, () => 'of somebody else'),
          'note',
          'another',
          '00:00:00 Speaker A: hello',
        ])
        const longest = Math.max(...terminal.written.split(/[\r\n]/).map(textWidth))
        expect(longest).toBeLessThanOrEqual(400)
      }
    },
  )
})

it('counts on while nothing is told, and stops when it is closed', () => {
  vi.useFakeTimers()
  try {
    const terminal = new FakeTerminal(100)
    const view = new LiveView(terminal, { names: {}, colours: false })
    view.duration = 120_000
    view.progress({ audioMs: 40_000, doneMs: 30_000, turns: 0, speakers: [], speed: 10, elapsedMs: 3000 })
    vi.advanceTimersByTime(100)
    expect(terminal.screen.at(-1)).toContain('9 s left')
    vi.advanceTimersByTime(20_000)
    expect(terminal.screen.at(-1)).toMatch(/still at work, for 2[01] s$/)
    view.close()
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

describe('turns on a terminal', () => {
  it('have a line for each speaker, and the colour of that speaker', () => {
    const paint = painter(true)
    const lines = finalLines(makeTurn(0, 'A:one B:two A:three'), turnStyle({ names: {}, colours: true }))
    expect(lines).toHaveLength(3)
    expect(lines[0]).toContain(paint('cyan', 'Speaker A:'))
    expect(lines[1]).toContain(paint('yellow', 'Speaker B:'))
    expect(lines[2]).toContain(paint('cyan', 'Speaker A:'))
  })

  it('fit into one line while they are open', () => {
    const turn = makeTurn(0, `A:${'word '.repeat(100).trim().replaceAll(' ', ' A:')}`)
    const line = partialLine(turn, 40, style)
    expect(line).toMatch(/^Alice: … word/)
    expect(textWidth(line)).toBeLessThanOrEqual(40)
  })

  it('know when not to be coloured', () => {
    expect(wantsColours(true, {})).toBe(true)
    expect(wantsColours(true, { NO_COLOR: '' })).toBe(true)
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) expect(wantsColours(true, env)).toBe(false)
    expect(wantsColours(false, {})).toBe(false)
  })
})

const progress = { audioMs: 40_000, doneMs: 30_000, turns: 4, speakers: ['A', 'B'], speed: 10, elapsedMs: 3000 }

describe('progressLine', () => {
  it('has a bar and the time left where the length is known', () => {
    const line = progressLine(progress, 120_000, 100)
    expect(line).toBe(`${'█'.repeat(6)}${'░'.repeat(18)}  25 %  0:30 of 2:00  9 s left  2 speakers`)
  })

  it('withdraws an estimate that nothing came of', () => {
    expect(progressLine(progress, 120_000, 100, 2000)).toContain('9 s left')
    const standing = progressLine(progress, 120_000, 100, 20_000)
    expect(standing).toContain('0:30 of 2:00  still at work, for 20 s  2 speakers')
    expect(standing).not.toContain('left')
  })

  it('has the time gone by where it is not', () => {
    expect(progressLine(progress, undefined, 100)).toBe('0:30 heard  0:03 elapsed  2 speakers')
    expect(progressLine({ ...progress, speakers: ['A'] }, undefined, 100)).toContain('1 speaker')
  })

  it('makes sense before the beginning and after the end', () => {
    const none = { audioMs: 0, doneMs: 0, turns: 0, speakers: [], speed: 0, elapsedMs: 0 }
    expect(progressLine(none, 60_000, 100)).toBe(`${'░'.repeat(24)}  0 %  0:00 of 1:00`)
    expect(progressLine({ ...progress, doneMs: 61_000 }, 60_000, 100)).toContain('100 %  1:00 of 1:00  2')
  })

  it('fits into any terminal', () => {
    const ms = fc.double({ min: 0, max: 1e9, noNaN: true })
    const speeds = fc.double({ min: 0, max: 1e6, noNaN: true })
    const length = fc.option(ms, { nil: undefined })
    fc.assert(
      fc.property(ms, speeds, length, fc.integer({ min: 2, max: 200 }), (audioMs, speed, duration, width) => {
        const line = progressLine({ ...progress, doneMs: audioMs, speed }, duration, width)
        expect(textWidth(line)).toBeLessThanOrEqual(width)
        expect(line).not.toMatch(/NaN|Infinity|-/)
      }),
    )
  })
})

it('writes times for people', () => {
  expect([clock(7900), clock(754_000), clock(3_723_000)]).toEqual(['0:07', '12:34', '1:02:03'])
  expect([span(2100), span(125_000), span(3_720_000)]).toEqual(['3 s', '2 min 05 s', '1 h 02 min'])
  expect([bar(0.5, 4), bar(9, 2), bar(-1, 2)]).toEqual(['██░░', '██', '░░'])
  expect([count(1, 'turn'), count(0, 'turn')]).toEqual(['1 turn', '0 turns'])
})
