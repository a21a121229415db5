import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { PassThrough, Transform, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import {
  assSink,
  csvSink,
  ctmSink,
  diarize,
  type DiarizeOptions,
  fanOut,
  fileSource,
  jsonlSink,
  lrcSink,
  resample,
  run,
  rttmSink,
  sbvSink,
  srtSink,
  stmSink,
  textSink,
  transcribe,
  ttmlSink,
  vttSink,
  whisperJsonSink,
} from '../../src/index.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { whenComplete } from '../../src/checkpoint/stages.ts'
import type { RunOptions, RunSummary } from '../../src/run.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { reporting } from '../helpers/reporting-engine.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { linesOf, wordsOf, writeTalk } from './talk.ts'

const directory = temporaryDirectories()
const ENDINGS = ['srt', 'vtt', 'ass', 'ttml', 'sbv', 'lrc', 'csv', 'json', 'txt', 'rttm', 'ctm', 'stm', 'jsonl']

/** No cue is cut for the time that a busy machine takes. */
const patient = { maxDelayMs: 10_000 }

type Options = RunOptions & { [whenComplete]?: (summary: RunSummary) => Promise<unknown> }

/** Hears `file`, and writes captions of each format into `folder`; where that is to be ended, slowly enough for it. */
function hear(file: string, folder: string, options: Options = {}, more: DiarizeOptions = {}) {
  const at = (ending: string) => path.join(folder, `talk.${ending}`)
  const sinks = fanOut(
    srtSink(at('srt'), { layout: patient }),
    vttSink(at('vtt'), { layout: patient, colours: true }),
    assSink(at('ass'), { layout: patient }),
    ttmlSink(at('ttml'), { layout: patient }),
    sbvSink(at('sbv'), { layout: patient }),
    lrcSink(at('lrc'), { layout: patient }),
    csvSink(at('csv')),
    whisperJsonSink(at('json')),
    textSink(at('txt')),
    rttmSink(at('rttm')),
    ctmSink(at('ctm')),
    stmSink(at('stm')),
    jsonlSink(at('jsonl')),
  )
  const hearing = diarize({
    engine: puzzled(toneEngine()),
    pace: options.signal === undefined && options.stop === undefined ? 'unpaced' : 20,
    voices: false,
    ...more,
  })
  return run(fileSource(file), resample(), withheldEnd(file, options), hearing, sinks, {
    checkpoint: path.join(folder, 'talk.checkpoint'),
    ...options,
  })
}

/** An engine that says of the silence after each turn that it did not understand it. */
const puzzled = (engine: Engine): Engine =>
  reporting(engine, (listener, { end }) => listener.unrecognized?.({ start: end, end: end + 200, reason: 'noWords' }))

/** Where a run is to be ended, the last three seconds wait for that, however slow or fast the machine is. */
function withheldEnd(file: string, { signal, stop }: RunOptions): Transform {
  const ending = signal ?? stop
  let left = statSync(file).size - 96_000
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      left -= chunk.length
      const pass = (): void => done(null, chunk)
      if (left > 0 || ending === undefined || ending.aborted) pass()
      else ending.addEventListener('abort', pass, { once: true })
    },
  })
}

const text = (folder: string, ending: string): string => readFileSync(path.join(folder, `talk.${ending}`), 'utf8')

