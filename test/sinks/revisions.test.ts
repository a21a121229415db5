import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Turn } from '../../src/model.ts'
import { srtSink } from '../../src/sinks/caption-sinks.ts'
import { segment } from '../../src/transforms/segment.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { parseSubtitles } from '../captions/parsers.ts'
import { temporaryDirectories, TextCollector, untilFileHolds } from './temporary.ts'
import { runs } from '../helpers/runs.ts'

const directory = temporaryDirectories()

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('revisions', () => {
  const three = [makeTurn(0, 'A:one'), makeTurn(1, 'A:two'), makeTurn(2, 'A:three')]
  const shown = (text: string) => parseSubtitles(text).map((cue) => cue.text)

  it('replace turns in a file, number it anew, and leave nothing beside it', async () => {
    const here = directory()
    const file = path.join(here, 'out.srt')
    const long = makeTurn(1, 'B:Two. A:And B:more.', { revision: 1 })
    await pipeline(Readable.from([...three, long, makeTurn(0, 'A:One.', { revision: 2 })]), srtSink(file))
    const text = readFileSync(file, 'utf8')
    expect(shown(text)).toEqual([
      'Speaker A: One.',
      'Speaker B: Two.',
      'Speaker A: And',
      'Speaker B: more.',
      'Speaker A: three',
    ])
    expect(text.match(/^\d$/gm)).toEqual(['1', '2', '3', '4', '5'])
    expect(readdirSync(here)).toEqual(['out.srt'])
  })

  it('may take a turn away, and may bring one that was empty', async () => {
    const file = path.join(directory(), 'out.srt')
    const empty = { transcript: '', words: [] }
    await pipeline(
      Readable.from([
        ...three,
        makeTurn(3, '', empty),
        makeTurn(1, '', { ...empty, revision: 1 }),
        makeTurn(3, 'A:four', { revision: 1 }),
      ]),
      srtSink(file, { names: false }),
    )
    expect(shown(readFileSync(file, 'utf8'))).toEqual(['one', 'three', 'four'])
  })

  it('bring a turn that was empty to its place in a file, and to the end of a stream', async () => {
    const turns = [
      makeTurn(0, 'A:one'),
      makeTurn(1, '', { transcript: '', words: [] }),
      makeTurn(2, 'A:three'),
      makeTurn(1, 'A:two', { revision: 1 }),
    ]
    const file = path.join(directory(), 'out.srt')
    await pipeline(Readable.from(turns), srtSink(file, { names: false }))
    expect(shown(readFileSync(file, 'utf8'))).toEqual(['one', 'two', 'three'])
    const out = new TextCollector()
    await pipeline(Readable.from(turns), srtSink(out, { names: false }))
    expect(shown(out.text)).toEqual(['one', 'three', 'two'])
  })

  it('reach the file while the stream goes on, about once a minute', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const file = path.join(directory(), 'out.srt')
    const sink = srtSink(file, { names: false })
    sink.write(makeTurn(0, 'A:one'))
    await untilFileHolds(file, 'one')
    sink.write(makeTurn(0, 'A:One.', { revision: 1 }))
    sink.write(makeTurn(1, 'A:two'))
    await untilFileHolds(file, 'two')
    expect(shown(readFileSync(file, 'utf8'))).toEqual(['one', 'two'])
    vi.advanceTimersByTime(61_000)
    sink.write(makeTurn(2, 'A:three'))
    await untilFileHolds(file, 'One.')
    await untilFileHolds(file, 'three')
    expect(shown(readFileSync(file, 'utf8'))).toEqual(['One.', 'two', 'three'])
    sink.end()
    await finished(sink)
  })

  it('of many turns at once leave the rest of the process its turns', async () => {
    const sink = srtSink(path.join(directory(), 'out.srt'))
    const give = async (revision: number) => {
      for (let order = 0; order < 200; order += 1) {
        if (!sink.write(makeTurn(order, revision === 0 ? 'A:word' : 'B:word', { revision }))) await once(sink, 'drain')
      }
    }
    await give(0)
    // As if each look at the clock came long after the one before.
    let now = performance.now()
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 10))
    let rounds = 0
    let next = setImmediate(function again() {
      rounds += 1
      next = setImmediate(again)
    })
    await give(1)
    clearImmediate(next)
    expect(rounds).toBeGreaterThan(100)
    await finished(sink.end())
  })

  it('of a lower or the same number, or without a change, leave the file alone', async () => {
    const file = path.join(directory(), 'out.srt')
    const sink = srtSink(file, { names: false })
    sink.write(makeTurn(0, 'A:new', { revision: 3 }))
    await untilFileHolds(file, 'new')
    const inode = lstatSync(file).ino
    sink.write(makeTurn(0, 'A:old', { revision: 2 }))
    sink.write(makeTurn(0, 'A:new', { revision: 3 }))
    sink.end(makeTurn(0, 'A:new', { revision: 4 }))
    await finished(sink)
    expect(shown(readFileSync(file, 'utf8'))).toEqual(['new'])
    expect(lstatSync(file).ino).toBe(inode)
  })

  it('come by segments, too', async () => {
    const file = path.join(directory(), 'out.srt')
    const source = Readable.from([...three, makeTurn(1, 'B:Two.', { revision: 1 })])
    await pipeline(source, segment(), srtSink(file))
    expect(shown(readFileSync(file, 'utf8'))).toEqual(['Speaker A: one', 'Speaker B: Two.', 'Speaker A: three'])
  })

  it('are written beside the file and renamed over it: it is whole at every instant', async () => {
    const here = directory()
    const file = path.join(here, 'out.srt')
    const many = Array.from({ length: 300 }, (_, order) => makeTurn(order, 'A:before', { start: order * 1000 }))
    const revised = makeTurn(0, 'A:after', { revision: 1, start: 0 })
    const sink = srtSink(file, { names: false })
    let done = false
    const work = pipeline(Readable.from([...many, revised]), sink).finally(() => {
      done = true
    })
    let seen = 0
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve))
      if (!existsSync(file)) continue
      const cues = parseSubtitles(readFileSync(file, 'utf8'))
      expect(cues.length).toBeGreaterThanOrEqual(seen)
      seen = cues.length
    }
    await work
    expect(shown(readFileSync(file, 'utf8'))).toEqual(['after', ...Array.from({ length: 299 }, () => 'before')])
  })

  it.each([0o600, 0o666])(
    'follow a link to the file it points to, and keep the mode %o, and its owner',
    async (mode) => {
      const here = directory()
      const real = path.join(here, 'real.srt')
      const link = path.join(here, 'link.srt')
      writeFileSync(real, '')
      chmodSync(real, mode)
      const isRoot = process.getuid?.() === 0
      if (isRoot) chownSync(real, 4321, 5432)
      symlinkSync(real, link)
      await pipeline(Readable.from([...three, makeTurn(0, 'A:One.', { revision: 1 })]), srtSink(link, { names: false }))
      expect(lstatSync(link).isSymbolicLink()).toBe(true)
      expect(lstatSync(real).mode & 0o777).toBe(mode)
      const owner = isRoot ? [4321, 5432] : [process.getuid?.() ?? 0, lstatSync(here).gid]
      expect([lstatSync(real).uid, lstatSync(real).gid]).toEqual(owner)
      expect(shown(readFileSync(real, 'utf8'))).toEqual(['One.', 'two', 'three'])
    },
  )

  it('are applied to the last two sessions; what is older stays, and is counted', async () => {
    const file = path.join(directory(), 'out.srt')
    const of = (session: number, order: number, text: string, revision = 0) =>
      makeTurn(order, text, { sessionId: `session-${session}`, revision })
    const warnings: unknown[] = []
    const sink = srtSink(file, { names: false })
    sink.on('warning', (warning) => warnings.push(warning))
    const turns = [
      of(1, 0, 'A:one'),
      of(1, 0, 'A:One.', 1),
      of(2, 1, 'A:two'),
      of(3, 2, 'A:three'),
      of(1, 0, 'A:late', 2),
      of(2, 1, 'A:Two.', 1),
      of(4, 3, 'A:four'),
      of(3, 2, 'A:Three.', 1),
    ]
    await pipeline(Readable.from(turns), sink)
    expect(shown(readFileSync(file, 'utf8'))).toEqual(['One.', 'Two.', 'Three.', 'four'])
    expect(warnings).toMatchObject([{ code: 'REVISION_NOT_APPLIED', count: 1 }])
  })

  it('are counted in one warning where the target is a stream', async () => {
    const out = new TextCollector()
    const sink = srtSink(out, { names: false })
    const warnings: unknown[] = []
    sink.on('warning', (warning) => warnings.push(warning))
    const revised = [makeTurn(1, 'A:Two.', { revision: 1 }), makeTurn(1, 'A:Two!', { revision: 2 })]
    await pipeline(
      Readable.from([...three, makeTurn(3, 'A:x B:y'), ...revised, makeTurn(3, 'A:z', { revision: 1 })]),
      sink,
    )
    expect(shown(out.text)).toEqual(['one', 'two', 'three', 'x', 'y'])
    expect(warnings).toMatchObject([{ code: 'REVISION_NOT_APPLIED', count: 3 }])
    expect((warnings[0] as { message: string }).message).toContain('3 cue(s) changed after they had been written')
  })

  it('make the file that the newest turns alone would have made', async () => {
    const words = fc.array(fc.constantFrom('A:yes', 'B:no', 'well', 'A:Right.', 'C:longer-words-too'), {
      maxLength: 12,
    })
    const steps = fc.array(fc.tuple(fc.nat(100), words), { minLength: 1, maxLength: 25 })
    const file = path.join(directory(), 'out.srt')
    const expected = path.join(directory(), 'expected.srt')
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const newest: Turn[] = []
        const all: Turn[] = []
        for (const [pick, text] of list) {
          const again = newest[pick % (newest.length + 1)]
          const order = again?.order ?? newest.length
          const turn = makeTurn(order, text.join(' '), {
            revision: (again?.revision ?? -1) + 1,
            start: order * 4000,
            sessionId: `session-${order >> 5}`,
          })
          newest[order] = turn
          all.push(turn)
        }
        await pipeline(Readable.from(all), srtSink(file))
        await pipeline(Readable.from(newest), srtSink(expected))
        expect(readFileSync(file, 'utf8')).toBe(readFileSync(expected, 'utf8'))
      }),
      { numRuns: runs(40) },
    )
  })

  it('leave the file as it is where it cannot be replaced, and say so', async () => {
    const here = directory()
    const file = path.join(here, 'out.srt')
    const sink = srtSink(file, { names: false })
    const warnings: { message: string }[] = []
    sink.on('warning', (warning: { message: string }) => warnings.push(warning))
    sink.write(makeTurn(0, 'A:one'))
    await untilFileHolds(file, 'one')
    // Without its name it cannot be replaced, but it is not lost.
    renameSync(file, path.join(here, 'moved.srt'))
    sink.end(makeTurn(0, 'A:One.', { revision: 1 }))
    await finished(sink)
    expect(warnings).toMatchObject([{ code: 'REVISION_NOT_APPLIED', count: 1 }])
    expect(warnings[0]?.message).toContain(`cannot write to ${file}`)
    expect(readdirSync(here)).toEqual(['moved.srt'])
    expect(shown(readFileSync(path.join(here, 'moved.srt'), 'utf8'))).toEqual(['one'])
  })
})
