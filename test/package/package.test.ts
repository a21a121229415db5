import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ffmpeg } from '../helpers/media.ts'
import { temporaryFolder } from './temporary.ts'
import { execute, modelFolder, pack, type Packed, root, userProject } from './user-project.ts'

const folder = temporaryFolder()
const tool = (file: string): string => path.join(root, 'node_modules', file)

let packed: Packed
let model: Packed
let project: string

beforeAll(async () => {
  packed = await pack(folder)
  model = await pack(folder, modelFolder)
  project = await userProject(folder, [packed, model])
}, 120_000)

describe('what npm pack makes', () => {
  it('holds the built library, its sources, its documentation, and nothing else', () => {
    const { files } = packed
    const kinds = [
      /^src\/.+\.ts$/,
      /^dist\/.+\.(?:d\.ts|js)(?:\.map)?$/,
      /^docs\/.+\.(?:md|png|svg)$/,
      /^bin\/[\w-]+\.js$/,
      /^examples\/.+\.(?:ts|html)$/,
    ]
    const single = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'THIRD_PARTY.md',
      'bin/recogniser-session.txt',
      'package.json',
    ]
    const others = files.filter((file) => !kinds.some((kind) => kind.test(file)))
    expect(others.toSorted()).toEqual(single)
    expect(files.filter((file) => /test\.|fixtures|secret|\.env|\.key/i.test(file))).toEqual([])
    for (const entry of ['index', 'captions/index', 'server/index', 'testing/index', 'cli/main'])
      expect(files).toContain(`dist/${entry}.js`)
  })

  it('is about as large as it is said to be', () => {
    const said = /`npm pack` makes ([\d.]+) MB/.exec(readFileSync(path.join(root, 'CONTRIBUTING.md'), 'utf8'))?.[1]
    const megabytes = statSync(packed.tarball).size / 1e6
    expect(Math.abs(megabytes / Number(said) - 1)).toBeLessThan(0.25)
  })

  it('has a package with the model beside it, small enough to be published', () => {
    const data = ['decoder.int8.onnx', 'encoder.int8.onnx', 'silero_vad.onnx', 'tokens.txt', 'voices.onnx']
    const texts = ['LICENSES.md', 'README.md', 'model.json', 'package.json']
    expect(model.files.toSorted()).toEqual([...texts, ...data].toSorted())
    expect(statSync(model.tarball).size).toBeLessThan(35_000_000)
  })

  it('has every source that its maps name', () => {
    const installed = path.join(project, 'node_modules/diarize-stream')
    const maps = packed.files.filter((file) => file.endsWith('.map'))
    expect(maps.length).toBeGreaterThan(100)
    for (const map of maps) {
      const file = path.join(installed, map)
      const { sources } = JSON.parse(readFileSync(file, 'utf8')) as { sources: string[] }
      const missing = sources.filter((source) => !existsSync(path.resolve(path.dirname(file), source)))
      expect(missing).toEqual([])
    }
  })

  it('pleases publint', async () => {
    expect(await execute(process.execPath, [tool('publint/src/cli.js'), packed.tarball, '--strict'], root)).toContain(
      'All good!',
    )
  })

  it('has types that resolve wherever ES modules do', async () => {
    const attw = [tool('@arethetypeswrong/cli/dist/index.js'), packed.tarball, '--profile', 'esm-only']
    // It ends with an exit code of its own where there is a problem.
    const said = await execute(process.execPath, attw, root)
    for (const entry of ['diarize-stream', 'diarize-stream/server', 'diarize-stream/testing']) {
      expect(said).toMatch(new RegExp(`"${entry}"\\s+node16 \\(from ESM\\): 🟢 \\(ESM\\)\\s+bundler: 🟢`))
    }
  })
})

/** Uses each of the three entries. */
const PROGRAM = `
import { diarize, type DiarizeOptions, resample, run, textSink, type Turn } from 'diarize-stream'
import { serve, type StreamingServer } from 'diarize-stream/server'
import { scriptedEngine, type ScriptedTurn } from 'diarize-stream/testing'

const script: ScriptedTurn[] = [{ words: 'Good morning', start: 100, end: 900, speaker: 'A' }]
const server: StreamingServer = await serve({ engine: scriptedEngine(script) })
const options: DiarizeOptions = { url: server.url, apiKey: 'any' }
const turns = diarize(options)
turns.on('partial', (turn: Turn) => turn.words[0]?.text.toUpperCase())
const silence = resample({ input: { sampleRate: 16_000, channels: 1, encoding: 's16le' } })
const { speakers } = await run([Buffer.alloc(64_000)], silence, turns, textSink(undefined, { speakers: { A: 'Alice' } }))
console.log(speakers.join())
await server.close()
`

/** The entries that run only beside what is not installed, or make nothing by themselves. */
const OTHERS = `
import { captionReport, type CaptionReport } from 'diarize-stream/captions'
import { openFleet, type FleetProgress } from 'diarize-stream/fleet'

export const report: CaptionReport = captionReport([])
export const seen: FleetProgress[] = []
export const open = openFleet
`

/** The same as it is written in plain JavaScript. */
const PLAIN = PROGRAM.replaceAll(/, type \w+|: (?:ScriptedTurn\[\]|StreamingServer|DiarizeOptions|Turn)(?= =|\))/g, '')

const SAID = '[00:00:00] Alice: Good morning\nA\n'

