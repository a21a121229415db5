import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('results/', import.meta.url))

/** Writes what a benchmark found to bench/results, under its name. */
export function saveResults(name: string, results: unknown): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(results, null, 2)}\n`)
  console.log(`written to bench/results/${name}.json`)
}
