import { loadSherpa, type SherpaAnswer, type SherpaPackage, type SherpaRequest } from './sherpa.ts'
import { collect, SherpaWork } from './worker.ts'

/** The process that holds the models: calls are done in order, and it ends with its parent. */

// Ctrl-C reaches every process of a terminal; it is the parent that decides what becomes of the last words.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit())

/** Bytes of audio after which what is left of them is thrown away: V8 would let tens of megabytes gather first. */
const collectAfter = 8_388_608
let received = 0
let work: SherpaWork | undefined

process.on('message', (request: SherpaRequest) => {
  const { id } = request
  // What ends the process was the call that it had begun with.
  send({ id, begun: true, memory: memory() })
  try {
    work ??= new SherpaWork(find(), process.argv.at(-1)!)
    send({ id, output: work.do(request), memory: memory() })
  } catch (error) {
    send({
      id,
      memory: memory(),
      error: {
        message: error instanceof Error ? error.message : String(error),
        missing: error instanceof PackageMissing,
        code: (error as NodeJS.ErrnoException).syscall && (error as NodeJS.ErrnoException).code,
      },
    })
  }
  keepLevel(request)
})

// Whoever started this knows by it that a Node.js runs it.
send({ id: -1, output: undefined, memory: memory() })

class PackageMissing extends Error {}

/** Keeps the memory of a process level that hears audio for weeks. */
function keepLevel({ input }: SherpaRequest): void {
  if ('samples' in input) received += input.samples.byteLength
  if (received < collectAfter) return
  received = 0
  collect()
}

function find(): SherpaPackage {
  try {
    return loadSherpa()
  } catch (error) {
    throw new PackageMissing((error as Error).message.split('\n', 1)[0], { cause: error })
  }
}

/** Bytes that this process takes; the most that it took where the system does not say, as in a chroot without /proc. */
function memory(): number {
  try {
    return process.memoryUsage.rss()
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}

function send(answer: SherpaAnswer): void {
  // A parent that has gone is told of by `disconnect`.
  process.send?.(answer, undefined, {}, () => {})
}
