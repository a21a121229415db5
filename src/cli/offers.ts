import { type Environment, stateFolder } from '../engine/models/places.ts'
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
