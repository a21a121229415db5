import type { Warning } from '../errors.ts'
import { knownNames } from './models.ts'
import type { ConnectionParameters, ParameterName } from './parameters.ts'

/** Bounds to which the service moves a value of its own accord, in ms, and what is known of that. */
const bounds = {
  minTurnSilence: { least: 50, most: 10_000, elsewhere: 'moves others to these bounds' },
  maxTurnSilence: { least: 50, most: 10_000, elsewhere: 'moves others to these bounds' },
  speakerLabelsRevisionIntervalMs: {
    least: 120_000,
    most: 300_000,
    elsewhere: 'moves others to these bounds or refuses them, its documents disagree',
  },
} as const

/** What a session goes by that was asked for `ms`: revisions of labels may also be left out, by 0. */
export function moved(name: keyof typeof bounds, ms: number): number {
  if (name === 'speakerLabelsRevisionIntervalMs' && ms === 0) return 0
  const { least, most } = bounds[name]
  return Math.min(Math.max(ms, least), most)
}

/** A warning for each value that a server may not take; `path` is how a parameter is called where it was given. */
export function movedValues(parameters: ConnectionParameters, path: (name: ParameterName) => string): Warning[] {
  const warnings: Warning[] = []
  for (const name of Object.keys(bounds) as (keyof typeof bounds)[]) {
    const value = parameters[name]
    if (value === undefined || moved(name, value) === value) continue
    const { least, most, elsewhere } = bounds[name]
    const message = `${path(name)} is ${value} ms; the service takes ${least} to ${most} ms and ${elsewhere}`
    warnings.push({ code: 'PARAMETER_OUT_OF_RANGE', message, option: path(name), value, least, most })
  }
  return warnings
}

/** A warning for each model or mode that is not known, and is passed on all the same. */
export function unknownNames(
  parameters: ConnectionParameters,
  path: (name: ParameterName) => string,
  ownModels: readonly string[] = [],
): Warning[] {
  const known = { speechModel: [...knownNames.speechModel, ...ownModels], mode: knownNames.mode }
  const codes = { speechModel: 'UNKNOWN_MODEL', mode: 'UNKNOWN_MODE' } as const
  const warnings: Warning[] = []
  for (const name of ['speechModel', 'mode'] as const) {
    const value = parameters[name]
    if (value === undefined || (known[name] as readonly string[]).includes(value)) continue
    const message = `${path(name)} '${value}' is none of those known here (${known[name].join(', ')})`
    warnings.push({ code: codes[name], message, option: path(name), value })
  }
  return warnings
}