describe('an empty project that it was installed into', () => {
  it('compiles examples and all entries, strictly, beside the types of browsers, and runs what comes out', async () => {
    const sources = path.join(project, 'src')
    mkdirSync(sources)
    copyFileSync(path.join(root, 'examples/caption-a-video.ts'), path.join(sources, 'example.ts'))
    copyFileSync(path.join(root, 'examples/web-streams.ts'), path.join(sources, 'web-streams.ts'))
    writeFileSync(path.join(sources, 'program.ts'), PROGRAM)
    writeFileSync(path.join(sources, 'others.ts'), OTHERS)
    const compilerOptions = {
      module: 'NodeNext',
      target: 'ES2022',
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      types: ['node'],
      rootDir: 'src',
      outDir: 'built',
    }
    writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
    await execute(process.execPath, [tool('typescript/bin/tsc'), '-p', '.'], project)
    expect(readdirSync(path.join(project, 'built')).toSorted()).toEqual([
      'example.js',
      'others.js',
      'program.js',
      'web-streams.js',
    ])
    expect(await execute(process.execPath, ['built/program.js'], project)).toBe(SAID)
  })

  it('is told what to install for transcribe(), before any audio is read', async () => {
    const code = `
      import { run, textSink, transcribe } from 'diarize-stream'
      const silence = (function* () { for (;;) yield Buffer.alloc(3200) })()
      const { name, code, package: missing, message } = await run(silence, transcribe({ url: 'http://localhost:9' }), textSink()).catch((error) => error)
      console.log([name, code, missing, message].join())`
    writeFileSync(path.join(project, 'transcribe.js'), code)
    const said = await execute(process.execPath, ['transcribe.js'], project)
    expect(said).toMatch(/^EngineError,ENGINE_UNAVAILABLE,assemblyai,.*npm install assemblyai\n$/)
  })

  it('is told what to install for docxSink(), before any audio is read', async () => {
    const code = `
      import { docxSink, run, diarize } from 'diarize-stream'
      const silence = (function* () { for (;;) yield Buffer.alloc(3200) })()
      const { name, code, message } = await run(silence, diarize({ url: 'ws://localhost:9' }), docxSink('talk.docx')).catch((error) => error)
      console.log([name, code, message].join())`
    writeFileSync(path.join(project, 'document.js'), code)
    const said = await execute(process.execPath, ['document.js'], project)
    expect(said).toMatch(/^OutputError,OUTPUT_UNWRITABLE,.*npm install docx\n$/)
  })

  it('is told what to install for s3Destination()', async () => {
    const code = `
      import { s3Destination } from 'diarize-stream'
      const output = s3Destination('s3://bucket/talk.jsonl')
      const asked = [output.open({ keep: 0, signal: new AbortController().signal }), output.facts()]
      for (const one of asked) console.log(await one.catch(({ name, code, message }) => [name, code, message].join()))`
    writeFileSync(path.join(project, 'storage.js'), code)
    const said = await execute(process.execPath, ['storage.js'], project)
    expect(said).toMatch(
      /^OutputError,OUTPUT_UNWRITABLE,.*npm install @aws-sdk\/client-s3\nInputError,INPUT_UNREADABLE,.*npm install @aws-sdk\/client-s3\n$/,
    )
  })

  it('runs plain JavaScript', async () => {
    expect(PLAIN).not.toMatch(/\btype \w/)
    writeFileSync(path.join(project, 'plain.js'), PLAIN)
    expect(await execute(process.execPath, ['plain.js'], project)).toBe(SAID)
  })

  it('works in what a bundler makes in CommonJS, without a folder of packages', async () => {
    const body = PLAIN.replaceAll(/^import .*\n/gm, '')
    const imports = PLAIN.match(/^import .*$/gm)?.join('\n')
    writeFileSync(path.join(project, 'bundle.js'), `${imports}\nvoid (async () => {${body}})()`)
    const alone = path.join(folder, 'alone/bundle.cjs')
    const options = ['--bundle', '--platform=node', '--format=cjs', '--log-level=error', `--outfile=${alone}`]
    await execute(tool('.bin/esbuild'), ['bundle.js', ...options], project)
    expect(await execute(process.execPath, [alone], path.dirname(alone))).toBe(SAID)
  })

  it('runs the example of the README, with the engine and the model of this machine', async () => {
    const [, example = ''] = /```ts\n(import.*?)```/s.exec(readFileSync(path.join(root, 'README.md'), 'utf8')) ?? []
    writeFileSync(path.join(project, 'example.js'), example)
    await ffmpeg('-t', '5', '-i', path.join(root, 'demo/dialogue.mp4'), '-c', 'copy', path.join(project, 'talk.mp4'))
    const said = await execute(process.execPath, ['example.js', 'talk.mp4', 'talk.srt'], project)
    expect(said).toBe('captions of talk.mp4 are in talk.srt\n')
    expect(readFileSync(path.join(project, 'talk.srt'), 'utf8')).toMatch(/^1\n.+\nSpeaker A: Good morning/)
  })

  it('has the command', async () => {
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }
    const command = path.join(project, 'node_modules/.bin/diarize-stream')
    expect(await execute(command, ['--version'], project)).toBe(`${version}\n`)
    expect(await execute(command, ['--help'], project)).toContain('diarize-stream <input> [options]')
  })
})
