import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import { type Checkpoint, formatCheckpoint, type Place, readCheckpoint, sha256 } from '../checkpoint/checkpoint.ts'
import { type ResumableOutput, resumableOutput } from '../checkpoint/stages.ts'
import { errorCode } from '../errors.ts'
import { unwritable } from '../sinks/destination.ts'
import { withEnding } from '../sinks/file-lock.ts'
import { replaceFile } from '../sinks/private-file.ts'
import { makeFolder, syncFile } from '../sinks/replacement.ts'
import { checkpointOf, fenced, freeOutputs, type JobOutputs, type TakeOver } from './job-outputs.ts'
import type { FleetOutput } from './jobs.ts'

const CHECKPOINT = 'checkpoint'
/** Says that all files of a part are whole. */
const DONE = 'done.json'
const COPY_BYTES = 1_048_576

/**
 * The outputs of a job in a folder that all workers share. Each who is given the job works in a folder of his own, named by his
 * epoch, in which he first puts what his predecessor had certain: so whoever was taken for dead and is not writes where nobody
 * looks any more. Files get their names at last, from the highest epoch only.
 */
export class LocalOutputs implements JobOutputs {
  /** Whether all was made before; then nothing is to be done, and there is no folder of this epoch. */
  readonly isDone: boolean
  readonly #folder: string
  #given: TakeOver
  /** How far the predecessor had come, and where. */
  #before: Before | undefined

  private constructor(given: TakeOver, before: Before | undefined, isDone: boolean) {
    this.#given = given
    this.#folder = epochFolder(given, given.epoch)
    this.#before = before
    this.isDone = isDone
  }

