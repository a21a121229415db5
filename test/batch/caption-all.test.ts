import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import path from 'node:path'
import { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { captionAll, type CaptionAllOptions } from '../../src/batch/caption-all.ts'
import type { CaptionResult } from '../../src/batch/caption-one.ts'
import type { CaptionInput } from '../../src/batch/inputs.ts'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { toneEngine } from '../../src/testing/tone-engine.ts'
import { diarize } from '../../src/transforms/diarize.ts'
import { resample } from '../../src/transforms/resample.ts'
import { noChildLeft } from '../helpers/processes.ts'
import { writeTalk } from '../checkpoint/talk.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { filesIn, wordsIn, wordsOf, writeRecording } from './recordings.ts'

const directory = temporaryDirectories()
afterEach(() => noChildLeft())

const hearing = { stages: () => [resample(), diarize({ engine: toneEngine() })] } satisfies CaptionAllOptions

async function resultsOf(inputs: readonly CaptionInput[], options: CaptionAllOptions): Promise<CaptionResult[]> {
  const results: CaptionResult[] = []
  for await (const result of captionAll(inputs, { ...hearing, ...options })) results.push(result)
  return results.toSorted((a, b) => a.job.index - b.job.index)
}

function statuses(results: readonly CaptionResult[]): string[] {
  return results.map(({ job, status }) => `${path.basename(job.input)} ${status}`)
}

/** Recordings 0 to `count - 1` in a folder `v`, those in `broken` no media. */
function folderOf(count: number, broken: readonly number[] = []): string {
  const root = directory()
  for (let at = 0; at < count; at++) {
    const file = path.join(root, 'v', at % 2 === 0 ? '' : 'odd', `${at}.wav`)
    writeRecording(file, at)
    if (broken.includes(at)) writeFileSync(file, 'this is no recording at all')
  }
  return root
}

describe('captionAll', () => {
  it('captions a folder with broken files in it, and the second time those only', async () => {
    const root = folderOf(12, [3, 4, 9])
    const options = {
      outputDir: path.join(root, 'out'),
      formats: ['srt', 'jsonl'],
      existing: 'skip',
      jobs: 3,
      continueOnError: true,
    } as const
    const first = await resultsOf([path.join(root, 'v')], options)
    expect(first.filter(({ status }) => status === 'failed').map(({ job }) => path.basename(job.input))).toEqual(
      expect.arrayContaining(['3.wav', '4.wav', '9.wav']),
    )
    expect(first.filter(({ status }) => status === 'done')).toHaveLength(9)
    const whole = [0, 1, 2, 5, 6, 7, 8, 10, 11]
    const place = (at: number): string => path.join('v', at % 2 === 0 ? '' : 'odd', String(at))
    expect(filesIn(options.outputDir)).toEqual(
      whole.flatMap((at) => [`${place(at)}.jsonl`, `${place(at)}.srt`]).toSorted(),
    )
    for (const at of whole) expect(wordsIn(path.join(options.outputDir, `${place(at)}.srt`))).toEqual(wordsOf(at))

    for (const at of [3, 4, 9]) writeRecording(path.join(root, `${place(at)}.wav`), at)
    const begun: string[] = []
    const second = await resultsOf([path.join(root, 'v')], {
      ...options,
      onBegin: ({ input }) => begun.push(path.basename(input)),
    })
    expect(begun.toSorted()).toEqual(['3.wav', '4.wav', '9.wav'])
    expect(second.filter(({ status }) => status === 'skipped')).toHaveLength(9)
    for (const at of [3, 4, 9]) expect(wordsIn(path.join(options.outputDir, `${place(at)}.srt`))).toEqual(wordsOf(at))
  })

  it('never has more under way than it may, nor goes on where nobody takes results', async () => {
    const root = folderOf(6)
    let begun = 0
    const options = { ...hearing, outputDir: path.join(root, 'out'), jobs: 2, onBegin: () => (begun += 1) }
    const all = captionAll([path.join(root, 'v')], options)
    await all.next()
    await expect.poll(() => filesIn(options.outputDir).filter((file) => file.endsWith('.srt'))).toHaveLength(2)
    // The second is done, too, and waits.
    expect(begun).toBe(2)
    await all.next()
    await expect.poll(() => begun).toBe(3)
    await all.return()
    expect(begun).toBe(3)
  })

  it('shares nothing of one input with another, and tells how far each is', async () => {
    const root = folderOf(4)
    const told = new Map<string, number>()
    const results = await resultsOf([path.join(root, 'v')], {
      jobs: 4,
      outputDir: path.join(root, 'out'),
      onProgress: ({ input }, { audioMs }) => told.set(path.basename(input), audioMs),
    })
    expect(Object.fromEntries(told)).toEqual({ '0.wav': 2000, '1.wav': 2000, '2.wav': 2000, '3.wav': 2000 })
    for (const result of results) {
      expect(result.status === 'done' && result.summary.speakers).toEqual(['A', 'B'])
      expect(result.files).toEqual(result.job.outputs.map((output) => output.path))
    }
  })

  it('begins nothing more after a failure, where it is not told to go on', async () => {
    const root = folderOf(4, [0])
    const results = await resultsOf(
      [0, 2].map((at) => path.join(root, `v/${at}.wav`)),
      { outputDir: path.join(root, 'out') },
    )
    expect(statuses(results)).toEqual(['0.wav failed'])
    expect(results[0]).toMatchObject({ error: { code: 'INPUT_NOT_MEDIA' }, files: [], partFiles: [] })
  })

  it('begins nothing more where all others would fail in the same way', async () => {
    const root = folderOf(3)
    const key = process.env['ASSEMBLYAI_API_KEY']
    delete process.env['ASSEMBLYAI_API_KEY']
    const stages = () => [resample(), diarize({ engine: 'assemblyai' })]
    const results = await resultsOf([path.join(root, 'v')], { continueOnError: true, stages })
    if (key !== undefined) process.env['ASSEMBLYAI_API_KEY'] = key
    expect(results).toHaveLength(1)
    expect(results[0]).toMatchObject({ status: 'failed', error: { code: 'MISSING_API_KEY' } })
    expect(filesIn(root).filter((file) => !file.endsWith('.wav'))).toEqual([])
  })

  it('reports an output that cannot be opened, and does the rest', async () => {
    const root = folderOf(3)
    const out = path.join(root, 'out')
    mkdirSync(path.join(out, 'v/odd/1.srt.part'), { recursive: true })
    for (const formats of [['srt'], ['vtt', 'srt']] as const) {
      const results = await resultsOf([path.join(root, 'v')], { outputDir: out, formats, continueOnError: true })
      expect(statuses(results).toSorted()).toEqual(['0.wav done', '1.wav failed', '2.wav done'])
      const failed = results.find(({ status }) => status === 'failed')
      expect(failed).toMatchObject({
        error: { code: 'OUTPUT_UNWRITABLE', target: expect.stringContaining('1.srt.part') as string },
      })
      for (const name of ['0.srt', '2.srt']) rmSync(path.join(out, 'v', name))
    }
  })

  it('reports what a list names that is not there, and does the rest', async () => {
    const root = folderOf(3)
    writeFileSync(path.join(root, 'list.txt'), 'v/0.wav\nv/gone.wav\nv/2.wav\n')
    const results = await resultsOf([path.join(root, 'list.txt')], { continueOnError: true })
    expect(statuses(results)).toEqual(['0.wav done', 'gone.wav failed', '2.wav done'])
    expect(results[1]).toMatchObject({ error: { code: 'INPUT_NOT_FOUND' } })
    expect(wordsIn(path.join(root, 'v/2.srt'))).toEqual(wordsOf(2))
  })

  it('refuses to replace anything, and begins nothing then', async () => {
    const root = folderOf(3)
    writeFileSync(path.join(root, 'v/2.srt'), 'mine')
    let begun = 0
    const options = { onBegin: () => (begun += 1) }
    await expect(resultsOf([path.join(root, 'v')], options)).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      target: path.join(root, 'v/2.srt'),
    })
    expect([begun, readFileSync(path.join(root, 'v/2.srt'), 'utf8')]).toEqual([0, 'mine'])
    await resultsOf([path.join(root, 'v/2.wav')], { existing: 'overwrite' })
    expect(wordsIn(path.join(root, 'v/2.srt'))).toEqual(wordsOf(2))
  })

  it('makes only the format that is missing', async () => {
    const root = folderOf(1)
    const input = path.join(root, 'v/0.wav')
    await resultsOf([input], {})
    utimesSync(path.join(root, 'v/0.srt'), 1, 1)
    const [result] = await resultsOf([input], { formats: ['srt', 'vtt'], existing: 'skip' })
    expect(result).toMatchObject({ status: 'done', files: [path.join(root, 'v/0.vtt')] })
    expect(statSync(path.join(root, 'v/0.srt')).mtimeMs).toBe(1000)
  })

  it('ends where it is told to, with the last words in parts that nobody takes for whole', async () => {
    const root = directory()
    for (const at of [1, 2, 3]) writeRecording(path.join(root, `${at}.wav`), at, 60)
    const stop = new AbortController()
    const engine = toneEngine({ fasterThanRealTime: false })
    const inputs = [1, 2, 3].map((at) => path.join(root, `${at}.wav`))
    const results = await resultsOf(inputs, {
      jobs: 2,
      existing: 'skip',
      stop: stop.signal,
      stages: () => [resample(), diarize({ engine })],
      onProgress: (_job, { turns }) => {
        if (turns > 0) stop.abort()
      },
    })
    expect(statuses(results)).toEqual(['1.wav stopped', '2.wav stopped'])
    expect(filesIn(root).filter((file) => file.endsWith('.srt'))).toEqual([])
    const parts = results.flatMap((result) => (result.status === 'stopped' ? result.partFiles : []))
    expect(parts.length).toBeGreaterThan(0)
    const [part = ''] = parts
    expect(wordsIn(part).length).toBeGreaterThan(0)

    const again = await resultsOf(inputs, { existing: 'skip' })
    expect(statuses(again)).toEqual(['1.wav done', '2.wav done', '3.wav done'])
    expect(filesIn(root)).toEqual(['1.srt', '1.wav', '2.srt', '2.wav', '3.srt', '3.wav'])
    for (const at of [1, 2, 3]) expect(wordsIn(path.join(root, `${at}.srt`))).toEqual(wordsOf(at))
  })

  it('has Node warn of nothing where many are under way', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    try {
      const results = await resultsOf([path.join(folderOf(12), 'v')], { jobs: 12 })
      expect(results.filter(({ status }) => status === 'done')).toHaveLength(12)
    } finally {
      process.off('warning', note)
    }
    expect(warnings).toEqual([])
  })

  it('is aborted whole', async () => {
    const root = directory()
    const inputs = [1, 2, 3].map((at) => writeRecording(path.join(root, `${at}.wav`), at, 60))
    const abort = new AbortController()
    const engine = toneEngine({ fasterThanRealTime: false })
    const running = resultsOf(inputs, {
      jobs: 2,
      signal: abort.signal,
      stages: () => [resample(), diarize({ engine })],
      onProgress: (_job, { turns }) => {
        if (turns > 0) abort.abort('why')
      },
    })
    const aborted = { name: 'AbortError', code: 'ABORT_ERR', cause: 'why' }
    await expect(running).rejects.toMatchObject(aborted)
    expect(engine.live).toBe(0)
    await noChildLeft()
    expect(filesIn(root).filter((file) => file.endsWith('.srt') || path.basename(file).startsWith('.'))).toEqual([])
    await expect(captionAll(inputs, { signal: abort.signal }).next()).rejects.toMatchObject(aborted)
  })

  it('closes what was made where a stage cannot be', async () => {
    const root = folderOf(1)
    const made: Duplex[] = []
    const [result] = await resultsOf([path.join(root, 'v/0.wav')], {
      stages: () => {
        made.push(resample())
        throw new Error('no such engine')
      },
    })
    expect(result).toMatchObject({ status: 'failed', error: { message: 'no such engine' } })
    expect(filesIn(root)).toEqual(['v/0.wav'])
  })

  it('does not write what another is writing', async () => {
    const root = folderOf(1)
    const input = path.join(root, 'v/0.wav')
    let second: CaptionResult[] = []
    const stages = async (): Promise<void> => void (second = await resultsOf([input], {}))
    const [first] = await resultsOf([input], { onProgress: stages })
    expect(first?.status).toBe('done')
    expect(wordsIn(path.join(root, 'v/0.srt'))).toEqual(wordsOf(0))
    expect(second[0]).toMatchObject({ status: 'failed', error: { code: 'OUTPUT_UNWRITABLE' } })
  })

  it.each([
    [{ jobs: 0 }, 'jobs, when given, must be an integer from 1 to 100; got 0'],
    [{ formats: [] }, 'formats, when given, must be an array of different formats; got an array of 0'],
    [{ formats: ['doc'] }, "formats, when given, must be 'srt', "],
    [{ existing: 'keep' }, "existing, when given, must be 'refuse', 'skip' or 'overwrite'; got 'keep'"],
    [{ onPlan: 1 }, 'onPlan, when given, must be a function; got 1'],
    [{ job: 1 }, 'captionAll() has no option job; it has outputDir, '],
    [{ layout: 'nice' }, 'layout.preset'],
    [{ source: { audioTrack: -1 } }, 'audioTrack'],
  ])('refuses %j', (options, message) => {
    expect(() => captionAll(['a.mp4'], options as CaptionAllOptions)).toThrow(message)
  })

  it('goes on with inputs that were cut off, and leaves no checkpoint', async () => {
    const root = directory()
    const words = toneScript({ seed: 9, duration: 30_000, speakers: 2, turnWords: [1, 8] })
    writeTalk(path.join(root, 'talk.wav'), words)
    writeRecording(path.join(root, 'short.wav'), 1)
    const inputs = ['short.wav', 'talk.wav'].map((name) => path.join(root, name))
    const options = (outputDir: string) =>
      ({ outputDir, formats: ['srt', 'jsonl'], existing: 'skip', resume: true }) as const
    await resultsOf(inputs, options(path.join(root, 'whole')))

    const out = path.join(root, 'parts')
    const checkpoint = path.join(out, 'talk.srt.part.checkpoint')
    const controller = new AbortController()
    const slow = () => [resample(), diarize({ engine: toneEngine(), pace: 10, voices: false })]
    const onProgress = async (): Promise<void> => {
      const { nextOrder = 0 } = (await readCheckpoint(checkpoint)) ?? {}
      if (nextOrder > 1) controller.abort()
    }
    const cut = resultsOf(inputs, { ...options(out), stages: slow, signal: controller.signal, onProgress })
    await expect(cut).rejects.toMatchObject({ name: 'AbortError' })
    const before = await readCheckpoint(checkpoint)
    expect(before?.nextOrder).toBeGreaterThan(1)

    const again = await resultsOf(inputs, {
      ...options(out),
      stages: () => [resample(), diarize({ engine: toneEngine(), voices: false })],
    })
    expect(statuses(again)).toEqual(['short.wav skipped', 'talk.wav done'])
    expect(filesIn(out)).toEqual(filesIn(path.join(root, 'whole')))
    const [whole, parts] = ['whole', 'parts'].map((name) => wordsIn(path.join(root, name, 'talk.srt')))
    expect(whole).toEqual(words.map(({ word }) => word))
    expect(parts).toEqual(whole)
    const sessionsIn = (name: string) =>
      readFileSync(path.join(root, name, 'talk.jsonl'), 'utf8').match(/"type":"session"/g)?.length
    expect(sessionsIn('parts')).toBeGreaterThan(sessionsIn('whole')!)
  })

  it.each([true, false])('captions files with names of any length (resume: %s)', async (resume) => {
    const root = directory()
    // As long as names can be, and so long that the output has room for one ending, and not for two.
    const names = [`${'a'.repeat(251)}.wav`, `${'\u9577'.repeat(80)}.wav`]
    for (const name of names) writeRecording(path.join(root, 'v', name), 1)
    const out = path.join(root, 'out')
    const options = { outputDir: out, resume, existing: 'skip', continueOnError: true } as const
    expect(statuses(await resultsOf([path.join(root, 'v')], options))).toEqual(names.map((name) => `${name} done`))
    expect(filesIn(path.join(out, 'v'))).toEqual(names.map((name) => name.replace('.wav', '.srt')))
    for (const name of filesIn(out)) expect(wordsIn(path.join(out, name))).toEqual(wordsOf(1))
  })

  it('removes the locks of a run that was killed after its last output', async () => {
    const root = folderOf(1)
    const options = { formats: ['srt', 'vtt'], existing: 'skip' } as const
    await resultsOf([path.join(root, 'v')], options)
    const whole = filesIn(root)
    const left = path.join(root, 'v', '.0.vtt.diarize-stream.lock')
    writeFileSync(
      left,
      JSON.stringify({ pid: process.pid, host: hostname(), started: 1, token: 'of a former process' }),
    )
    expect(filesIn(root)).toHaveLength(whole.length + 1)
    expect(statuses(await resultsOf([path.join(root, 'v')], options))).toEqual(['0.wav skipped'])
    expect(filesIn(root)).toEqual(whole)
  })

  it('refuses nothing to do', () => {
    expect(() => captionAll([])).toThrow('captionAll() needs an array with at least one input')
  })
})
