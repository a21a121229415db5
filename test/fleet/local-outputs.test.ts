import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, it } from 'vitest'
import { type Checkpoint, formatCheckpoint, readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { TakeOver } from '../../src/fleet/job-outputs.ts'
import type { FleetOutput } from '../../src/fleet/jobs.ts'
import { LocalOutputs } from '../../src/fleet/local-outputs.ts'
import { srtSink } from '../../src/sinks/caption-sinks.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()

/** What a job takes over in a folder of its own. */
function jobIn(folder: string): (epoch: number, more?: Partial<TakeOver>) => Promise<LocalOutputs> {
  const outputs = [{ format: 'srt', path: path.join(folder, 'talk.srt') }] as const
  const given = { stream: 'job', outputs, directory: folder, part: 'all', isRecording: true }
  return (epoch, more = {}) => LocalOutputs.takeOver({ ...given, epoch, ...more })
}

const output = { format: 'srt', path: '' } as const

/** A checkpoint after which the first `bytes` of a file stay. */
function checkpointOf(file: string, bytes: number): string {
  const checkpoint: Checkpoint = {
    input: { kind: 'file' },
    stages: { 'diarize()': 'a', [`srtSink() ${file}`]: 'b' },
    outputs: { [file]: { order: 3, bytes, blocks: 2, cuts: [] } },
    live: false,
    savedAt: 1,
    reachedMs: 5000,
    nextOrder: 7,
    totals: { turns: 3, speakers: ['A'], languages: {} },
    gaps: [],
    turns: [],
    voices: new Map(),
  }
  return formatCheckpoint(checkpoint)
}

it('gives what is certain to the next epoch, in a folder of its own, and the files their names at last', async () => {
  const folder = directory()
  const takeOver = jobIn(folder)
  const first = await takeOver(5)
  const before = first.pathOf(output)
  writeFileSync(before, 'certain, and the rest')
  writeFileSync(first.checkpoint, checkpointOf(before, 8))
  const second = await takeOver(6)
  const after = second.pathOf(output)
  expect(after).not.toBe(before)
  expect(readFileSync(after, 'utf8')).toBe('certain,')
  await second.prepare([srtSink(after)])
  expect(existsSync(before)).toBe(false)
  const { outputs, stages, nextOrder } = (await readCheckpoint(second.checkpoint))!
  expect(outputs).toEqual({ [after]: { order: 3, bytes: 8, blocks: 2, cuts: [] } })
  expect(Object.keys(stages)).toEqual(['diarize()', `srtSink() ${after}`])
  expect(nextOrder).toBe(7)
  // Who looks for what is made finds it by its name to be.
  expect(readFileSync(path.join(folder, 'talk.srt.part'), 'utf8')).toBe('certain,')
  await second.publish()
  expect(readFileSync(path.join(folder, 'talk.srt'), 'utf8')).toBe('certain,')
  expect(existsSync(path.join(folder, 'talk.srt.part'))).toBe(false)
})

it('goes on from what is certain where one between them was lost before it had taken that over', async () => {
  const takeOver = jobIn(directory())
  const first = await takeOver(1, { isRecording: false })
  writeFileSync(first.pathOf(output), 'certain, and the rest')
  writeFileSync(first.checkpoint, checkpointOf(first.pathOf(output), 8))
  await takeOver(2, { isRecording: false })
  const third = await takeOver(3, { isRecording: false })
  expect(readFileSync(third.pathOf(output), 'utf8')).toBe('certain,')
  await third.prepare([srtSink(third.pathOf(output))])
  expect(await readCheckpoint(third.checkpoint)).toMatchObject({ nextOrder: 7 })
})

it('lets a slice with files of its own go on from the one before, with nothing in them', async () => {
  const folder = directory()
  const takeOver = jobIn(folder)
  const first = await takeOver(1, { part: '1', isRecording: false })
  writeFileSync(first.pathOf(output), 'slice 1')
  writeFileSync(first.checkpoint, checkpointOf(first.pathOf(output), 7))
  await first.publish()
  const second = await takeOver(2, { part: '2', isRecording: false })
  expect(second.isDone).toBe(false)
  await second.prepare([srtSink(second.pathOf(output))])
  const { outputs } = (await readCheckpoint(second.checkpoint))!
  expect(outputs).toEqual({ [second.pathOf(output)]: { order: 7, bytes: 0, blocks: 0, cuts: [] } })
  expect(existsSync(second.pathOf(output))).toBe(false)
})

it('takes the next names where a file is there, also one that came meanwhile, and keeps them', async () => {
  const folder = directory()
  const named = (attempt: number): FleetOutput[] =>
    (['srt', 'vtt'] as const).map((format) => ({ format, path: path.join(folder, `talk-${attempt}.${format}`) }))
  const others = { outputs: named(1), otherNames: (attempt: number) => named(attempt + 1), isRecording: false }
  const takeOver = (epoch: number, part: string) => jobIn(folder)(epoch, { ...others, part })
  writeFileSync(named(1)[1]!.path, 'of others')
  const first = await takeOver(1, '1')
  expect(first.outputs).toEqual(named(2))
  for (const one of first.outputs) writeFileSync(first.pathOf(one), 'ours')
  writeFileSync(named(2)[0]!.path, 'of others')
  await first.publish()
  expect(first.outputs).toEqual(named(3))
  // It had been lost before it could say so.
  const again = await takeOver(2, '1')
  expect([again.isDone, again.outputs]).toEqual([true, named(3)])
  const made = readdirSync(folder).filter((name) => name.startsWith('talk'))
  expect(made.toSorted()).toEqual(['talk-1.vtt', 'talk-2.srt', 'talk-3.srt', 'talk-3.vtt'])
  for (const one of named(3)) expect(readFileSync(one.path, 'utf8')).toBe('ours')
})

it('goes on with what is not whole where the queue lost its data, and counts slices anew', async () => {
  const folder = directory()
  const takeOver = jobIn(folder)
  const first = await takeOver(1, { part: '3', isRecording: false })
  writeFileSync(first.pathOf(output), 'certain, and the rest')
  writeFileSync(first.checkpoint, checkpointOf(first.pathOf(output), 8))
  const second = await takeOver(2, { part: '1', isRecording: false })
  expect(readFileSync(second.pathOf(output), 'utf8')).toBe('certain,')
  await second.prepare([srtSink(second.pathOf(output))])
  const { outputs } = (await readCheckpoint(second.checkpoint))!
  expect(outputs).toEqual({ [second.pathOf(output)]: { order: 3, bytes: 8, blocks: 2, cuts: [] } })
})

it('refuses whoever has a lower epoch, from the beginning and at the end', async () => {
  const takeOver = jobIn(directory())
  const stale = await takeOver(7)
  writeFileSync(stale.pathOf(output), 'stale')
  const refusal = { code: 'OUTPUT_FENCED', retryable: false }
  await expect(takeOver(7)).rejects.toMatchObject(refusal)
  await expect(takeOver(6)).rejects.toMatchObject(refusal)
  const current = await takeOver(8)
  // It had been taken over, and its folder was removed: it writes another.
  mkdirSync(path.dirname(stale.pathOf(output)), { recursive: true })
  writeFileSync(stale.pathOf(output), 'stale')
  await expect(stale.publish()).rejects.toMatchObject(refusal)
  await expect(current.assertCurrent()).resolves.toBeUndefined()
})

it('goes on while whoever was taken for dead writes into the folder that is removed', async () => {
  const takeOver = jobIn(directory())
  const stale = await takeOver(1)
  const folder = path.dirname(stale.checkpoint)
  let isOver = false
  const write = async (): Promise<void> => {
    for (let count = 0; !isOver; count++) await writeFile(path.join(folder, `draft-${count}`), '').catch(() => {})
  }
  const writing = Promise.all([write(), write(), write(), write()])
  for (let epoch = 2; epoch < 40; epoch++) {
    mkdirSync(folder, { recursive: true })
    for (let count = 0; count < 20; count++) writeFileSync(path.join(folder, `file-${count}`), '')
    const current = await takeOver(epoch)
    await expect(current.prepare([])).resolves.toBeUndefined()
  }
  isOver = true
  await writing
})

it('knows what was whole when its worker was lost before it could say so', async () => {
  const folder = directory()
  const takeOver = jobIn(folder)
  const first = await takeOver(1)
  writeFileSync(first.pathOf(output), 'whole')
  await first.publish()
  const second = await takeOver(2)
  expect(second.isDone).toBe(true)
  expect(readFileSync(path.join(folder, 'talk.srt'), 'utf8')).toBe('whole')
})

it('begins a recording anew whose checkpoint is damaged, and nothing that cannot be heard again', async () => {
  const takeOver = jobIn(directory())
  const first = await takeOver(1)
  writeFileSync(first.checkpoint, 'no checkpoint')
  await expect(takeOver(2, { isRecording: false })).rejects.toMatchObject({ code: 'CHECKPOINT_UNREADABLE' })
  const second = await takeOver(3)
  await second.prepare([])
  expect(existsSync(second.checkpoint)).toBe(false)
})

it('gives files names that are as long as they can be', async () => {
  const folder = directory()
  const outputs = [{ format: 'srt', path: path.join(folder, `${'a'.repeat(251)}.srt`) }] as const
  const made = await jobIn(folder)(1, { outputs })
  writeFileSync(made.pathOf(output), 'whole')
  const [part] = readdirSync(folder).filter((name) => name.endsWith('.part'))
  expect(readFileSync(path.join(folder, part!), 'utf8')).toBe('whole')
  await made.publish()
  await made.remove()
  expect(readdirSync(folder)).toEqual([path.basename(outputs[0].path)])
})
