import type { ClientMessage } from '../assemblyai/messages.ts'
import { invalidMessage, quote, Refusal } from './refusal.ts'

const types: readonly string[] = ['UpdateConfiguration', 'ForceEndpoint', 'KeepAlive', 'Terminate']

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isClientMessage(value: { type: string }): value is ClientMessage {
  return types.includes(value.type)
}

/** Reads a text message of a client. Throws a {@link Refusal} (3006) for anything but the four known messages. */
export function parseClientMessage(text: string): ClientMessage {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Refusal(3006, `Invalid JSON: ${quote(error instanceof Error ? error.message : String(error))}`)
  }
  if (!isObject(value)) throw invalidMessage('Input should be a JSON object')
  const { type } = value
  if (typeof type !== 'string') throw invalidMessage("'type' should be a valid string")
  const message = { ...value, type }
  if (!isClientMessage(message)) throw new Refusal(3006, `Invalid Message Type: ${quote(type)}`)
  return message
}
