import { checkInteger, checkKnown, checkOneOf, invalidOption } from '../options.ts'
import { maxChannels, sampleEncodings, sampleRateRange, type AudioFormat } from './format.ts'

const fields = ['sampleRate', 'channels', 'encoding'] as const satisfies (keyof AudioFormat)[]

function hasFields(value: unknown): value is Record<keyof AudioFormat, unknown> {
  return typeof value === 'object' && value !== null && fields.every((field) => field in value)
}

/**
 * Refuses an option `name` that is not a whole {@link AudioFormat} within what the library reads; `undefined` passes.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 */
export function checkFormat(name: string, value: unknown): asserts value is AudioFormat | undefined {
  if (value === undefined) return
  if (!hasFields(value)) throw invalidOption(name, 'an object with sampleRate, channels and encoding', value)
  checkKnown(name, value, fields)
  checkInteger(`${name}.sampleRate`, value.sampleRate ?? null, sampleRateRange.min, sampleRateRange.max, 'Hz')
  checkInteger(`${name}.channels`, value.channels ?? null, 1, maxChannels)
  checkOneOf(`${name}.encoding`, value.encoding ?? null, sampleEncodings)
}
