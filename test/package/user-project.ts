import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

/** The checkout. */
export const root = path.resolve(import.meta.dirname, '../..')
const modules = path.join(root, 'node_modules')

interface Manifest {
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

/** Runs a program to its end, with no key; rejects with what it printed where it fails. */
export async function execute(program: string, args: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, ASSEMBLYAI_API_KEY: '', NO_COLOR: '1', FORCE_COLOR: '0' }
  try {
    return (await promisify(execFile)(program, args, { cwd, env, timeout: 120_000 })).stdout
  } catch (error) {
    const { message, stdout } = error as Error & { stdout: string }
    throw new Error(`${message}\n${stdout}`, { cause: error })
  }
}

/** What `npm pack` says of a package it has made. */
export interface Packed {
  tarball: string
  /** Paths in the package. */
  files: string[]
}

/** The package of the model, in the checkout. */
export const modelFolder = path.join(root, 'packages/diarize-stream-model-en-tiny')

/** Packs the checkout as it is built, or the package in `from`. */
export async function pack(folder: string, from = root): Promise<Packed> {
  // Its own script builds anew, under the hands of the other tests.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const [packed] = JSON.parse(await execute('npm', args, from)) as { filename: string; files: { path: string }[] }[]
  if (packed === undefined) throw new Error('npm pack made nothing')
  return { tarball: path.join(folder, packed.filename), files: packed.files.map((file) => file.path) }
}

/**
 * An empty project into which the packed packages were installed, without a network: what they depend on are links to the
 * `node_modules` of the checkout, as are `others`. FFmpeg is that of the system.
 */
export async function userProject(
  folder: string,
  packages: readonly Packed[],
  others: readonly string[] = ['@types/node'],
): Promise<string> {
  const project = path.join(folder, 'project')
  mkdirSync(project)
  writeFileSync(path.join(project, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module' }))
  const { dependencies = {}, optionalDependencies = {} } = manifestOf(root)
  const engine = Object.keys(optionalDependencies).filter(
    (name) => name.startsWith('sherpa-onnx-') && existsSync(path.join(modules, name)),
  )
  const names = [...Object.keys(dependencies), ...engine, ...others]
  // Links: what they depend on lies beside what they lead to.
  const needed = names.map((name) => path.join(modules, name))
  const how = ['--offline', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund']
  await execute('npm', ['install', ...how, ...packages.map(({ tarball }) => tarball), ...needed], project)
  return project
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest
}
