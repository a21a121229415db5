import { catalogue } from '../../engine/models/catalogue.ts'
import { installedFolder } from '../../engine/models/find.ts'
import { bundledPackage, findPackage } from '../../engine/models/package.ts'
import { openEmbedder } from '../../engine/voices/embedder.ts'
import { askFfmpeg, burnsCaptions, type FfmpegAnswer, findFfmpeg } from '../../ffmpeg/find.ts'
import { FfmpegLog } from '../../ffmpeg/log.ts'
import { proxiedFetch } from '../../network.ts'
import { regionUrl } from '../../protocol/endpoint.ts'
import { type Microphone, microphones } from '../../sources/microphone.ts'
import { environmentKey } from '../../protocol/endpoint.ts'
import { EXIT } from '../exit-codes.ts'
import { parseOptions } from '../options.ts'
import { printable } from '../view/text.ts'
import { inWordsOfCommand } from '../wording.ts'

/** How long the service gets to answer, in ms. */
const LONGEST_MS = 10_000
/** How long the engine gets to load, which takes half a second, in ms. */
const LOADING_MS = 30_000

/** A line for each microphone: its id for `--device`, its name, and which one is taken where none is named. */
export async function microphoneLines(list: () => Promise<readonly Microphone[]> = microphones): Promise<string[]> {
  const found = await list()
  if (found.length === 0) return ['no microphone was found; attach one, and allow this program to use it']
  const width = Math.max(...found.map(({ id }) => printable(id).length))
  return found.map(({ id, name, preferred }) => {
    const about = name === id ? '' : `  ${printable(name)}`
    return `${printable(id).padEnd(width)}${about}${preferred ? '  (taken where none is named)' : ''}`.trimEnd()
  })
}

/** One thing that is looked at, and what to do where it is missing. */
export interface Finding {
  what: string
  found: string
  /** What gets it; absent where nothing is to be done. */
  next?: string
}

const DOCTOR_USAGE = `diarize-stream doctor [--network]

What there is on this machine of what captions are made with, and the line that gets what is missing. --network also asks
whether AssemblyAI's service can be reached; nothing is sent to it. A key is never shown.

Exit codes: 0 captions can be made, 1 something that they need is missing
`

export const DOCTOR_OPTIONS = { network: { type: 'boolean' }, help: { type: 'boolean' } } as const

/** Obeys `diarize-stream doctor`. @param args - what follows it. @returns the exit code */
export async function runDoctor(args: readonly string[], stdout: { write(text: string): unknown }): Promise<number> {
  const { values } = parseOptions(args, DOCTOR_OPTIONS, { of: 'diarize-stream doctor' })
  if (values.help === true) {
    stdout.write(DOCTOR_USAGE)
    return EXIT.complete
  }
  const ffmpeg = await ffmpegFinding()
  const engine = await engineFinding()
  const key = keyFinding()
  const findings: Finding[] = [{ what: 'Node', found: process.version }, ffmpeg, engine, modelFinding(), key]
  if (values.network === true) findings.push(await networkFinding())
  for (const { what, found, next } of findings) {
    stdout.write(`${what.padEnd(11)}${printable(found)}\n${next === undefined ? '' : `${' '.repeat(11)}-> ${next}\n`}`)
  }
  const canHear = engine.next === undefined || key.next === undefined
  return ffmpeg.next === undefined && canHear ? EXIT.complete : EXIT.output
}

async function ffmpegFinding(): Promise<Finding> {
  let file: string
  try {
    file = findFfmpeg()
  } catch (error) {
    return { what: 'FFmpeg', found: 'not found', next: inWordsOfCommand((error as Error).message) }
  }
  const ask = async (option: string): Promise<FfmpegAnswer> => {
    const answer = await askFfmpeg(file, ['-nostdin', '-hide_banner', option])
    const { code, killedFor, stderr } = answer
    if (killedFor !== undefined) {
      throw new Error(killedFor === 'time' ? 'it does not answer within 10 s' : 'it writes without end')
    }
    if (code === 0) return answer
    // As where a library that it needs is not there: it can be started, and ends at once.
    const how = code === null ? 'crashes' : `ends with exit code ${code}`
    const log = new FfmpegLog(() => {})
    log.push(stderr)
    log.end()
    throw new Error(`it ${how} at ${option}${log.tail && `: ${log.tail}`}`)
  }
  try {
    const { stdout } = await ask('-version')
    const [, version] = /^ffmpeg version (\S+)/m.exec(stdout) ?? []
    if (version === undefined) throw new Error('it does not say that it is FFmpeg')
    const libass = burnsCaptions(await ask('-filters')) ? 'with libass' : 'without libass, which --burn needs'
    return { what: 'FFmpeg', found: `${version} at ${file}, ${libass}` }
  } catch (error) {
    const found = `${file} does not run: ${(error as Error).message}`
    return { what: 'FFmpeg', found, next: 'set FFMPEG_PATH to another' }
  }
}

async function engineFinding(): Promise<Finding> {
  const what = 'engine'
  try {
    const { name } = findPackage(bundledPackage)
    // A binary that is installed need not run on this machine, so it is tried as each session does it.
    await (await openEmbedder({ signal: AbortSignal.timeout(LOADING_MS) })).close()
    return { what, found: `sherpa-onnx, with ${name} in the box` }
  } catch (error) {
    const { name, message } = error as Error
    const next = name === 'TimeoutError' ? `it does not load within ${LOADING_MS / 1000} s; try again` : message
    return { what, found: 'nothing is heard on this machine', next: inWordsOfCommand(next) }
  }
}

function modelFinding(): Finding {
  const pulled = catalogue.filter((entry) => installedFolder(entry) !== undefined).map(({ name }) => name)
  return { what: 'models', found: pulled.length === 0 ? 'none pulled; diarize-stream models list' : pulled.join(', ') }
}

function keyFinding(): Finding {
  if (environmentKey() !== undefined) return { what: 'key', found: 'ASSEMBLYAI_API_KEY is set' }
  return {
    what: 'key',
    found: 'ASSEMBLYAI_API_KEY is not set',
    next: 'set it to ask AssemblyAI, or use the engine here',
  }
}

async function networkFinding(): Promise<Finding> {
  const { host } = new URL(regionUrl('global'))
  try {
    await proxiedFetch(`https://${host}/`, { method: 'HEAD', signal: AbortSignal.timeout(LONGEST_MS) })
    return { what: 'network', found: `${host} answers` }
  } catch (error) {
    const next = 'look at the network, or at HTTPS_PROXY and NO_PROXY'
    return { what: 'network', found: `${host} cannot be reached: ${(error as Error).message}`, next }
  }
}