/** Aborts as soon as so many turns are in the checkpoint. */
async function abortAt(turns: number, folder: string, controller: AbortController): Promise<void> {
  for (;;) {
    const checkpoint = await readCheckpoint(path.join(folder, 'talk.checkpoint'))
    if (checkpoint !== undefined && checkpoint.nextOrder >= turns) return controller.abort()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const words = toneScript({ seed: 22, duration: 60_000, speakers: 3, turnWords: [1, 12] })

describe('a run with a checkpoint', () => {
  it('goes on as if it had never ended, however often it does', async () => {
    const [whole, parts] = [directory(), directory()]
    const talk = path.join(whole, 'talk.wav')
    writeTalk(talk, words)
    const once = await hear(talk, whole)
    expect(once.gaps).toEqual([])
    expect(existsSync(path.join(whole, 'talk.checkpoint'))).toBe(false)
    for (const turns of [2, 6, 9]) {
      const controller = new AbortController()
      const aborted = abortAt(turns, parts, controller)
      await expect(hear(talk, parts, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' })
      await aborted
    }
    const summary = await hear(talk, parts)
    expect(existsSync(path.join(parts, 'talk.checkpoint'))).toBe(false)
    expect(wordsOf(path.join(parts, 'talk.jsonl'))).toEqual(wordsOf(path.join(whole, 'talk.jsonl')))
    for (const ending of ENDINGS.slice(0, -1)) expect(text(parts, ending)).toBe(text(whole, ending))
    // Each run that was cut off had none, and that which was told to stop has had its own cut off.
    const ends = (folder: string) => linesOf(path.join(folder, 'talk.jsonl')).filter(({ type }) => type === 'summary')
    expect(ends(parts)).toEqual(ends(whole))
    expect(ends(parts)).toHaveLength(1)
    expect(linesOf(path.join(parts, 'talk.jsonl')).at(-1)?.type).toBe('summary')
    const missed = (folder: string) =>
      linesOf(path.join(folder, 'talk.jsonl')).flatMap(({ type, start }) => (type === 'unrecognized' ? [start] : []))
    expect(missed(parts)).toEqual(missed(whole))
    expect(missed(whole)).toHaveLength(once.turns)
    const orders = (folder: string) =>
      linesOf(path.join(folder, 'talk.jsonl')).flatMap(({ type, order }) => (type === 'turn' ? [order] : []))
    expect(orders(parts)).toEqual(orders(whole))
    expect({ ...summary, elapsedMs: 0, audioMs: 0 }).toEqual({ ...once, elapsedMs: 0, audioMs: 0 })
  })

  it('is refused while another runs with its checkpoint, which then goes on', async () => {
    const folder = directory()
    const talk = path.join(folder, 'talk.wav')
    writeTalk(talk, words.slice(0, 60))
    const controller = new AbortController()
    const first = hear(talk, folder, { signal: controller.signal })
    first.catch(() => {})
    while (((await readCheckpoint(path.join(folder, 'talk.checkpoint')))?.nextOrder ?? 0) < 2)
      await new Promise((resolve) => setTimeout(resolve, 5))
    const inUse = { code: 'CHECKPOINT_IN_USE', pid: process.pid, retryable: true }
    await expect(hear(talk, folder)).rejects.toMatchObject(inUse)
    // The other goes on to write.
    while (((await readCheckpoint(path.join(folder, 'talk.checkpoint')))?.nextOrder ?? 0) < 4)
      await new Promise((resolve) => setTimeout(resolve, 5))
    controller.abort()
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    await hear(talk, folder)
    const heard = wordsOf(path.join(folder, 'talk.jsonl')).map(({ word }) => word)
    expect(heard).toEqual(words.slice(0, 60).map(({ word }) => word))
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('keeps it where what belongs to its end fails, and does that again', async () => {
    const folder = directory()
    const talk = path.join(folder, 'talk.wav')
    writeTalk(talk, words.slice(0, 30))
    const failing = { [whenComplete]: () => Promise.reject(new Error('no video')) }
    await expect(hear(talk, folder, failing)).rejects.toThrow('no video')
    expect(existsSync(path.join(folder, 'talk.checkpoint'))).toBe(true)
    const before = ENDINGS.map((ending) => text(folder, ending))
    let turns = 0
    const ending = { [whenComplete]: (summary: RunSummary) => Promise.resolve(void (turns = summary.turns)) }
    await hear(talk, folder, ending)
    expect(turns).toBe(linesOf(path.join(folder, 'talk.jsonl')).filter(({ type }) => type === 'turn').length)
    expect(ENDINGS.slice(0, -1).map((one) => text(folder, one))).toEqual(before.slice(0, -1))
    expect(wordsOf(path.join(folder, 'talk.jsonl')).map(({ word }) => word)).toEqual(
      words.slice(0, 30).map(({ word }) => word),
    )
    expect(existsSync(path.join(folder, 'talk.checkpoint'))).toBe(false)
  })

  it('keeps it where the input is cut short meanwhile, and goes on once that is back', async () => {
    const folder = directory()
    const talk = path.join(folder, 'talk.wav')
    writeTalk(talk, words.slice(0, 30))
    const [bytes, { atime, mtime }] = [readFileSync(talk), statSync(talk)]
    const cut = { [whenComplete]: () => Promise.resolve(truncateSync(talk, 100_000)) }
    await hear(talk, folder, cut)
    expect(existsSync(path.join(folder, 'talk.checkpoint'))).toBe(true)
    await expect(hear(talk, folder)).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' })
    writeFileSync(talk, bytes)
    utimesSync(talk, atime, mtime)
    await hear(talk, folder)
    expect(existsSync(path.join(folder, 'talk.checkpoint'))).toBe(false)
    expect(wordsOf(path.join(folder, 'talk.jsonl')).map(({ word }) => word)).toEqual(
      words.slice(0, 30).map(({ word }) => word),
    )
  })

  it('keeps the checkpoint at a stop, and cuts off what was heard then', async () => {
    const [whole, parts] = [directory(), directory()]
    const talk = path.join(whole, 'talk.wav')
    writeTalk(talk, words.slice(0, 60))
    await hear(talk, whole)
    const controller = new AbortController()
    const aborted = abortAt(2, parts, controller)
    const stopped = await hear(talk, parts, { stop: controller.signal })
    await aborted
    expect(stopped.audioMs).toBeLessThan(words[59]!.start)
    expect(existsSync(path.join(parts, 'talk.checkpoint'))).toBe(true)
    const kinds = () => linesOf(path.join(parts, 'talk.jsonl')).map(({ type }) => type)
    expect(kinds().at(-1)).toBe('summary')
    await hear(talk, parts)
    expect(kinds().filter((type) => type === 'summary')).toHaveLength(1)
    expect(kinds().at(-1)).toBe('summary')
    for (const ending of ENDINGS.slice(0, -1)) expect(text(parts, ending)).toBe(text(whole, ending))
    expect(wordsOf(path.join(parts, 'talk.jsonl'))).toEqual(wordsOf(path.join(whole, 'talk.jsonl')))
  })

  it('refuses another input, other options, and outputs that were cut off, and touches nothing', async () => {
    const folder = directory()
    const talk = path.join(folder, 'talk.wav')
    writeTalk(talk, words.slice(0, 60))
    const controller = new AbortController()
    const aborted = abortAt(2, folder, controller)
    await expect(hear(talk, folder, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' })
    await aborted
    const before = ENDINGS.map((ending) => text(folder, ending))
    const other = path.join(folder, 'other.wav')
    writeTalk(other, words.slice(0, 50))
    const mismatch = (difference: string) => ({ code: 'CHECKPOINT_MISMATCH', difference })
    await expect(hear(other, folder)).rejects.toMatchObject(mismatch('input'))
    await expect(hear(talk, folder, {}, { parameters: { maxSpeakers: 2 } })).rejects.toMatchObject(mismatch('options'))
    const checkpoint = path.join(folder, 'talk.checkpoint')
    const single = run(
      fileSource(talk),
      resample(),
      diarize({ engine: toneEngine() }),
      srtSink(path.join(folder, 'talk.srt')),
      { checkpoint },
    )
    await expect(single).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' })
    expect(ENDINGS.map((ending) => text(folder, ending))).toEqual(before)
    const lines = path.join(folder, 'talk.jsonl')
    truncateSync(lines, 10)
    await expect(hear(talk, folder)).rejects.toMatchObject(mismatch('outputs'))
    writeFileSync(checkpoint, 'no checkpoint')
    await expect(hear(talk, folder)).rejects.toMatchObject({ code: 'CHECKPOINT_UNREADABLE', file: checkpoint })
  })

  it('begins anew where nothing was heard yet, though the input has been mended since', async () => {
    const folder = directory()
    const talk = path.join(folder, 'talk.wav')
    writeFileSync(talk, 'half of a copy')
    await expect(hear(talk, folder)).rejects.toMatchObject({ code: 'INPUT_NOT_MEDIA' })
    expect(await readCheckpoint(path.join(folder, 'talk.checkpoint'))).toMatchObject({ reachedMs: 0 })
    writeTalk(talk, words.slice(0, 20))
    await hear(talk, folder)
    expect(wordsOf(path.join(folder, 'talk.jsonl'))).toHaveLength(20)
  })

  it('is refused where the stages cannot go on', async () => {
    const folder = directory()
    const talk = path.join(folder, 'talk.wav')
    writeTalk(talk, words.slice(0, 4))
    const checkpoint = path.join(folder, 'talk.checkpoint')
    const srt = () => srtSink(path.join(folder, 'talk.srt'))
    const engine = toneEngine()
    const own = new Writable({ objectMode: true, write: (_turn, _encoding, done) => done() })
    const between = new PassThrough({ objectMode: true })
    const file = () => fileSource(talk)
    const pipe = path.join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const pipelines = [
      [[file(), resample(), diarize({ engine }), fanOut(srt(), own)], 'each sink must be one of this library'],
      [[file(), resample(), diarize({ engine }), srtSink(new PassThrough())], 'each sink must be one of this library'],
      [[file(), resample(), diarize({ engine }), between, srt()], 'nothing may stand between diarize() and the sink'],
      [[file(), resample(), diarize({ engine, parallel: 2 }), srt()], 'parallel gives all turns at the end'],
      [[fileSource('-'), resample(), diarize({ engine }), srt()], 'its source cannot be opened again'],
      [[fileSource(pipe), resample(), diarize({ engine }), srt()], 'its source cannot be opened again'],
      [[file(), resample(), transcribe({ apiKey: 'any-key' }), srt()], 'transcribe() begins anew'],
    ] as const
    for (const [stages, why] of pipelines) {
      const failed = run([...stages], { checkpoint })
      await expect(failed).rejects.toMatchObject({
        code: 'INVALID_PIPELINE',
        message: expect.stringContaining(why) as string,
      })
    }
    await expect(
      run(file(), resample(), diarize({ engine }), srt(), { checkpoint: path.join(folder, 'talk.srt') }),
    ).rejects.toThrow('give the checkpoint a file of its own')
    expect(existsSync(checkpoint)).toBe(false)
  })
})
