#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { parseCommand, USAGE } from './arguments.ts'
import { caption, EXIT, exitCodeOf } from './caption.ts'

const controller = new AbortController()
process.once('SIGINT', () => controller.abort())
process.once('SIGTERM', () => controller.abort())

try {
  const command = parseCommand(process.argv.slice(2))
  if (command === 'help') process.stdout.write(USAGE)
  else if (command === 'version') process.stdout.write(`${version()}\n`)
  else {
    const say = (line: string) => void (command.quiet || process.stderr.write(`${line}\n`))
    process.exitCode = await caption(command, say, controller.signal)
  }
} catch (error) {
  process.exitCode = exitCodeOf(error)
  const message = process.exitCode === EXIT.stopped ? 'stopped' : (error as Error).message
  process.stderr.write(`diarize-stream: ${message}\n`)
}

function version(): string {
  const about = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return about.version
}
