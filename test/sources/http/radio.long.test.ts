import { buffer } from 'node:stream/consumers'
import { beforeAll, expect, it } from 'vitest'
import type { SourceGap } from 'diarize-stream'
import { httpSource } from '../../../src/sources/http/source.ts'
import { requestFormat, type UpstreamStage } from '../../../src/stage.ts'
import { mono16k } from './helpers.ts'
import { EVERY, programme, type Programme, station, tonesIn, type Trouble } from './station.ts'

/** What a station says after it was away stands where its clock puts it, to so many ms. */
const TRUE_WITHIN = 100
/** A gap may be so many ms longer or shorter than what was not sent: frames and pages are sent whole. */
const GAP_WITHIN = 1000

const troubles: Record<string, Trouble> = {
  '5 s are gone with the connection': { at: 6000, for: 5000, how: 'drop' },
  '15 s are gone with the connection': { at: 6000, for: 15_000, how: 'drop' },
  // Not 15 s, when a third connection would be made: by whether it was in time, its burst would say what was missing.
  '14 s are gone, and the connection stays': { at: 6000, for: 14_000, how: 'stall' },
  '3 s are gone, and the connection stays': { at: 6000, for: 3000, how: 'stall' },
}
const kinds = ['mp3', 'aac', 'ogg', 'opus'] as const
const rows = kinds.flatMap((kind, at) =>
  Object.keys(troubles).map((what, index) => ({ kind, what, burst: (at + index) % 2 === 0 ? 0 : 2500 })),
)
type Row = (typeof rows)[number]

/** Hears a station for 4 s more than its trouble lasts; says how far off tones are from where the first one puts them. */
async function hear(sent: Programme, { what, burst }: Row) {
  const trouble = troubles[what]!
  const radio = await station(sent, trouble, burst)
  const source: UpstreamStage = httpSource(radio.url, {
    retryDelay: 100,
    maxRetryDelay: 500,
    stallTimeout: 5000,
    maxDuration: trouble.at + trouble.for + 4000 + burst,
  })
  source[requestFormat]?.(mono16k)
  const gaps: SourceGap[] = []
  source.on('gap', (gap: SourceGap) => gaps.push(gap))
  const wav = await buffer(source)
  const tones = tonesIn(wav.subarray(44)).map(({ tone, at }) => at - (tone * EVERY - radio.first()))
  await radio.close()
  // What the last burst says was not missed where it was sent in time.
  const missing = trouble.for - (trouble.how === 'drop' ? burst : 0)
  return { off: tones.map((ms) => Math.round(ms - tones[0]!)), gaps, missing }
}

const programmes = new Map<string, Programme>()
const heard = new Map<Row, Awaited<ReturnType<typeof hear>>>()
beforeAll(async () => {
  for (const kind of kinds) programmes.set(kind, await programme(kind, 40))
  const waiting = [...rows]
  const listen = async (): Promise<void> => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      heard.set(row, await hear(programmes.get(row.kind)!, row))
    }
  }
  // More at a time would have to wait for one another's FFmpeg, and be late by that.
  await Promise.all(Array.from({ length: 4 }, listen))
}, 300_000)

it.each(rows)('a station of $kind, which sends $burst ms at once, of which $what', (row) => {
  const { off, gaps, missing } = heard.get(row)!
  console.log(row.kind, row.what, row.burst, off.join(' '), JSON.stringify(gaps))
  expect(off.length).toBeGreaterThan(8)
  expect(Math.max(...off.map(Math.abs))).toBeLessThan(TRUE_WITHIN)
  expect(gaps).toHaveLength(1)
  expect(Math.abs(gaps[0]!.missing - missing)).toBeLessThan(GAP_WITHIN)
})
