import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

/**
 * A folder of what many test files need, which the first of them fills and the end of the run removes. Nothing in it may be
 * changed.
 *
 * @param name - of the folder.
 * @param fill - fills it; runs twice where two files begin at once, and one of both is kept.
 */
export async function madeOnce(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const all = process.env['TESTS_MADE_ONCE']!
  const folder = join(all, name)
  if (existsSync(folder)) return folder
  await mkdir(all, { recursive: true })
  const mine = await mkdtemp(`${folder}-`)
  await fill(mine)
  // A folder that has something in it is not replaced.
  await rename(mine, folder).catch(() => rm(mine, { recursive: true }))
  return folder
}

/** Vitest calls this once for a run. */
export function setup({ config }: TestProject): () => Promise<void> {
  return () => rm(config.env['TESTS_MADE_ONCE'] as string, { recursive: true, force: true })
}
