import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { vttSink } from '../../src/sinks/vtt.ts'
import { exampleTurn, makeTurn } from '../captions/example-turn.ts'
import { parseVtt } from '../captions/parsers.ts'
import { temporaryDirectories, TextCollector } from './temporary.ts'

const directory = temporaryDirectories()

describe('vttSink', () => {
  it('writes a valid file with the voice on every cue', async () => {
    const file = path.join(directory(), 'out.vtt')
    await pipeline(Readable.from([exampleTurn()]), vttSink(file, { speakers: { B: 'Bob' } }))
    const { errors, cues } = parseVtt(readFileSync(file, 'utf8'))
    expect(errors).toEqual([])
    expect(cues.map(({ voice, text }) => [voice, text])).toEqual([
      ['Speaker A', 'Yeah. Different things\nthe way they are said here'],
      ['Speaker A', "than in contrast to the way they'd be said\nin other countries. Yeah."],
      ['Bob', "Your Colombian Spanish won't work."],
      ['Speaker A', 'Uh, no.'],
      ['Speaker A', 'And she said she could— when I—'],
    ])
  })

  it('leaves the voices out on request, and where nobody could be named', async () => {
    const bare = new TextCollector()
    await pipeline(Readable.from([exampleTurn()]), vttSink(bare, { names: false }))
    expect(bare.text).not.toContain('<v')
    const nobody = new TextCollector()
    await pipeline(Readable.from([makeTurn(0, 'who')]), vttSink(nobody))
    expect(nobody.text).toBe('WEBVTT\n\n1\n00:00:00.000 --> 00:00:00.833\nwho\n\n')
  })

  it('writes the header once, together with the first cue', async () => {
    const out = new TextCollector()
    await pipeline(Readable.from([makeTurn(0, 'A:one'), makeTurn(1, 'A:two')]), vttSink(out))
    expect(out.writes).toBe(2)
    expect(out.text.match(/WEBVTT/g)).toHaveLength(1)
  })

  it('writes nothing but the header where nothing was said', async () => {
    const file = path.join(directory(), 'silence.vtt')
    await pipeline(Readable.from([makeTurn(0, '', { transcript: '' })]), vttSink(file))
    expect(readFileSync(file, 'utf8')).toBe('WEBVTT\n\n')
    const out = new TextCollector()
    await pipeline(Readable.from([]), vttSink(out))
    expect(out.text).toBe('WEBVTT\n\n')
  })

  it('leaves nothing where the pipeline failed before the first cue', async () => {
    const here = directory()
    // oxlint-disable-next-line require-yield
    const failing = (async function* () {
      await Promise.resolve()
      throw new Error('upstream failed')
    })()
    await expect(pipeline(failing, vttSink(path.join(here, 'x.vtt')))).rejects.toThrow('upstream failed')
    expect(readdirSync(here)).toEqual([])
  })

  it('keeps the header once when it is rewritten', async () => {
    const file = path.join(directory(), 'out.vtt')
    const turns = [makeTurn(0, 'A:one'), makeTurn(1, 'A:two'), makeTurn(0, 'B:One.', { revision: 1 })]
    await pipeline(Readable.from(turns), vttSink(file))
    const { errors, cues } = parseVtt(readFileSync(file, 'utf8'))
    expect(errors).toEqual([])
    expect(cues.map(({ voice, text }) => [voice, text])).toEqual([
      ['Speaker B', 'One.'],
      ['Speaker A', 'two'],
    ])
  })

  it('keeps the header once when revisions come over many sessions', async () => {
    const file = path.join(directory(), 'out.vtt')
    const turns = Array.from({ length: 12 }, (_, order) => {
      const sessionId = `session-${order >> 1}`
      return [0, 1].map((revision) => makeTurn(order, `A:turn-${order}-${revision}`, { sessionId, revision }))
    }).flat()
    await pipeline(Readable.from(turns), vttSink(file))
    const text = readFileSync(file, 'utf8')
    expect(text.match(/WEBVTT/g)).toHaveLength(1)
    const { errors, cues } = parseVtt(text)
    expect(errors).toEqual([])
    expect(cues.map((cue) => cue.text)).toEqual(Array.from({ length: 12 }, (_, order) => `turn-${order}-1`))
  })
})
