#!/usr/bin/env node
// Stands for the process that runs the models, where a test needs one that does as it is told: it is named by `nodePath`.
// The first sample of an utterance says what becomes of it. What it does is written to the file `log` in FAKE_ENGINE.
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.env.FAKE_ENGINE
const log = (what) => appendFileSync(join(folder, 'log'), `${process.pid} ${what}\n`)
let memory = 100_000_000

/** Waits for a file that the test writes. */
async function released() {
  while (!existsSync(join(folder, 'go'))) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Whether this is asked for the first time, by any of these processes. */
function first(name) {
  const file = join(folder, name)
  if (existsSync(file)) return false
  writeFileSync(file, '')
  return true
}

function die(signal = 'SIGABRT') {
  process.stderr.write('it was too much\n', () => process.kill(process.pid, signal))
  return new Promise(() => {})
}

const utterances = {
  2: () => die(),
  3: () => (first('died') ? die() : undefined),
  4: () => {
    throw new Error('it did not like it')
  },
  5: () => released(),
}

/** Makes the folder for what it needs while it loads, as the real one does. */
function writeScratch() {
  const scratch = process.argv.at(-1)
  mkdirSync(scratch)
  writeFileSync(join(scratch, 'tokens.txt'), 'a 1')
  log(`wrote ${scratch}`)
}

const loads = {
  held: () => released(),
  writing: () => {
    writeScratch()
    return released()
  },
  deadly: () => die(),
  'deadly-once': () => (first('died') ? die() : undefined),
  killed: () => die('SIGKILL'),
  'killed-once': () => (first('died') ? die('SIGKILL') : undefined),
  unreadable: () => {
    throw new Error('no such model')
  },
}

async function answer({ name, input }) {
  if (name === 'loadRecogniser') await loads[input.model.name]?.()
  if (name !== 'decode') return undefined
  const [kind, text, megabytes = 0] = input.samples
  if (megabytes > 0) memory = megabytes * 1_000_000
  await utterances[kind]?.()
  return { tokens: [` ${text}`], timestamps: [0], logProbabilities: [] }
}

log('start')
process.on('disconnect', () => process.exit())
process.send({ id: -1, output: undefined, memory })
process.on('message', (request) => {
  process.send({ id: request.id, begun: true, memory })
  log(request.name === 'decode' ? `decode ${request.input.samples[1]}` : request.name)
  answer(request).then(
    (output) => process.send({ id: request.id, output, memory }),
    (error) => process.send({ id: request.id, error: { message: error.message, missing: false }, memory }),
  )
})
