import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import path from 'node:path'
import { installedFolder } from '../engine/models/find.ts'
import { offerLine } from '../engine/models/offer.ts'
import { type Environment, stateFolder } from '../engine/models/places.ts'
import type { Command } from './arguments.ts'

/** What decides whether anything is offered. */
export interface OfferSurroundings {
  /** Whether a person reads standard error. */
  isTerminal: boolean
  /** @defaultValue that of the process */
  env?: Environment
}

/**
 * The line that offers a better model than the one in the box, once for a user; `undefined` in pipes, where a model was
 * chosen or AssemblyAI runs, where it is to be quiet, and from the second time on.
 *
 * @param engine - which engine runs.
 */
export function modelOffer(
  { model, language, quiet, json }: Pick<Command, 'model' | 'language' | 'quiet' | 'json'>,
  engine: 'local' | 'other',
  { isTerminal, env = process.env }: OfferSurroundings,
): string | undefined {
  if (!isTerminal || quiet || json || engine !== 'local' || model !== undefined || wasOffered(env)) return undefined
  const line = offerLine({
    ...(language !== undefined && { language }),
    memory: totalmem(),
    processors: availableParallelism(),
    isInstalled: (entry) => installedFolder(entry, env) !== undefined,
  })
  if (line !== undefined) remember(env)
  return line
}

function stateFile(env: Environment): string {
  return path.join(stateFolder(env), 'offers.json')
}

function wasOffered(env: Environment): boolean {
  try {
    readFileSync(stateFile(env))
    return true
  } catch {
    return false
  }
}

/** Where nothing can be remembered, it is offered again. */
function remember(env: Environment): void {
  try {
    mkdirSync(path.dirname(stateFile(env)), { recursive: true })
    writeFileSync(stateFile(env), '{ "better": true }\n')
  } catch {
    // The offer is no reason to fail.
  }
}