  /**
   * Makes `epoch` the one whose files count.
   *
   * @throws (rejects with) OutputError `OUTPUT_FENCED` where a higher one has them, `OUTPUT_UNWRITABLE`; CheckpointError
   */
  static async takeOver(given: TakeOver): Promise<LocalOutputs> {
    const { epoch, part } = given
    const root = workFolder(given)
    const draft = path.join(root, `.${epoch}-${randomUUID()}`)
    try {
      await makeFolder(root)
      // From here on nobody before gives files their names; who is about to has said so, or looks once more.
      await raiseFence(given)
      const folder = await folderBefore(given)
      const done = folder === undefined ? {} : await doneIn(folder)
      if (folder !== undefined && done.part === part) {
        const named = { ...given, outputs: done.outputs ?? given.outputs }
        await giveNames(named, folder)
        return new LocalOutputs(named, undefined, true)
      }
      await mkdir(draft)
      const checkpoint =
        folder === undefined
          ? undefined
          : await checkpointOf(given, () => readCheckpoint(path.join(folder, CHECKPOINT)))
      const before = folder !== undefined && checkpoint !== undefined ? { checkpoint, folder, done } : undefined
      if (before !== undefined) await copyCertain(before, draft, given)
      await rename(draft, epochFolder(given, epoch))
      const outputs = new LocalOutputs({ ...given, outputs: await freeOutputs(given, isThere) }, before, false)
      await outputs.assertCurrent()
      await outputs.#link()
      return outputs
    } catch (error) {
      throw ours(root, error)
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
  }

  get outputs(): readonly FleetOutput[] {
    return this.#given.outputs
  }

  /** Where the checkpoint of the run is to be. */
  get checkpoint(): string {
    return path.join(this.#folder, CHECKPOINT)
  }

  /** The file that is to be written for an output. */
  pathOf({ format }: FleetOutput): string {
    return path.join(this.#folder, partName(this.#given, format))
  }

  /**
   * Puts the predecessor's checkpoint where the run goes on from it, with `sinks`, one for each output, and removes what the
   * predecessor had: until then a successor goes on from that.
   */
  async prepare(sinks: readonly object[]): Promise<void> {
    const before = this.#before
    this.#before = undefined
    if (before !== undefined) {
      const certain = certainFiles(before)
      const own = checkpointFor(before.checkpoint, sinks, (file) => certain.get(path.extname(file)) ?? '')
      await replaceFile(this.checkpoint, formatCheckpoint(own))
    }
    await this.#removeOlder()
  }

  targets(): { output: FleetOutput; target: string }[] {
    return this.#given.outputs.map((output) => ({ output, target: this.pathOf(output) }))
  }

  /** It is on storage that all share already. */
  keep(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** @throws (rejects with) OutputError `OUTPUT_FENCED` where another has been given the job since */
  async assertCurrent(): Promise<void> {
    const highest = await highestOf(this.#given, FENCE)
    if (highest !== this.#given.epoch) throw fenced(this.#given, highest ?? 0)
  }

  /** The refusal where another has been given the job since, and may have removed the folder under whoever still writes to it. */
  async takenOver(): Promise<Error | undefined> {
    const highest = (await highestOf(this.#given, FENCE)) ?? 0
    return highest > this.#given.epoch ? fenced(this.#given, highest) : undefined
  }

  /**
   * Gives the files, which are whole, their names.
   *
   * @throws (rejects with) OutputError `OUTPUT_FENCED`, `OUTPUT_UNWRITABLE`
   */
  async publish(): Promise<void> {
    const { outputs: linked, part } = this.#given
    try {
      for (const output of linked) await syncFile(this.pathOf(output)).catch(unlessMissing)
      const outputs = await freeOutputs(this.#given, isThere)
      this.#given = { ...this.#given, outputs }
      // In this order: of two of whom one takes over, one sees what the other has done, and goes on with the same names.
      await replaceFile(path.join(this.#folder, DONE), `${JSON.stringify({ part, outputs } satisfies Done)}\n`)
      await this.assertCurrent()
      for (const { path: file } of linked) await rm(withEnding(file, '.part'), { force: true })
      await giveNames(this.#given, this.#folder)
    } catch (error) {
      throw ours(this.#folder, error)
    }
  }

  /** Forgets what was made so far. */
  async beginAnew(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      await rm(path.join(this.#folder, name), { recursive: true, force: true })
    }
  }

  /** Removes the folder of the stream, which is whole. */
  async remove(): Promise<void> {
    await rm(workFolder(this.#given), { recursive: true, force: true, maxRetries: 10 })
  }

  async #removeOlder(): Promise<void> {
    const root = workFolder(this.#given)
    for (const name of await readdir(root)) {
      const epoch = Number.parseInt(name.replace(/^\./, ''), 10)
      if (epoch >= this.#given.epoch) continue
      // One that was taken for dead may still write there: what is left is removed by the next, or with all the rest.
      await rm(path.join(root, name), { recursive: true, force: true }).catch(() => {})
    }
  }

  /** Lets people see what is made, by the name that `captionAll()` gives it, too; where there are no links, they do not. */
  async #link(): Promise<void> {
    for (const output of this.#given.outputs) {
      const draft = withEnding(output.path, `.part-${randomUUID()}`)
      try {
        await makeFolder(path.dirname(output.path))
        await symlink(path.relative(path.dirname(output.path), this.pathOf(output)), draft)
        await rename(draft, withEnding(output.path, '.part'))
      } catch {
        await rm(draft, { force: true }).catch(() => {})
      }
    }
  }
}

/** A checkpoint with which a run with these sinks goes on, whose outputs were called otherwise before. */
export function checkpointFor(
  checkpoint: Checkpoint,
  sinks: readonly object[],
  before: (path: string) => string,
): Checkpoint {
  const outputs: Record<string, Place> = {}
  const stages: Record<string, string> = { 'diarize()': checkpoint.stages['diarize()'] ?? '' }
  for (const sink of sinks) {
    const output = (sink as { [resumableOutput]?: ResumableOutput })[resumableOutput]
    if (output === undefined) continue
    // Where a slice has outputs of its own, these begin with what is new.
    const fresh: Place = { order: checkpoint.nextOrder, bytes: 0, blocks: 0, cuts: [] }
    outputs[output.path] = checkpoint.outputs[before(output.path)] ?? fresh
    stages[`${output.name} ${output.path}`] = sha256(output.options)
  }
  return { ...checkpoint, stages, outputs }
}

interface Before {
  checkpoint: Checkpoint
  folder: string
  done: Done
}

/** Which part of the stream is whole in a folder, and what its files are called. */
interface Done {
  part?: string
  outputs?: readonly FleetOutput[]
}

function workFolder({ directory, stream }: TakeOver): string {
  return path.join(directory, `.${stream}.fleet`)
}

function epochFolder(given: TakeOver, epoch: number): string {
  return path.join(workFolder(given), String(epoch))
}

function partName({ part }: TakeOver, format: string): string {
  return `${part}.${format}`
}

/** A file that says of an epoch that it was given the job. */
const FENCE = /^(\d+)\.epoch$/
/** A folder of an epoch, in which there is all that was certain before. */
const FOLDER = /^(\d+)$/

/** @throws OutputError `OUTPUT_FENCED` where another of this epoch, or a higher one, is there */
async function raiseFence(given: TakeOver): Promise<void> {
  const highest = await highestOf(given, FENCE)
  if (highest !== undefined && highest >= given.epoch) throw fenced(given, highest)
  const handle = await open(path.join(workFolder(given), `${given.epoch}.epoch`), 'wx')
  await handle.close()
}

/** The folder of the highest epoch before that came so far as to have something. */
async function folderBefore(given: TakeOver): Promise<string | undefined> {
  const epochs = (await epochsOf(given, FOLDER)).filter((epoch) => epoch < given.epoch)
  for (const epoch of epochs.toSorted((a, b) => b - a)) {
    const folder = epochFolder(given, epoch)
    if (await hasSomething(folder)) return folder
  }
  return undefined
}

/** Else whoever had it was lost before it took over what others had. */
async function hasSomething(folder: string): Promise<boolean> {
  const names: string[] = await readdir(folder).catch(() => [])
  return names.includes(CHECKPOINT) || names.includes(DONE)
}

async function highestOf(given: TakeOver, kind: RegExp): Promise<number | undefined> {
  const epochs = await epochsOf(given, kind)
  return epochs.length === 0 ? undefined : Math.max(...epochs)
}

async function epochsOf(given: TakeOver, kind: RegExp): Promise<number[]> {
  const names = await readdir(workFolder(given)).catch(() => [])
  return names.flatMap((name) => kind.exec(name)?.[1] ?? []).map(Number)
}

async function doneIn(folder: string): Promise<Done> {
  return JSON.parse(await readFile(path.join(folder, DONE), 'utf8').catch(() => '{}')) as Done
}

/**
 * Files of a predecessor that are not whole, by their endings. Where the queue lost its data, and counts anew, they are of a slice
 * with another number, and this one goes on with them.
 */
function certainFiles({ checkpoint, folder, done }: Before): Map<string, string> {
  const files = Object.keys(checkpoint.outputs).filter(
    // What a slice before had has its name.
    (file) => path.dirname(file) === folder && path.parse(file).name !== done.part,
  )
  return new Map(files.map((file) => [path.extname(file), file]))
}

/** Copies what a checkpoint says will not change any more: its owner may be writing still. */
async function copyCertain(before: Before, draft: string, given: TakeOver): Promise<void> {
  for (const [ending, file] of certainFiles(before)) {
    const bytes = before.checkpoint.outputs[file]?.bytes ?? 0
    if (bytes === 0) continue
    const from = await open(file, 'r')
    const to = await open(path.join(draft, `${given.part}${ending}`), 'wx')
    try {
      const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, bytes))
      for (let at = 0; at < bytes;) {
        const { bytesRead } = await from.read(buffer, 0, Math.min(buffer.length, bytes - at), at)
        if (bytesRead === 0) throw Object.assign(new Error(`${file} has become shorter`), { code: 'FILE_CHANGED' })
        await to.writeFile(buffer.subarray(0, bytesRead))
        at += bytesRead
      }
      await to.sync()
    } finally {
      await Promise.all([from.close(), to.close()])
    }
  }
}

/** Renames what is whole, as far as that was not done. */
async function giveNames(given: TakeOver, folder: string): Promise<void> {
  for (const { format, path: file } of given.outputs) {
    const part = path.join(folder, partName(given, format))
    await makeFolder(path.dirname(file))
    await move(part, file).catch(unlessMissing)
    await rm(withEnding(file, '.part'), { force: true })
  }
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error
    // Outputs on different disks.
    const draft = withEnding(to, `.part-${randomUUID()}`)
    await copyFile(from, draft, constants.COPYFILE_EXCL)
    await syncFile(draft)
    await rename(draft, to)
    await rm(from, { force: true })
  }
}

/** What was never made, or was done before, is not there. */
function unlessMissing(error: { code?: string }): void {
  if (error.code !== 'ENOENT') throw error
}

/** Whether all files of a job are there, by their names at last. */
export async function areThere(outputs: readonly FleetOutput[]): Promise<boolean> {
  for (const output of outputs) if (!(await isThere(output))) return false
  return true
}

async function isThere({ path: file }: FleetOutput): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  )
}

function ours(where: string, error: unknown): unknown {
  const isSystem = typeof (error as { syscall?: unknown }).syscall === 'string'
  return isSystem ? unwritable(where, error) : error
}
