import { type Environment, stateFolder } from '../engine/models/places.ts'
import type { Command } from './arguments.ts'
import { isLocal } from './hearing.ts'
import { inputKind } from './input.ts'
import { clock } from './view/text.ts'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** What the command offers of its own accord: a better model, and the service for finished files. */
export type OfferName = 'better' | 'finished'

function stateFile(env: Environment): string {
  return path.join(stateFolder(env), 'offers.json')
}

function offered(env: Environment): Record<string, unknown> {
  try {
    const known: unknown = JSON.parse(readFileSync(stateFile(env), 'utf8'))
    return typeof known === 'object' && known !== null ? { ...known } : {}
  } catch {
    return {}
  }
}

/** Whether a user has been offered it before. */
export function wasOffered(name: OfferName, env: Environment): boolean {
  return offered(env)[name] === true
}

/** Where nothing can be remembered, it is offered again. */
export function rememberOffer(name: OfferName, env: Environment): void {
  try {
    mkdirSync(path.dirname(stateFile(env)), { recursive: true })
    writeFileSync(stateFile(env), `${JSON.stringify({ ...offered(env), [name]: true })}\n`)
  } catch {
    // The offer is no reason to fail.
  }
}

/** Shorter ones are done before anybody has read what would be faster. */
const WORTH_MS = 120_000

/**
 * The line that says what `--finished` would save, once for a user; `undefined` where it was chosen, where it would save
 * little, where AssemblyAI does not hear the file, where it is to be quiet, and from the second time on.
 */
export function finishedOffer(
  command: Command,
  duration: number | undefined,
  env: Environment = process.env,
): string | undefined {
  const { quiet, json, finished, url, input, channels } = command
  if (quiet || json || finished || url !== undefined || channels !== undefined) return undefined
  if (isLocal(command) || inputKind(input) !== 'file') return undefined
  if (duration === undefined || duration < WORTH_MS || wasOffered('finished', env)) return undefined
  rememberOffer('finished', env)
  return `this takes ${clock(duration)}, as long as the file; --finished takes minutes, after npm install assemblyai`
}
